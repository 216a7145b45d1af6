"""Checkpoints: all that training must know to go on as if it had never stopped.

A checkpoint is a folder `step-00000500` that appears whole or not at all:

    model.safetensors       the weights, never averaged ones
    optimizer.safetensors   Adam's moments; dropped from all but the newest checkpoints
    state.json              `TrainingState`, and the SHA-256 of the two files
"""

import contextlib
import hashlib
import json
import logging
import re
import shutil
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from translator.errors import TranslatorError
from translator.files import flush_to_disk, read_file, room_for, sha256, write_file
from translator.model.weights import (
    are_of_version_0_1,
    get_weights,
    read_shapes,
    read_weights,
    set_weights,
    write_weights,
)
from translator.training.optimizer import Variables
from translator.training.state import TrainingState

log = logging.getLogger(__name__)

WEIGHTS = ("model.safetensors", "optimizer.safetensors")


class CheckpointError(TranslatorError):
    """Checkpoints that cannot be resumed from."""


class Checkpoints:
    """The checkpoints of a run."""

    def __init__(self, folder: Path, keep: int) -> None:
        """`keep` newest checkpoints stay whole; of older ones only weights, where `prune` is told to keep them."""
        self.folder, self.keep = folder, keep

    def steps(self) -> list[int]:
        """Steps of all checkpoints, the oldest first. Whatever else lies in the folder, such as copies, is none."""
        folders = [path for path in self.folder.glob("step-*") if path.is_dir() and not path.is_symlink()]
        return sorted(
            int(path.name[5:]) for path in folders if re.fullmatch("step-([0-9]{8}|[1-9][0-9]{8,17})", path.name)
        )

    def save(self, state: TrainingState, model: Variables, optimizer: Variables) -> None:
        """Writes a checkpoint of the state's step.

        Raises:
            NoRoomError: there is no room for it.
        """
        final = self._path(state.step)
        partial = final.with_name(final.name + ".partial")
        with room_for(f"a checkpoint of step {state.step:,}", self.folder):
            try:
                self._write(partial, state, model, optimizer)
            except OSError:
                shutil.rmtree(partial, ignore_errors=True)
                raise
        if final.exists():
            self._replace(final, partial)
        else:
            partial.rename(final)
        flush_to_disk(self.folder)

    def _replace(self, final: Path, partial: Path) -> None:
        """Puts a checkpoint in the place of one that was saved at the same step."""
        hashes = json.loads(read_file(partial / "state.json"))["sha256"]
        if all(_is_file_of(hashes[name], final / name) for name in WEIGHTS):
            # The state alone has changed, as of a run that ends where it was stopped: at no time is there none.
            write_file(final / "state.json", read_file(partial / "state.json"))
            shutil.rmtree(partial)
            return
        before = final.with_name(final.name + ".before.partial")
        final.rename(before)
        partial.rename(final)
        shutil.rmtree(before, ignore_errors=True)

    def _write(self, partial: Path, state: TrainingState, model: Variables, optimizer: Variables) -> None:
        shutil.rmtree(partial, ignore_errors=True)
        write_weights(get_weights(model), partial / "model.safetensors")
        write_weights(get_weights(optimizer), partial / "optimizer.safetensors")
        hashes = {name: sha256(partial / name) for name in WEIGHTS}
        write_file(partial / "state.json", _manifest(state, hashes))
        for path in partial.iterdir():
            flush_to_disk(path)

    def replace_state(self, state: TrainingState) -> None:
        """Changes what the checkpoint of the state's step says beside its weights and moments, wholly or not at all.

        Raises:
            NoRoomError: there is no room for it.
        """
        path = self._path(state.step) / "state.json"
        hashes = json.loads(path.read_text(encoding="utf-8"))["sha256"]
        with room_for(f"the state of step {state.step:,}", self.folder):
            write_file(path, _manifest(state, hashes))

    def restore_newest(self, model: Variables, optimizer: Variables) -> TrainingState | None:
        """Goes back to the newest intact checkpoint; None if there are none at all.

        A damaged one is named in a warning and set aside as `….damaged`, and the one before it is taken.

        Raises:
            CheckpointError: there are checkpoints, but none is intact, or an earlier version wrote the newest.
            WeightsError: they belong to another model.
        """
        steps = self.steps()
        # Only those older than all whole ones are meant to be without moments.
        whole = [step for step in steps if (self._path(step) / "optimizer.safetensors").exists()]
        for step in reversed([step for step in steps if whole and step >= whole[0]]):
            path = self._path(step)
            try:
                state = self._intact_state(step, WEIGHTS)
            except CheckpointError as error:
                log.warning("%s; trying the checkpoint before it", error)
                aside = path.with_name(path.name + ".damaged")
                shutil.rmtree(aside, ignore_errors=True)
                path.rename(aside)
                continue
            _require_own_moments(path)
            for variables, name in zip((model, optimizer), WEIGHTS, strict=True):
                set_weights(variables, read_weights(path / name), path / name)
            return state
        if steps:
            raise CheckpointError(
                f"no checkpoint in {self.folder} is intact; delete the folder to train from the start"
            )
        return None

    def newest(self) -> tuple[TrainingState, Path] | None:
        """The state and the file of the weights of the newest checkpoint that is not damaged."""
        for step in reversed(self.steps()):
            with contextlib.suppress(CheckpointError):
                return self._intact_state(step, WEIGHTS[:1]), self._path(step) / WEIGHTS[0]
        return None

    def weights_file(self, step: int) -> Path | None:
        """The file of the weights of a step's checkpoint; None if that is missing or damaged."""
        with contextlib.suppress(CheckpointError):
            self._intact_state(step, WEIGHTS[:1])
            return self._path(step) / WEIGHTS[0]
        return None

    def _intact_state(self, step: int, weights: Iterable[str]) -> TrainingState:
        """The state of a checkpoint.

        Raises:
            CheckpointError: it is damaged, or those of its weights are that are asked for; names what is.
        """
        path = self._path(step)
        try:
            manifest = json.loads(read_file(path / "state.json"))
            hashes, state = manifest["sha256"], TrainingState.from_json(manifest["state"])
            intact = hashes["state"] == _state_hash(manifest["state"]) and state.step == step
        except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
            raise CheckpointError(f"{path} is damaged (state.json: {' '.join(str(error).split())})") from error
        damaged = [name for name in weights if not _is_file_of(hashes.get(name), path / name)]
        if damaged or not intact:
            raise CheckpointError(f"{path} is damaged ({', '.join(damaged or ['state.json'])})")
        return state

    def prune(self, averaged: Iterable[int]) -> None:
        """Deletes what is no longer needed: all but the newest, and of those to be averaged all but the weights."""
        steps, averaged = self.steps(), set(averaged)
        for step in steps[: -self.keep]:
            if step in averaged:
                (self._path(step) / "optimizer.safetensors").unlink(missing_ok=True)
            else:
                shutil.rmtree(self._path(step))
        for leftover in self.folder.glob("step-*.partial"):
            shutil.rmtree(leftover, ignore_errors=True)

    def weights(self, step: int) -> dict[str, np.ndarray]:
        """The weights of a checkpoint, by their names.

        Raises:
            CheckpointError: it is damaged.
        """
        try:
            self._intact_state(step, WEIGHTS[:1])
        except CheckpointError as error:
            raise CheckpointError(f"{error}; delete it, and the same command goes on without it") from error
        return read_weights(self._path(step) / WEIGHTS[0])

    def _path(self, step: int) -> Path:
        return self.folder / f"step-{step:08d}"


def _require_own_moments(path: Path) -> None:
    """Raises a CheckpointError for a checkpoint of version 0.1, whose optimizer counted its updates by itself."""
    if are_of_version_0_1(read_shapes(path / WEIGHTS[0])):
        raise CheckpointError(
            f"{path} was written by an earlier version of this program, and this one cannot resume its training. Train "
            "on with that version, or start another run (--run); translate, eval and export take the run as it is"
        )


def _manifest(state: TrainingState, hashes: dict[str, str]) -> bytes:
    """The content of `state.json`; `hashes` are the checksums of the other files, by their names."""
    values = asdict(state)
    return json.dumps({"state": values, "sha256": hashes | {"state": _state_hash(values)}}, indent=1).encode()


def _is_file_of(digest: Any, path: Path) -> bool:
    try:
        return sha256(path) == digest
    except OSError:
        return False


def _state_hash(state: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()
