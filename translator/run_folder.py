"""Where everything of a run lies."""

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from translator.config.changes import changes
from translator.config.load import load_resolved_config, save_config, with_unset_of
from translator.config.schema import Config, MayChange
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
    def inputs(self) -> Path:
        """The files of the training corpus, with their checksums, as they were when they were encoded."""
        return self.path / "inputs.json"

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

    @property
    def is_claimed(self) -> bool:
        """Whether a run has begun here, if only to end at once, for a mistake in its configuration."""
        return self._stage() is not None or (self.config.is_file() and (self.path / LOCK).exists())

    @property
    def is_trained(self) -> bool:
        """Whether there is a checkpoint, or a model that was made of one."""
        return self.model.exists() or any(path.suffix != ".partial" for path in self.checkpoints.glob("step-*"))

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
        return load_resolved_config(self.config)

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
            The configuration, with what the run has found out for itself (`batch_tokens: auto`) and with what it had
            before there was a setting for it.

        Raises:
            RunError: the folder holds another run; names the keys that differ.
        """
        self._require_run_or_free()
        if stage := self._stage():
            before = self.load_config()
            if stage == MayChange.UNTIL_CHECKPOINT and config.train.batch_tokens == "auto":
                config = config.with_batch_tokens(before.train.batch_tokens)
            config = with_unset_of(config, before)
            self._require_same(before, config, stage)
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

    def _stage(self) -> MayChange | None:
        """What the run has come to: the settings that may change until then may change no more."""
        if not self.config.is_file():
            return None
        if self.is_trained:
            return MayChange.UNTIL_CHECKPOINT
        return MayChange.UNTIL_VOCABULARY if any(self.path.glob("tokenizer*.model")) else None

    def _require_same(self, before: Config, now: Config, stage: MayChange) -> None:
        """Raises a RunError for settings that may not change at this stage of the run."""
        changed = list(changes(before, now))
        refused = [change for change in changed if change.may_change <= stage and change.before != "auto"]
        if refused:
            raise RunError(
                f"{self.path} holds a run of another configuration: {'; '.join(map(str, refused))}. "
                "Name another folder with --run, or delete this one to start afresh"
            )
        moved = [change for change in changed if change.key in ("train.max_steps", "train.max_epochs")]
        if moved and stage == MayChange.UNTIL_CHECKPOINT and now.train.schedule == "cosine":
            raise RunError(
                f"{self.path}: {'; '.join(map(str, moved))}, but with train.schedule cosine the learning rate falls to "
                "zero at the last step as it was set when the run began, and the schedule is over there. Train anew in "
                "another folder (--run), with the other limit or with train.schedule inverse_sqrt or constant, whose "
                "limits may change. To end this run earlier, set train.max_minutes"
            )

    def _require_run_or_free(self) -> None:
        """Raises a RunError for a folder that holds other things than a run, begun or not."""
        if not self.path.exists() or self._stage():
            return
        # Beside a configuration may lie what is left of one that was killed while it was written.
        others = (
            [path for path in self.path.iterdir() if path.name not in (self.config.name, LOCK)]
            if self.path.is_dir()
            else [self.path]
        )
        if not all(path.match(f"{self.config.name}.*.partial") for path in others):
            raise RunError(f"{self.path} is neither empty nor a run; name another folder with --run")
