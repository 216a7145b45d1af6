"""A few steps of a training, that tell what an epoch would take."""

import os
from pathlib import Path

import pytest

from tests.toy_language import write_language
from translator.config.load import load_config
from translator.config.schema import Config
from translator.data.checks.batches import batch_shapes
from translator.data.prepare import open_prepared, prepare
from translator.run_folder import RunFolder
from translator.training import trial
from translator.training.errors import TrainingError
from translator.training.trial import measure_steps, take_steps


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_language(tmp_path_factory.mktemp("trial"))
    run = RunFolder(folder / "run")
    prepare(run.claim(config_of(folder)), run)
    return folder


def config_of(folder: Path, *settings: str) -> Config:
    return load_config(folder / "numbers.yaml", ["tokenizer.sampling_alpha=0", *settings])


def snapshot(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_as_many_steps_as_an_epoch_has_see_its_tokens(folder: Path) -> None:
    config, run = config_of(folder), RunFolder(folder / "run")
    _, store = open_prepared(config, run)
    shapes = batch_shapes(config, store)
    assert shapes
    assert shapes.steps > 1
    measured = take_steps(config, run, shapes.steps)
    tokens = int(store.target.lengths.sum()) + len(store.target)  # EOS after each
    assert measured.epoch_seconds * measured.target_tokens_per_second == pytest.approx(tokens)
    assert measured.steps == shapes.steps


def test_steps_leave_the_run_as_it_was_though_their_model_is_another(folder: Path) -> None:
    before = snapshot(folder)
    measured = take_steps(config_of(folder, "model.d_model=16"), RunFolder(folder / "run"), 1)
    assert snapshot(folder) == before
    assert measured.peak_memory > 0


def test_what_is_wrong_in_the_process_is_told_in_its_words(folder: Path) -> None:
    config = config_of(folder, "train.devices=[GPU:7]")
    with pytest.raises(TrainingError, match=r"^train.devices names GPU:7; this machine has CPU:0$"):
        measure_steps(config, RunFolder(folder / "run"), 1)


def end_at_once(*_: object) -> None:
    os._exit(137)


def test_a_process_that_runs_out_of_memory_is_told_with_what_to_lower(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "_measure", end_at_once)
    with pytest.raises(TrainingError, match=r"memory runs out; lower train.batch_tokens \(800\)"):
        measure_steps(config_of(folder), RunFolder(folder / "run"), 1)


def test_a_budget_that_is_still_to_be_found_is_refused(folder: Path) -> None:
    with pytest.raises(TrainingError, match=r"^train.batch_tokens: auto is found out when training starts"):
        measure_steps(config_of(folder, "train.batch_tokens=auto"), RunFolder(folder / "run"), 1)
