"""What a run records of itself: rows of figures, in `metrics.jsonl` and in the trackers of experiments."""

import json
import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from translator.files import append_to_file, room_for, write_file
from translator.training.room import Room
from translator.training.state import TrainingState, Validation
from translator.training.trackers import NO_PICTURES, Log, Pictures, Row


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
        with room_for("a row of metrics", self._path):
            append_to_file(self._path, f"{json.dumps(row)}\n".encode())

    def close(self) -> None:
        """Nothing is held back."""


class Logs:
    """The logs of a run. Writing waits for room on the disk."""

    def __init__(self, metrics: Path, room: Room, trackers: Sequence[Callable[[], Log]] = ()) -> None:
        """Opens nothing yet; `metrics` is the path of `metrics.jsonl`, and each of `trackers` begins one."""
        self._metrics, self._room, self._trackers = metrics, room, trackers
        self._logs: list[Log] = []

    def open(self, step: int) -> None:
        """Opens them to go on after a step."""
        file = self._room.wait_for(lambda: MetricsFile(self._metrics, step))
        self._logs = [file, *(begin() for begin in self._trackers)]

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


def validation_row(validation: Validation, best_bleu: float, seconds: float, training_seconds: float) -> Row:
    """A validation that took so long, after so many seconds of training, itself among them."""
    return {
        "step": validation.step,
        "validation_loss": validation.loss,
        "validation_nll": validation.nll,
        "validation_perplexity": perplexity(validation.nll),
        "validation_bleu": validation.bleu,
        **{f"validation_bleu/{pair}": bleu for pair, bleu in validation.bleus.items()},
        "best_validation_bleu": best_bleu,
        "validation_seconds": seconds,
        "training_seconds": training_seconds,
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
