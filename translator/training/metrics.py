"""What a run says of itself: `metrics.jsonl`, TensorBoard, and lines for whoever watches."""

import contextlib
import json
import logging
import math
import os
from pathlib import Path
from typing import Any, Protocol

import tensorflow as tf

from translator.files import NoRoomError, room_for, write_file

log = logging.getLogger(__name__)

Row = dict[str, Any]  # `step` and figures; those that hang on the clock have `seconds` or `per_second` in their names


class Log(Protocol):
    """Takes rows; one that found no room has not been taken, and can be written again."""

    def write(self, row: Row) -> None: ...

    def close(self) -> None: ...


class MetricsFile:
    """Appends rows to `metrics.jsonl`."""

    def __init__(self, path: Path, resumed_step: int) -> None:
        """Opens the file, without the rows past the step that training resumes from: they will come again.

        Raises:
            NoRoomError: there is no room to write it anew.
        """
        self._path = path
        rows = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
        kept = [row for row in rows if _step_of(row) <= resumed_step]
        with room_for("the rows of metrics", path):
            write_file(path, "".join(f"{row}\n" for row in kept).encode())

    def write(self, row: Row) -> None:
        """Adds a row, whole or not at all.

        Raises:
            NoRoomError: there is no room for it.
        """
        whole = None
        with room_for("a row of metrics", self._path):
            try:
                with self._path.open("ab") as file:
                    whole = file.tell()
                    file.write(f"{json.dumps(row)}\n".encode())
                    file.flush()
                    os.fsync(file.fileno())
            except OSError:
                if whole is not None:
                    os.truncate(self._path, whole)
                raise

    def close(self) -> None:
        """Nothing is held back."""


class TensorBoard:
    """Writes rows as TensorBoard's event files; where that cannot be, says so once and does without."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: Any = None
        self._file: Path | None = None
        self._whole = 0  # bytes of the file that hold whole rows
        self._given_up = False

    def write(self, row: Row) -> None:
        """Adds a row, whole or not at all.

        Raises:
            NoRoomError: there is no room for it.
        """
        if self._given_up:
            return
        try:
            if self._writer is None:
                self._open()
            with self._writer.as_default(step=row["step"]):
                for name, value in row.items():
                    if name != "step":
                        tf.summary.scalar(name, value)
            self._writer.flush()
            self._whole = self._file.stat().st_size if self._file else 0
        except (tf.errors.OpError, OSError) as error:
            self._cut_off()
            if isinstance(error, tf.errors.ResourceExhaustedError):  # what TensorFlow calls a full disk, or quota
                raise NoRoomError(f"{self._folder}: no room on the disk for TensorBoard's events") from error
            self._given_up = True
            log.warning(
                "%s: TensorBoard's events cannot be written (%s); training goes on without them",
                self._folder,
                " ".join(str(error).split()),
            )

    def close(self) -> None:
        """Closes the event file."""
        if self._writer is not None:
            self._writer.close()

    def _open(self) -> None:
        before = set(self._folder.glob("*"))
        try:
            self._writer = tf.summary.create_file_writer(str(self._folder))
        finally:
            self._file, self._whole = next(iter(set(self._folder.glob("*")) - before), None), 0

    def _cut_off(self) -> None:
        """Leaves the event file, which ends with its last whole row; the next row begins another."""
        with contextlib.suppress(tf.errors.OpError):
            self.close()
        self._writer = None
        with contextlib.suppress(OSError):
            if self._file is not None and self._whole:
                os.truncate(self._file, self._whole)
            elif self._file is not None:
                self._file.unlink()


def means(window: list[float]) -> Row:
    """The figures of a row from the sums of the steps since the last: nothing where all of those were skipped."""
    loss, nll, tokens, norm, steps = window
    if not steps:
        return {}
    return {
        "loss": loss / tokens,
        "nll": nll / tokens,
        "perplexity": perplexity(nll / tokens),
        "gradient_norm": norm / steps,
    }


def perplexity(nll: float) -> float:
    """The exponential of the negative log-likelihood in nats a token, bounded so that it stays a JSON number."""
    return math.exp(min(nll, 700.0))


def _step_of(row: str) -> float:
    """The row's step; past every step if the row is none, as when it was cut off when the run was killed."""
    try:
        return float(json.loads(row)["step"])
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
        return math.inf
