"""What a run has written of itself: settings, starts, rows of figures and log. Neither TensorFlow nor metrics here.

Whatever is missing or damaged counts as not there, so that a report can be had of any run in any state.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import safetensors

from translator.config.schema import Config
from translator.files import read_file
from translator.lock import is_locked
from translator.run_folder import RunFolder
from translator.run_log import LogLine

# A process prepares or trains in the folder. Or none does: there is no checkpoint; there is one, but no model; there is
# a model; it has been scored.
State = Literal["training", "untrained", "stopped", "complete", "scored"]

MOST_LOG_BYTES = 2**24


class Start(NamedTuple):
    """What one start ran on and with."""

    time: str  # ISO 8601
    machine: str
    software: str
    command: str

    @classmethod
    def of(cls, entry: dict[str, Any]) -> "Start":
        """From an entry as `translator.environment` writes it, be it an earlier version's."""
        processor, packages = (
            entry[key] if isinstance(entry.get(key), dict) else {} for key in ("processor", "packages")
        )
        gpus, cores = entry.get("gpus"), processor.get("usable_cores")
        commit = entry.get("commit")
        return cls(
            str(entry.get("started", "")),
            f"{number(cores, 'core') if isinstance(cores, int) else 'a processor'} of {processor.get('cores', '?')} "
            f"({processor.get('model', 'unknown')}), {', '.join(map(str, gpus)) if gpus else 'no GPU'}",
            f"translator {entry.get('translator', '?')}{f' ({str(commit)[:12]})' if commit else ''}, "
            f"{entry.get('python', 'Python')}, TensorFlow {packages.get('tensorflow', '?')}",
            str(entry.get("command", "")),
        )


Row = dict[str, float]


@dataclass(frozen=True)
class Record:
    """A run as its folder shows it now; each part is read when it is first asked for.

    Attributes:
        run: its folder.
        is_open: whether a process is at work there; None to look.
    """

    run: RunFolder
    is_open: bool | None = None

    @cached_property
    def name(self) -> str:
        """Of the run."""
        return self.run.path.resolve().name

    @cached_property
    def config(self) -> Config:
        """The run's configuration; a RunError or ConfigError if there is none."""
        return self.run.load_config()

    @cached_property
    def state(self) -> State:
        """How far the run is."""
        if is_locked(self.run.path) if self.is_open is None else self.is_open:
            return "training"
        if not self.run.model.is_file():
            return "stopped" if self.run.is_trained else "untrained"
        return "scored" if self.run.scores.is_file() else "complete"

    @cached_property
    def starts(self) -> list[Start]:
        """What each start ran on."""
        entries = self._json(self.run.environment)
        return [Start.of(entry) for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []

    @cached_property
    def rows(self) -> list[Row]:
        """The rows of `metrics.jsonl` in the order of their steps, numbers alone."""
        rows = []
        for line in self._text(self.run.metrics).splitlines():
            try:
                row = json.loads(line)
                figures = {key: float(value) for key, value in row.items() if isinstance(value, int | float)}
            except (ValueError, AttributeError, OverflowError, RecursionError):
                continue  # cut off, as by a kill; the next start removes it
            if "step" in figures:
                rows.append({key: value for key, value in figures.items() if math.isfinite(value)})
        return rows

    @property
    def training_rows(self) -> list[Row]:
        """Means over the steps between two rows."""
        return [row for row in self.rows if "learning_rate" in row]

    @property
    def validations(self) -> list[Row]:
        """The rows of validations."""
        return [row for row in self.rows if "validation_seconds" in row]

    def last(self, key: str) -> float | None:
        """The last figure of that name."""
        return next((row[key] for row in reversed(self.rows) if key in row), None)

    @property
    def best_validation(self) -> Row | None:
        """The validation with the highest BLEU."""
        return max(
            (row for row in self.validations if "validation_bleu" in row),
            key=lambda row: row["validation_bleu"],
            default=None,
        )

    @cached_property
    def scores(self) -> dict[str, Any]:
        """`report/scores.json`; empty if there is none."""
        scores = self._json(self.run.scores)
        return scores if isinstance(scores, dict) else {}

    @cached_property
    def log(self) -> list[LogLine]:
        """The lines of the log."""
        return [LogLine.of(line) for line in self._text(self.run.log, MOST_LOG_BYTES).splitlines()]

    @cached_property
    def parameters(self) -> int | None:
        """How many numbers the model has."""
        newest = max(self.run.checkpoints.glob("step-*/model.safetensors"), default=None)
        for path in filter(None, (self.run.model, newest)):
            try:
                with safetensors.safe_open(path, "np") as weights:
                    return sum(math.prod(weights.get_slice(name).get_shape()) for name in weights.keys())  # noqa: SIM118
            except (OSError, safetensors.SafetensorError):
                continue
        return None

    @cached_property
    def disk_bytes(self) -> int:
        """The sizes of all files of the run together."""
        return sum(_size(path) for path in self.run.path.rglob("*"))

    @property
    def last_start(self) -> datetime | None:
        """When the run was started last."""
        try:
            return datetime.fromisoformat(self.starts[-1].time)
        except (IndexError, ValueError):
            return None

    def _json(self, path: Path) -> Any:
        try:
            return json.loads(self._text(path))
        except (ValueError, RecursionError):
            return None

    @staticmethod
    def _text(path: Path, most: int = 2**26) -> str:
        """The content of a file; of one that is too large, or not there, nothing."""
        try:
            return read_file(path, most).decode(errors="replace")
        except OSError:
            return ""


def runs_in(folder: Path, depth: int = 3) -> list[Path]:
    """The run folders in a folder, itself included, some levels deep; a run has no others in it."""
    if RunFolder(folder).config.is_file():
        return [folder]
    if depth == 0:
        return []
    inner: Sequence[Path] = sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())
    return [run for path in inner for run in runs_in(path, depth - 1)]


def number(count: int, of: str) -> str:
    """A count with its noun."""
    return f"{count:,} {of}{'' if count == 1 else 's'}"


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:  # gone meanwhile
        return 0
