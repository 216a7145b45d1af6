"""What a run says of itself: `metrics.jsonl`, TensorBoard, and lines for whoever watches."""

import json
import math
import os
from pathlib import Path
from typing import Any

import tensorflow as tf

from translator.files import write_file

Row = dict[str, Any]  # `step` and figures; those that hang on the clock have `seconds` or `per_second` in their names


class MetricsLog:
    """Appends rows to `metrics.jsonl` and to TensorBoard."""

    def __init__(self, path: Path, tensorboard: Path, resumed_step: int) -> None:
        """Opens the log, without the rows past the step that training resumes from: they will come again."""
        rows = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
        kept = [row for row in rows if _step_of(row) <= resumed_step]
        write_file(path, "".join(f"{row}\n" for row in kept).encode())
        self._file = path.open("a", encoding="utf-8")
        self._writer = tf.summary.create_file_writer(str(tensorboard))

    def write(self, row: Row) -> None:
        """Adds a row."""
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        with self._writer.as_default(step=row["step"]):
            for name, value in row.items():
                if name != "step":
                    tf.summary.scalar(name, value)

    def close(self) -> None:
        """Writes out what TensorBoard holds back."""
        self._file.close()
        self._writer.close()


class NoLog:
    """For workers that are not the one who writes."""

    def write(self, row: Row) -> None:
        """Leaves it be."""

    def close(self) -> None:
        """Has nothing to close."""


def perplexity(nll: float) -> float:
    """The exponential of the negative log-likelihood in nats a token, bounded so that it stays a JSON number."""
    return math.exp(min(nll, 700.0))


def _step_of(row: str) -> float:
    """The row's step; past every step if the row is none, as when it was cut off when the run was killed."""
    try:
        return float(json.loads(row)["step"])
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
        return math.inf
