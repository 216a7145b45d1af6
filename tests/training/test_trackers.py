"""Trackers of experiments: TensorBoard's own tests are with those of the logs."""

import importlib.util
import time
from pathlib import Path

import pytest

from translator.config.schema import Config
from translator.run_folder import RunFolder
from translator.training.errors import TrainingError
from translator.training.trackers import TensorBoard, WeightsAndBiases, require_trackers, trackers_of


def config_of(*trackers: str) -> Config:
    corpus = {"grammar": "train", "pairs": 10}
    return Config.model_validate(
        {
            "data": {"train": corpus, "validation": corpus | {"grammar": "validation"}},
            "train": {"max_steps": 1, "trackers": trackers},
        }
    )


def test_each_that_is_asked_for_is_begun(tmp_path: Path):
    assert [begin().__class__ for begin in trackers_of(config_of("tensorboard"), RunFolder(tmp_path))] == [TensorBoard]
    assert trackers_of(config_of(), RunFolder(tmp_path)) == []


def test_weights_and_biases_that_is_not_installed_is_one_line_before_training(monkeypatch: pytest.MonkeyPatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "wandb" else found(name))
    with pytest.raises(TrainingError, match=r"train.trackers: wandb is not installed; install the extra: .*\[wandb\]"):
        require_trackers(config_of("wandb"))
    require_trackers(config_of("tensorboard"))


def written(path: Path, figure: bytes) -> bytes:
    """What is in a file once a figure is: another process writes it, and may be late on a busy machine."""
    end = time.monotonic() + 60
    while figure not in (content := path.read_bytes()) and time.monotonic() < end:
        time.sleep(0.05)
    return content


def test_offline_it_keeps_rows_in_the_run_and_a_resumed_run_is_the_same_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("wandb", reason="the extra `wandb` is not installed")
    monkeypatch.setenv("WANDB_MODE", "offline")
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    for step, loss in ((50, 0.53125), (100, 0.40625)):
        tracker = WeightsAndBiases(run, config_of("wandb"))
        tracker.write({"step": step, "loss": loss})
        tracker.close()
    kept = sorted((run.path / "wandb").glob("offline-run-*/*.wandb"))
    assert {path.name for path in kept} == {f"run-{run.wandb_id.read_text()}.wandb"}
    first, second = (written(path, figure) for path, figure in zip(kept, (b"0.53125", b"0.40625"), strict=True))
    assert (b"0.53125" in first, b"0.40625" in first) == (True, False)
    assert (b"0.53125" in second, b"0.40625" in second) == (False, True)
    assert b"max_steps" in first  # of the configuration


def test_one_that_cannot_end_does_not_end_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    class Broken:
        def finish(self) -> None:
            raise RuntimeError("the service is gone")

    monkeypatch.setattr("translator.training.trackers._begun", lambda *_: Broken())
    WeightsAndBiases(RunFolder(tmp_path), config_of("wandb")).close()
    assert "the service is gone" in caplog.text


def test_where_nobody_is_logged_in_training_goes_on_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    wandb = pytest.importorskip("wandb", reason="the extra `wandb` is not installed")
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setattr(wandb, "login", lambda prompt: False)
    wandb.teardown()
    tracker = WeightsAndBiases(RunFolder(tmp_path), config_of("wandb"))
    tracker.write({"step": 1, "loss": 1.0})
    tracker.close()
    (record,) = (record for record in caplog.records if record.name.startswith("translator."))
    assert "nobody is logged in: `wandb login`, or WANDB_MODE=offline" in record.getMessage()
    wandb.teardown()
