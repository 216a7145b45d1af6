"""The files of a run, and when a folder may be used for one."""

import contextlib
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from translator.config.changes import Change, changes
from translator.config.load import load_resolved_config, save_config, with_unset_of
from translator.config.schema import Config
from translator.config.section import MayChange
from translator.errors import TranslatorError
from translator.files import PARTIAL_NAME
from translator.lock import LOCK, locked

SCORES = "scores.json"  # of a report
PARTIAL_SECONDS = 24 * 60 * 60  # after which no process is writing an unfinished file any more


class RunError(TranslatorError):
    """A run folder that is missing, or not in the state that a command needs."""


@dataclass(frozen=True)
class RunFolder:
    """The folder of a run, which has everything that later commands need."""

    path: Path

    @property
    def config(self) -> Path:
        """The resolved configuration."""
        return self.path / "config.yaml"

    @property
    def environment(self) -> Path:
        """What each start ran on: a JSON list of command, versions, processor and GPUs (`translator.environment`)."""
        return self.path / "environment.json"

    @property
    def log(self) -> Path:
        """What each start printed, line by line with its time (`translator.run_log`)."""
        return self.path / "log.txt"

    @property
    def data(self) -> Path:
        """The training corpus as token ids; may be deleted, and is then written again."""
        return self.path / "data"

    @property
    def shards(self) -> Path:
        """Parts of `data` that are ready, until all are (`translator.data.shards`); may be deleted."""
        return self.path / "shards"

    @property
    def inputs(self) -> Path:
        """The files of the training corpus with the checksums that they had when they were encoded."""
        return self.path / "inputs.json"

    @property
    def left_out(self) -> Path:
        """What the filters have left out of the training corpora, if `data.filters.list` asks for it."""
        return self.path / "left_out.tsv"

    @property
    def metrics(self) -> Path:
        """One JSON object per line, each with its `step`."""
        return self.path / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        """Checkpoints, which training resumes from and averages."""
        return self.path / "checkpoints"

    @property
    def model(self) -> Path:
        """The final weights, for translation."""
        return self.path / "model" / "weights.safetensors"

    @property
    def report(self) -> Path:
        """Test translations and scores."""
        return self.path / "report"

    @property
    def scores(self) -> Path:
        """The scores of the report; with them it is complete."""
        return self.report / SCORES

    @property
    def robustness(self) -> Path:
        """The scores of the damaged test set (`translator.evaluation.robustness`)."""
        return self.report / "robustness.json"

    @property
    def page(self) -> Path:
        """The report as a page."""
        return self.report / "index.html"

    @property
    def attention(self) -> Path:
        """What the model looks at in a few sentences of the test set, for the page."""
        return self.report / "attention.json"

    @property
    def engines(self) -> Path:
        """Models converted for other engines; may be deleted, and are then made again when they are asked for."""
        return self.path / "engines"

    @property
    def tensorboard(self) -> Path:
        """TensorBoard's event files."""
        return self.path / "tensorboard"

    @property
    def wandb_id(self) -> Path:
        """By what Weights & Biases knows the run."""
        return self.path / "wandb" / "id"

    def tokenizer(self, side: str) -> Path:
        """The SentencePiece model of the "source" or "target" side; runs of earlier versions have one for both."""
        both = self.path / "tokenizer.model"
        return both if both.exists() else self.path / f"tokenizer.{side}.model"

    @property
    def is_claimed(self) -> bool:
        """Whether a run was started here, even if it ended at once because of an error in its configuration."""
        return self._stage() is not None or (self.config.is_file() and (self.path / LOCK).exists())

    @property
    def is_trained(self) -> bool:
        """Whether there is a checkpoint, or a model made from checkpoints."""
        return self.model.exists() or any(path.suffix != ".partial" for path in self.checkpoints.glob("step-*"))

    def load_config(self) -> Config:
        """The run's configuration.

        Raises:
            RunError: This is not a run folder.
        """
        if not self.config.is_file() and any([*self.path.glob("saved_model.pb"), *self.path.glob("*/saved_model.pb")]):
            raise RunError(
                f"{self.path} is not a run but an exported model: a graph, that is a program, which may read and write "
                "files. If you trust it, add --engine saved_model to `translator translate`, or use "
                "Translator.load_exported in Python"
            )
        if not self.config.is_file() and (self.path / "model.bin").is_file():
            raise RunError(
                f"{self.path} is not a run but has the model.bin of CTranslate2, whose programs it is for. Translate "
                "with the run itself: --engine ctranslate2 [--quantization int8] converts it and keeps what it converts"
            )
        if not self.config.is_file():
            raise RunError(f"{self.path} is not a run: it has no config.yaml. `translator train` makes one")
        return load_resolved_config(self.config)

    @contextlib.contextmanager
    def locked(self, *, wait_seconds: float = 0.0) -> Iterator[None]:
        """Creates the folder if it does not exist, and locks it against other processes that prepare or train.

        Args:
            wait_seconds: how long another process that does so is waited for.

        Raises:
            RunError: It is neither empty nor a run.
            LockedError: Another process has locked it.
        """
        self._require_run_or_free()
        self.path.mkdir(parents=True, exist_ok=True)
        with locked(self.path, advice="name another folder with --run", wait_seconds=wait_seconds):
            yield

    def claim(self, config: Config) -> Config:
        """Creates the folder of a run, or checks that the run in it differs only in settings that may change.

        Returns:
            The configuration, with the value that the run has found for `batch_tokens: auto`, and with the values that
            held before a setting existed.

        Raises:
            RunError: The folder has a run of another configuration; names the keys that differ.
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
        self._delete_partial_files()
        save_config(config, self.config)
        return config

    def changed_since_vocabulary(self, config: Config) -> list[Change]:
        """What differs from the run's configuration though its vocabulary and its corpus depend on it."""
        if not self._stage():
            return []
        before = self.load_config()
        return _refused(before, with_unset_of(config, before), MayChange.UNTIL_VOCABULARY)

    def require_own_files(self) -> None:
        """Raises a RunError for links out of the folder, and for pipes and devices in it."""
        folder = os.path.realpath(self.path)
        for path in self.path.rglob("*"):
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode) and not Path(os.path.realpath(path)).is_relative_to(folder):
                raise RunError(
                    f"{path} is a link out of the run folder, where nothing is written; move its target into the folder"
                )
            if not (stat.S_ISLNK(mode) or stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
                raise RunError(f"{path} is neither a file nor a folder; delete it")

    def _delete_partial_files(self) -> None:
        """Deletes files that killed processes left unfinished; a recent one may be another command's, at work."""
        oldest = time.time() - PARTIAL_SECONDS
        for path in self.path.rglob("*.partial"):
            state = path.lstat()
            if PARTIAL_NAME.search(path.name) and stat.S_ISREG(state.st_mode) and state.st_mtime < oldest:
                path.unlink()

    def _stage(self) -> MayChange | None:
        """The stage of the run: settings that may change only until then are fixed; None before it starts."""
        if not self.config.is_file():
            return None
        if self.is_trained:
            return MayChange.UNTIL_CHECKPOINT
        return MayChange.UNTIL_VOCABULARY if any(self.path.glob("tokenizer*.model")) else None

    def _require_same(self, before: Config, now: Config, stage: MayChange) -> None:
        """Raises a RunError for settings that may not change at this stage of the run."""
        if refused := _refused(before, now, stage):
            raise RunError(
                f"{self.path} has a run of another configuration: {'; '.join(map(str, refused))}. "
                "Name another folder with --run, or delete this one to start again"
            )
        moved = [change for change in changes(before, now) if change.key in ("train.max_steps", "train.max_epochs")]
        if moved and stage == MayChange.UNTIL_CHECKPOINT and now.train.schedule_has_end:
            raise RunError(
                f"{self.path}: {'; '.join(map(str, moved))}, but with train.schedule {now.train.schedule} the learning "
                "rate falls to zero at the last step that was set when the run started, where the schedule ends. Start "
                "a new run in another folder (--run), with the new limit or with train.schedule inverse_sqrt or "
                "constant, whose limits may change. To end this run earlier, set train.max_minutes"
            )

    def _require_run_or_free(self) -> None:
        """Raises a RunError for a folder with files that are not a run's."""
        if not self.path.exists() or self._stage():
            return
        if not self.path.is_dir():
            raise RunError(f"{self.path} is not a folder; name another with --run")
        own = [LOCK, self.config.name, f"{self.config.name}.*.partial"]  # partial: of a process that was killed
        if self.config.is_file():  # a start that ended before the vocabulary was there
            own += [self.log.name, f"{self.environment.name}*", f"{self.inputs.name}*", "tokenizer.*.model.*.partial"]
            if all(path.match(f"{self.page.name}*") for path in self.report.glob("*")):  # and its page
                own.append(self.report.name)
        if not all(any(path.match(pattern) for pattern in own) for path in self.path.iterdir()):
            raise RunError(f"{self.path} is neither empty nor a run; name another folder with --run")


def _refused(before: Config, now: Config, stage: MayChange) -> list[Change]:
    """The changes that are not allowed any more at a stage of a run."""
    return [change for change in changes(before, now) if change.may_change <= stage and change.before != "auto"]
