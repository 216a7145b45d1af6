"""Where everything of a run lies."""

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from translator.config import Config, load_config, save_config
from translator.errors import TranslatorError
from translator.lock import LOCK, locked


class RunError(TranslatorError):
    """A run folder that is not there, or not what a command needs."""


@dataclass(frozen=True)
class RunFolder:
    """A run: its whole story, and all that later commands need."""

    path: Path

    @property
    def config(self) -> Path:
        """The resolved configuration."""
        return self.path / "config.yaml"

    @property
    def data(self) -> Path:
        """The training corpus as token ids; can be deleted and is then written anew."""
        return self.path / "data"

    @property
    def metrics(self) -> Path:
        """One JSON object a row, each with its `step`."""
        return self.path / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        """What training resumes from and averages."""
        return self.path / "checkpoints"

    @property
    def model(self) -> Path:
        """The weights to translate with."""
        return self.path / "model" / "weights.safetensors"

    @property
    def report(self) -> Path:
        """Test translations and scores."""
        return self.path / "report"

    @property
    def tensorboard(self) -> Path:
        """TensorBoard's event files."""
        return self.path / "tensorboard"

    def tokenizer(self, side: str) -> Path:
        """The SentencePiece model of the "source" or "target" side; earlier versions wrote one for both."""
        both = self.path / "tokenizer.model"
        return both if both.exists() else self.path / f"tokenizer.{side}.model"

    def load_config(self) -> Config:
        """The run's configuration.

        Raises:
            RunError: this is no run folder.
        """
        if not self.config.is_file() and (self.path / "saved_model.pb").is_file():
            raise RunError(
                f"{self.path} is no run but an exported model: a graph, that is a program, which may read and write "
                "files. If you trust it, add --engine saved_model to `translator translate`, or use "
                "Translator.load_exported in Python"
            )
        if not self.config.is_file():
            raise RunError(f"{self.path} is not a run: it has no config.yaml. `translator train` makes one")
        return load_config(self.config)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Makes the folder if need be, and keeps other processes from preparing or training in it.

        Raises:
            RunError: it is neither empty nor a run.
            LockedError: another process works in it.
        """
        self._require_run_or_free()
        self.path.mkdir(parents=True, exist_ok=True)
        with locked(self.path):
            yield

    def claim(self, config: Config) -> Config:
        """Makes the folder for a run, or checks that the run in it is the same but for what may change on the way.

        Returns:
            The configuration, with what the run has found out for itself (`batch_tokens: auto`).

        Raises:
            RunError: the folder holds another run; names the keys that differ.
        """
        self._require_run_or_free()
        if self._is_begun():
            if config.train.batch_tokens == "auto":
                config = config.with_batch_tokens(self.load_config().train.batch_tokens)
            before, now = (_flat(c.model_dump(mode="json")) for c in (self.load_config(), config))
            differing = sorted(
                key for key in before if before[key] not in (now[key], "auto") and not key.startswith(MAY_CHANGE)
            )
            if differing:
                shown = "; ".join(f"{key} was {before[key]!r:.60} and is {now[key]!r:.60}" for key in differing)
                raise RunError(
                    f"{self.path} holds a run of another configuration: {shown}. "
                    "Name another folder with --run, or delete this one to start afresh"
                )
        self.require_own_files()
        self.path.mkdir(parents=True, exist_ok=True)
        save_config(config, self.config)
        return config

    def require_own_files(self) -> None:
        """Raises a RunError for what would lead out of the folder when it is written to, or have no end when read."""
        folder = os.path.realpath(self.path)
        for path in self.path.rglob("*"):
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode) and not Path(os.path.realpath(path)).is_relative_to(folder):
                raise RunError(
                    f"{path} is a link out of the run folder, where nothing is written; move what it leads to"
                )
            if not (stat.S_ISLNK(mode) or stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
                raise RunError(f"{path} is neither a file nor a folder; delete it")

    def _is_begun(self) -> bool:
        """Whether there is more than a configuration: a first command may have ended at once, for a mistake in it."""
        return self.config.is_file() and (any(self.path.glob("tokenizer*.model")) or self.checkpoints.exists())

    def _require_run_or_free(self) -> None:
        """Raises a RunError for a folder that holds other things than a run, begun or not."""
        if not self.path.exists() or self._is_begun():
            return
        # Beside a configuration may lie what is left of one that was killed while it was written.
        others = (
            [path for path in self.path.iterdir() if path.name not in (self.config.name, LOCK)]
            if self.path.is_dir()
            else [self.path]
        )
        if not all(path.match(f"{self.config.name}.*.partial") for path in others):
            raise RunError(f"{self.path} is neither empty nor a run; name another folder with --run")


# Keys, or beginnings of keys, that a run may be gone on with under other values: limits, reporting, evaluation.
MAY_CHANGE = (
    "data.root",
    "data.test",
    "search.",
    "train.max_",
    "train.log_every_steps",
    "train.validate_every_steps",
    "train.validation_beam",
    "train.save_every_steps",
    "train.keep_checkpoints",
    "train.average_",
    "train.early_stopping",
    "train.patience",
    "train.devices",
)


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, with dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat
