"""Trackers of experiments: TensorBoard, and Weights & Biases. Each takes the rows that `metrics.jsonl` has.

None of them stops a training: one that cannot go on says so once, and is done without.
"""

import contextlib
import importlib.util
import io
import logging
import os
import secrets
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import tensorflow as tf

from translator.config.schema import Config
from translator.errors import needs_extra
from translator.files import NoRoomError, read_file, write_file
from translator.run_folder import RunFolder
from translator.training.errors import TrainingError

log = logging.getLogger(__name__)

Pictures = Mapping[str, bytes]  # PNG files by name
Row = dict[str, Any]  # `step` and figures; those that depend on time have `seconds` or `per_second` in their names

NO_PICTURES: Pictures = MappingProxyType({})


class Log(Protocol):
    """Takes rows; one that found no room has not been taken, and can be written again."""

    def write(self, row: Row, pictures: Pictures = NO_PICTURES) -> None: ...

    def close(self) -> None: ...


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
            reason = " ".join(str(error).split())
            log.warning(
                "%s: TensorBoard's events cannot be written (%s); training goes on without them", self._folder, reason
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


class WeightsAndBiases:
    """Sends rows to Weights & Biases, or keeps them in the run's `wandb/` for later (`WANDB_MODE=offline`).

    All starts of a run are one run there; of which project, and where, its own environment variables say. Rows that a
    resumed training writes again are there twice, at the same step.
    """

    def __init__(self, run: RunFolder, config: Config) -> None:
        """Begins the run there, or goes on with it."""
        self._run: Any = None
        try:
            self._run = _begun(run, config)
        except Exception as error:  # of its own kinds, and of those of what it is made of
            self._give_up(error)

    def write(self, row: Row, pictures: Pictures = NO_PICTURES) -> None:
        """Adds a row with its pictures."""
        if self._run is None:
            return
        try:
            import wandb

            shown = {name: wandb.Image(io.BytesIO(content)) for name, content in pictures.items()}
            self._run.log({**row, **shown})
        except Exception as error:
            self._give_up(error)

    def close(self) -> None:
        """Waits until all is sent, or written."""
        if self._run is not None:
            try:
                self._run.finish()
            except Exception as error:
                self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self._run = None
        reason = " ".join(str(error).split())
        log.warning("Weights & Biases cannot be written (%s); training goes on without it", reason)


def require_trackers(config: Config) -> None:
    """Raises a TrainingError if a tracker is asked for that is not installed."""
    if "wandb" in config.train.trackers and importlib.util.find_spec("wandb") is None:
        raise TrainingError(needs_extra("train.trackers: wandb is not installed", "wandb", "'wandb>=0.20'"))


def trackers_of(config: Config, run: RunFolder) -> list[Callable[[], Log]]:
    """What begins each tracker of a run."""
    known: dict[str, Callable[[], Log]] = {
        "tensorboard": partial(TensorBoard, run.tensorboard),
        "wandb": partial(WeightsAndBiases, run, config),
    }
    return [known[name] for name in config.train.trackers]


def _begun(run: RunFolder, config: Config) -> Any:
    """A run of Weights & Biases; its id stays in the run's folder."""
    import wandb

    settings = wandb.Settings(console="off", silent=True)
    # Its own question on the terminal would stand across the progress.
    if wandb.setup(settings).settings.mode == "online" and not wandb.login(prompt=False):
        raise TrainingError("nobody is logged in: `wandb login`, or WANDB_MODE=offline")
    if not run.wandb_id.is_file():
        run.wandb_id.parent.mkdir(exist_ok=True)
        write_file(run.wandb_id, secrets.token_hex(8).encode())
    begun = wandb.init(
        id=read_file(run.wandb_id).decode(), resume="allow", dir=str(run.path), name=run.path.resolve().name,
        config=config.model_dump(mode="json"), settings=settings,
    )  # fmt: skip
    begun.define_metric("*", step_metric="step")
    return begun
