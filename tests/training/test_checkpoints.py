import dataclasses
import errno
import logging
import re
from pathlib import Path

import numpy as np
import pytest

from tests.trained import SHAPES, Trained, save
from translator.data.plan import Position
from translator.files import NoRoomError
from translator.model.weights import WeightsError
from translator.training import checkpoints as checkpoints_module
from translator.training.checkpoints import CheckpointError, Checkpoints
from translator.training.state import TrainingState, Validation


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    return Checkpoints(tmp_path / "checkpoints", keep=2)


def restore(checkpoints: Checkpoints, into: Trained) -> TrainingState | None:
    return checkpoints.restore_newest(into.model, into.optimizer)


def folder_of(checkpoints: Checkpoints, step: int) -> Path:
    return checkpoints.folder / f"step-{step:08d}"


def flip(path: Path, pattern: bytes | None = None) -> None:
    """Flips the lowest bit of the byte where the pattern ends, or of the file's last byte."""
    content = bytearray(path.read_bytes())
    place = len(content) - 1
    if pattern is not None:
        found = re.search(pattern, content)
        assert found is not None
        place = found.end() - 1
    content[place] ^= 1
    path.write_bytes(content)


# There and back


def test_a_state_can_be_replaced_and_nothing_else_changes(checkpoints: Checkpoints):
    save(checkpoints, 7, 8)
    checkpoints.replace_state(TrainingState(8, Position(2, 5), rate_halvings=1))
    trained = Trained(1)
    assert restore(checkpoints, trained) == TrainingState(8, Position(2, 5), rate_halvings=1)
    assert trained.equals(Trained(8))


def test_a_checkpoint_comes_back_to_the_last_bit(checkpoints: Checkpoints):
    state = TrainingState(
        step=12,
        position=Position(3, 4),
        training_seconds=1 / 3,
        target_tokens=10**12,
        window=[0.1, 1e-300, 2.0**60, 0.0, 5.0],
        validations=[Validation(5, 1 / 7, 2.5, 30.0), Validation(10, 1e-9, 2.25, 100 / 3)],
    )
    trained = Trained(12)
    checkpoints.save(state, trained.model, trained.optimizer)
    other = Trained(99)
    assert not other.equals(trained)
    assert restore(checkpoints, other) == state
    assert other.equals(trained)


def test_saving_changes_neither_state_nor_weights(checkpoints: Checkpoints):
    state, trained = TrainingState(12, validations=[Validation(5, 1.0, 2.0, 3.0)]), Trained(12)
    before = dataclasses.replace(state, validations=list(state.validations))
    checkpoints.save(state, trained.model, trained.optimizer)
    assert state == before
    assert trained.equals(Trained(12))


def test_numbers_that_are_no_numbers_come_back_too(checkpoints: Checkpoints):
    trained, other = Trained(1), Trained(2)
    trained.model["weight_1"].assign(np.array([np.nan, np.inf, -np.inf, -0.0], np.float32))
    checkpoints.save(TrainingState(1), trained.model, trained.optimizer)
    restore(checkpoints, other)
    assert other.equals(trained)


def test_the_newest_is_restored(checkpoints: Checkpoints):
    save(checkpoints, 9, 10, 8)
    other = Trained(99)
    state = restore(checkpoints, other)
    assert state is not None
    assert (state.step, state.position) == (10, Position(1, 10))
    assert other.equals(Trained(10))
    assert checkpoints.steps() == [8, 9, 10]


def test_without_checkpoints_nothing_is_restored(checkpoints: Checkpoints):
    other = Trained(99)
    assert restore(checkpoints, other) is None
    assert other.equals(Trained(99))


def test_a_step_saved_again_replaces_the_one_before(checkpoints: Checkpoints):
    save(checkpoints, 5)
    trained, other = Trained(6), Trained(99)
    checkpoints.save(TrainingState(5), trained.model, trained.optimizer)
    restore(checkpoints, other)
    assert other.equals(trained)


# Interrupted and damaged


def test_there_is_a_checkpoint_at_any_moment_of_saving_its_step_again(
    checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch
):
    save(checkpoints, 5)
    trained = Trained(5)
    rename = Path.rename

    def renamed(path: Path, to: Path) -> Path:
        after = rename(path, to)
        assert restore(checkpoints, Trained(99)) is not None
        return after

    monkeypatch.setattr(Path, "rename", renamed)
    checkpoints.save(TrainingState(5, split_in=2), trained.model, trained.optimizer)
    other = Trained(99)
    assert restore(checkpoints, other) == TrainingState(5, split_in=2)
    assert other.equals(trained)
    assert [path.name for path in checkpoints.folder.iterdir()] == ["step-00000005"]


def test_an_interrupted_save_is_no_checkpoint(checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch):
    save(checkpoints, 5)

    def killed(path: Path) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(checkpoints_module, "sha256", killed)
        with pytest.raises(KeyboardInterrupt):
            save(checkpoints, 6)
    assert checkpoints.steps() == [5]
    other = Trained(99)
    restore(checkpoints, other)
    assert other.equals(Trained(5))
    checkpoints.prune([])
    assert [path.name for path in checkpoints.folder.iterdir()] == ["step-00000005"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_by_folder_and_step_and_takes_nothing(
    checkpoints: Checkpoints, number: int, monkeypatch: pytest.MonkeyPatch
):
    save(checkpoints, 5)

    def full(path: Path) -> str:
        raise OSError(number, "no room")

    with monkeypatch.context() as patched:
        patched.setattr(checkpoints_module, "sha256", full)
        with pytest.raises(
            NoRoomError, match=f"{checkpoints.folder}: no space left on the disk for a checkpoint of step 1,006"
        ):
            save(checkpoints, 1006)
    assert [path.name for path in checkpoints.folder.iterdir()] == ["step-00000005"]
    save(checkpoints, 1006)
    assert checkpoints.steps() == [5, 1006]


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("model.safetensors", None),
        ("optimizer.safetensors", None),
        ("state.json", rb'"step'),
        ("state.json", rb'"batch": \d'),
        ("state.json", rb'"sha256": \{\s*"\S+ "\w'),
    ],
)
def test_a_flipped_bit_brings_a_warning_with_the_file_and_the_checkpoint_before(
    checkpoints: Checkpoints, name: str, pattern: bytes | None, caplog: pytest.LogCaptureFixture
):
    save(checkpoints, 5, 6, 7)
    flip(folder_of(checkpoints, 7) / name, pattern)
    other = Trained(99)
    with caplog.at_level(logging.WARNING):
        state = restore(checkpoints, other)
    assert state is not None
    assert state.step == 6
    assert other.equals(Trained(6))
    (record,) = caplog.records
    assert str(folder_of(checkpoints, 7)) in record.getMessage()
    # A digest that is damaged itself accuses the file that it belongs to.
    assert name in record.getMessage() or (pattern and b"sha256" in pattern)


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "state.json"])
@pytest.mark.parametrize("size", [0, 20, None])
def test_a_file_cut_off_or_missing_brings_the_checkpoint_before(
    checkpoints: Checkpoints, name: str, size: int | None, caplog: pytest.LogCaptureFixture
):
    save(checkpoints, 6, 7)
    path = folder_of(checkpoints, 7) / name
    if size is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:size])
    other = Trained(99)
    state = restore(checkpoints, other)
    assert state is not None
    assert state.step == 6
    assert other.equals(Trained(6))
    assert name in caplog.text


def test_when_none_is_intact_the_error_names_the_folder(checkpoints: Checkpoints):
    save(checkpoints, 6, 7)
    for step in (6, 7):
        flip(folder_of(checkpoints, step) / "model.safetensors")
    with pytest.raises(CheckpointError, match=f"no checkpoint in {checkpoints.folder} is intact"):
        restore(checkpoints, Trained(99))


def test_another_model_is_an_error_with_what_differs_and_changes_nothing(checkpoints: Checkpoints):
    save(checkpoints, 5)
    other = Trained(99, shapes=((2, 3), (5,), ()))
    with pytest.raises(WeightsError) as caught:
        restore(checkpoints, other)
    assert "model.safetensors holds the weights of another model" in str(caught.value)
    assert "weight_1 (model: (5,), file: (4,))" in str(caught.value)
    assert other.equals(Trained(99, shapes=((2, 3), (5,), ())))


def test_a_model_with_more_weights_is_another(checkpoints: Checkpoints):
    save(checkpoints, 5)
    with pytest.raises(WeightsError, match=r"weight_3 \(model: \(7,\), file: none\)"):
        restore(checkpoints, Trained(99, shapes=(*SHAPES, (7,))))


# Pruning


def files(checkpoints: Checkpoints, step: int) -> set[str]:
    return {path.name for path in folder_of(checkpoints, step).glob("*")}


def test_pruning_keeps_the_newest_whole_and_of_the_averaged_the_weights(checkpoints: Checkpoints):
    save(checkpoints, 1, 2, 3, 4, 5)
    checkpoints.prune([2, 4])
    assert checkpoints.steps() == [2, 4, 5]
    whole = {"model.safetensors", "optimizer.safetensors", "state.json"}
    assert files(checkpoints, 4) == files(checkpoints, 5) == whole
    assert files(checkpoints, 2) == whole - {"optimizer.safetensors"}


def test_pruning_again_deletes_what_is_no_longer_averaged(checkpoints: Checkpoints):
    save(checkpoints, 1, 2, 3, 4)
    checkpoints.prune([1, 2])
    assert checkpoints.steps() == [1, 2, 3, 4]
    checkpoints.prune([2])
    assert checkpoints.steps() == [2, 3, 4]


def test_pruning_few_deletes_none(checkpoints: Checkpoints):
    save(checkpoints, 1, 2)
    checkpoints.prune([])
    assert checkpoints.steps() == [1, 2]
    assert len(files(checkpoints, 1)) == 3


def test_a_checkpoint_of_weights_alone_is_not_resumed_from(checkpoints: Checkpoints):
    save(checkpoints, 1, 2, 3)
    checkpoints.prune([1])
    for step in (2, 3):
        flip(folder_of(checkpoints, step) / "model.safetensors")
    with pytest.raises(CheckpointError):
        restore(checkpoints, Trained(99))


def test_weights_alone_are_not_mistaken_for_the_start_of_a_run(checkpoints: Checkpoints):
    save(checkpoints, 1)
    (folder_of(checkpoints, 1) / "optimizer.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"no checkpoint in .* is intact"):
        restore(checkpoints, Trained(99))


def test_what_was_just_saved_outlives_damaged_checkpoints_of_later_steps(tmp_path: Path):
    # Resumed at 5, for 9 and 10 are damaged; then 6 is saved.
    checkpoints = Checkpoints(tmp_path / "checkpoints", keep=2)
    save(checkpoints, 5, 9, 10)
    for step in (9, 10):
        flip(folder_of(checkpoints, step) / "model.safetensors")
    state = restore(checkpoints, Trained(99))
    assert state is not None
    assert state.step == 5
    save(checkpoints, 6)
    checkpoints.prune([])
    state = restore(checkpoints, Trained(99))
    assert state is not None
    assert state.step == 6
