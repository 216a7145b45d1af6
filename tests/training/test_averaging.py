"""Which checkpoints become the model, and their mean, by hand."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.trained import Trained, save
from translator.config.training import TrainConfig
from translator.training.averaging import averaged_steps, chosen, mean_weights
from translator.training.checkpoints import Checkpoints
from translator.training.state import TrainingState, Validation


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    return Checkpoints(tmp_path / "checkpoints", keep=2)


def config_of(**settings: Any) -> TrainConfig:
    return TrainConfig.model_validate({"max_steps": 99, "warmup_steps": 1} | settings)


def validations(*figures: tuple[float, float]) -> list[Validation]:
    """Loss and BLEU at steps 10, 20, 30 and so on."""
    return [Validation(10 * (i + 1), loss, loss, bleu) for i, (loss, bleu) in enumerate(figures)]


# Which


FIGURES = ((5.0, 1.0), (3.0, 3.0), (1.0, 2.0), (4.0, 3.0), (2.0, 2.5))


@pytest.mark.parametrize(
    ("by", "count", "steps"),
    [
        ("last", 1, [50]),
        ("last", 3, [30, 40, 50]),
        ("bleu", 1, [40]),  # of the equal ones, the later
        ("bleu", 2, [20, 40]),
        ("bleu", 3, [20, 40, 50]),
        ("loss", 1, [30]),
        ("loss", 3, [20, 30, 50]),
        ("last", 9, [10, 20, 30, 40, 50]),
    ],
)
def test_the_chosen_are_the_best_by_the_figure_asked_for_in_order(by: str, count: int, steps: list[int]):
    assert chosen(validations(*FIGURES), config_of(average_by=by, average_checkpoints=count)) == steps


@pytest.mark.parametrize(("by", "steps"), [("loss", [10, 30]), ("bleu", [10, 20])])
def test_a_figure_of_nan_is_the_worst(by: str, steps: list[int]):
    found = validations((2.0, 3.0), (math.nan, 2.0), (9.0, math.nan))
    assert chosen(found, config_of(average_by=by, average_checkpoints=2)) == steps


def test_only_checkpoints_that_are_there_are_averaged(checkpoints: Checkpoints):
    save(checkpoints, 20, 30, 45)  # 45 was never validated
    state = TrainingState(50, validations=validations(*FIGURES))
    assert averaged_steps(checkpoints, state, config_of(average_by="bleu", average_checkpoints=1)) == [20]
    assert averaged_steps(checkpoints, state, config_of(average_by="last", average_checkpoints=9)) == [20, 30]


# Their mean


def test_an_average_by_hand(checkpoints: Checkpoints):
    for step, values in (
        (1, [1.0, -2.0, 0.0, 8.0]),
        (2, [3.0, 2.0, 1.0, 8.0]),
        (3, [99.0] * 4),
        (4, [5.0, 3.0, 1.0, 8.0]),
    ):
        trained = Trained(step)
        trained.model["weight_1"].assign(np.array(values, np.float32))
        checkpoints.save(TrainingState(step), trained.model, trained.optimizer)
    averaged = mean_weights(checkpoints, [1, 2, 4])
    assert set(averaged) == {"weight_0", "weight_1", "weight_2"}
    np.testing.assert_array_equal(averaged["weight_1"], np.array([3, 1, 2 / 3, 8], np.float32))
    assert averaged["weight_1"].dtype == np.float32
    assert {name: array.shape for name, array in averaged.items()} == {
        "weight_0": (2, 3),
        "weight_1": (4,),
        "weight_2": (),
    }


def test_the_average_of_one_is_itself(checkpoints: Checkpoints):
    save(checkpoints, 5)
    averaged = mean_weights(checkpoints, [5])
    for name, variable in Trained(5).model.items():
        np.testing.assert_array_equal(averaged[name], variable.numpy())


def test_sums_are_not_rounded_on_the_way(checkpoints: Checkpoints):
    # In float32, 2²⁴ + 1 is 2²⁴: three steps of 1 after it would be lost.
    for step, value in ((1, 2.0**24), (2, 1.0), (3, 1.0), (4, 2.0)):
        trained = Trained(step)
        trained.model["weight_1"].assign(np.full(4, value, np.float32))
        checkpoints.save(TrainingState(step), trained.model, trained.optimizer)
    assert mean_weights(checkpoints, [1, 2, 3, 4])["weight_1"].tolist() == [2.0**22 + 1] * 4
