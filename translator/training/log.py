"""What a run records of itself: rows of figures, in `metrics.jsonl` and in TensorBoard."""

import contextlib
import json
import logging
import math
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import tensorflow as tf

from translator.files import NoRoomError, room_for, write_file
from translator.run_folder import RunFolder
from translator.training.room import Room
from translator.training.state import TrainingState, Validation

log = logging.getLogger(__name__)

Pictures = Mapping[str, bytes]  # PNG files by name
Row = dict[str, Any]  # `step` and figures; those that depend on time have `seconds` or `per_second` in their names


NO_PICTURES: Pictures = MappingProxyType({})


class Log(Protocol):
    """Takes rows; one that found no room has not been taken, and can be written again."""

    def write(self, row: Row, pictures: Pictures = NO_PICTURES) -> None: ...

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

    def write(self, row: Row, pictures: Pictures = NO_PICTURES) -> None:
        """Adds a row, whole or not at all, and no picture.

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

    def write(self, row: Row, pictures: Pictures = NO_PICTURES) -> None:
        """Adds a row with its pictures, whole or not at all.

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
                for name, content in pictures.items():
                    tf.summary.image(name, tf.io.decode_png(content, 3)[None])
            self._writer.flush()
            self._whole = self._file.stat().st_size if self._file else 0
        except (tf.errors.OpError, OSError) as error:
            self._cut_off()
            if isinstance(error, tf.errors.ResourceExhaustedError):  # what TensorFlow calls a full disk, or quota
                raise NoRoomError(f"{self._folder}: no space left on the disk for TensorBoard's events") from error
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


class Logs:
    """The logs of a run. Writing waits for room on the disk."""

    def __init__(self, run: RunFolder, room: Room) -> None:
        """Opens nothing yet."""
        self._run, self._room = run, room
        self._logs: list[Log] = []

    def open(self, step: int) -> None:
        """Opens them to go on after a step."""
        file = self._room.wait_for(lambda: MetricsFile(self._run.metrics, step))
        self._logs = [file, TensorBoard(self._run.tensorboard)]

    def write(self, row: Row, pictures: Pictures = NO_PICTURES) -> None:
        """Adds a row to each, with its pictures where those can be shown."""
        # JSON has no NaN and no infinity, and TensorBoard draws none.
        finite = {name: figure for name, figure in row.items() if math.isfinite(figure)}
        for log in self._logs:
            self._room.wait_for(partial(log.write, finite, pictures))

    def close(self) -> None:
        """Closes them; they can be opened again."""
        for log in self._logs:
            log.close()


class NoLogs:
    """The logs of a worker that writes none."""

    def open(self, step: int) -> None: ...

    def write(self, row: Row, pictures: Pictures = NO_PICTURES) -> None: ...

    def close(self) -> None: ...


class Speed:
    """Target tokens a second of the steps since the last row, compiling, validation and writing left out.

    Steps run behind the loop's back on a GPU. What is timed is from the start of the first step until the figures of
    the last one are there, which is when all of them are done.
    """

    def __init__(self) -> None:
        self._tokens, self._seconds = 0.0, 0.0
        self._began: float | None = None

    def begin(self, now: float) -> None:
        """A step begins; the first one since `fetched` starts the clock."""
        if self._began is None:
            self._began = now

    def fetched(self, now: float, tokens: float) -> None:
        """The figures of all steps that were begun are there; they had so many target tokens."""
        if self._began is not None:
            self._seconds += now - self._began
        self._tokens, self._began = self._tokens + tokens, None

    def take(self) -> float | None:
        """Target tokens a second since the last call; None where no step was timed."""
        speed = self._tokens / self._seconds if self._seconds else None
        self._tokens, self._seconds = 0.0, 0.0
        return speed


def training_row(state: TrainingState, steps_per_epoch: int, learning_rate: float, speed: float | None) -> Row:
    """The mean over the steps since the last row, without the figures that there is no step for.

    Args:
        state: after the last of the steps.
        steps_per_epoch: of the first epoch.
        learning_rate: of the last of the steps.
        speed: target tokens a second.
    """
    row = {
        "step": state.step,
        "epoch": state.position.epoch + state.position.batch / steps_per_epoch,
        **means(state.window),
        "learning_rate": learning_rate,
        "target_tokens": state.target_tokens,
        "skipped_steps": state.skipped_steps,
        "training_seconds": state.training_seconds,
    }
    if speed is not None:
        row["target_tokens_per_second"] = speed
    if state.drawn:
        row["plain_segmentations"] = state.plain / state.drawn
    return row


def validation_row(validation: Validation, best_bleu: float, seconds: float) -> Row:
    """A validation that took so long."""
    return {
        "step": validation.step,
        "validation_loss": validation.loss,
        "validation_nll": validation.nll,
        "validation_perplexity": perplexity(validation.nll),
        "validation_bleu": validation.bleu,
        "best_validation_bleu": best_bleu,
        "validation_seconds": seconds,
    }


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
    """The exponential of the negative log-likelihood in nats a token, bounded by what TensorBoard's float32 holds."""
    return math.exp(min(nll, 88.0))


def _step_of(row: str) -> float:
    """The row's step; past every step if the row is none, as when it was cut off when the run was killed."""
    try:
        return float(json.loads(row)["step"])
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
        return math.inf
