"""Which weights of a run are used, with checkpoints of a single variable."""

import logging
import math
from pathlib import Path
from typing import Any

import keras
import pytest

from translator.config.training import TrainConfig
from translator.run_folder import RunError, RunFolder
from translator.training.checkpoints import Checkpoints
from translator.training.choosing import weights_of
from translator.training.state import TrainingState, Validation

# Step, loss and BLEU: the best by BLEU is 20, the best by loss 30.
VALIDATIONS = [Validation(10, 3.0, 2.0, 11.0), Validation(20, 2.0, 1.0, 33.0), Validation(30, 1.0, 0.5, 22.0)]


def config_of(**settings: Any) -> TrainConfig:
    return TrainConfig.model_validate({"max_steps": 100, "warmup_steps": 1, **settings})


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run at step 35, with checkpoints of each validation."""
    run = RunFolder(tmp_path)
    checkpoints = Checkpoints(run.checkpoints, keep=9)
    for step in (0, 10, 20, 30, 35):
        state = TrainingState(step, validations=[v for v in VALIDATIONS if v.step <= step])
        checkpoints.save(state, {"weight": keras.Variable(float(step))}, {})
    return run


def weights(run: RunFolder, step: int) -> Path:
    return run.checkpoints / f"step-{step:08d}" / "model.safetensors"


def test_last_is_the_newest_checkpoint_validated_or_not(run: RunFolder):
    assert weights_of(run, config_of(), "last") == weights(run, 35)


@pytest.mark.parametrize(
    ("settings", "step"),
    [
        ({}, 20),
        ({"average_by": "bleu"}, 20),
        ({"average_by": "loss"}, 30),
        ({"early_stopping": "loss"}, 30),
        ({"early_stopping": "bleu", "average_by": "loss"}, 20),
    ],
)
def test_best_is_judged_by_the_figure_that_the_run_is_judged_by(run: RunFolder, settings: dict[str, Any], step: int):
    assert weights_of(run, config_of(**settings), "best") == weights(run, step)


def test_best_is_of_the_checkpoints_that_are_kept_and_whole(run: RunFolder):
    weights(run, 20).unlink()
    assert weights_of(run, config_of(), "best") == weights(run, 30)
    weights(run, 30).write_bytes(b"cut off")
    assert weights_of(run, config_of(), "best") == weights(run, 10)


def test_last_passes_over_a_damaged_checkpoint(run: RunFolder):
    weights(run, 35).write_bytes(b"cut off")
    assert weights_of(run, config_of(), "last") == weights(run, 30)


def test_a_validation_with_nan_is_never_the_best(run: RunFolder):
    state = TrainingState(40, validations=[*VALIDATIONS, Validation(40, math.nan, math.nan, math.nan)])
    Checkpoints(run.checkpoints, keep=9).save(state, {"weight": keras.Variable(0.0)}, {})
    assert weights_of(run, config_of(), "best") == weights(run, 20)
    assert weights_of(run, config_of(average_by="loss"), "best") == weights(run, 30)


def test_the_checkpoint_that_is_used_is_told(run: RunFolder, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, "translator")
    weights_of(run, config_of(), "best")
    assert caplog.messages == [
        f"{run.path}: using the checkpoint of step 20, the best by bleu of those kept (loss 2.000, BLEU 33.00)"
    ]
    caplog.clear()
    weights_of(run, config_of(), "last")
    assert caplog.messages == [f"{run.path}: using the checkpoint of step 35"]


def test_without_the_option_it_is_the_finished_model(run: RunFolder):
    with pytest.raises(RunError, match="has no model yet: its training has not ended") as caught:
        weights_of(run, config_of(), None)
    assert "`--checkpoint best` or `--checkpoint last`" in str(caught.value)
    run.model.parent.mkdir()
    run.model.touch()
    assert weights_of(run, config_of(), None) == run.model


def test_before_the_first_validation_only_last_is_there(tmp_path: Path):
    run = RunFolder(tmp_path)
    for checkpoint in ("best", "last"):
        with pytest.raises(RunError, match=f"{tmp_path} has no checkpoint yet"):
            weights_of(run, config_of(), checkpoint)
    Checkpoints(run.checkpoints, keep=9).save(TrainingState(5), {"weight": keras.Variable(0.0)}, {})
    with pytest.raises(RunError, match=r"no checkpoint with a validation yet; the last .* is of step 5"):
        weights_of(run, config_of(), "best")
    assert weights_of(run, config_of(), "last") == weights(run, 5)
