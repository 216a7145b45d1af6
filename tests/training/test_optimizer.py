from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from translator.config.schema import TrainConfig
from translator.training.optimizer import Schedule, make_optimizer


def config_of(**settings: Any) -> TrainConfig:
    return TrainConfig.model_validate({"max_steps": 1000, "warmup_steps": 4, "learning_rate": 0.8} | settings)


def rate(config: TrainConfig, number: int, total_steps: int | None = None) -> float:
    """The learning rate of the update of that number, counted from 1."""
    return float(Schedule(config, total_steps)(tf.constant(number - 1)))


@pytest.mark.parametrize("schedule", ["inverse_sqrt", "constant", "cosine"])
@pytest.mark.parametrize(("number", "expected"), [(1, 0.2), (2, 0.4), (3, 0.6), (4, 0.8)])
def test_the_rate_rises_linearly_to_its_peak(schedule: str, number: int, expected: float):
    assert rate(config_of(schedule=schedule), number, total_steps=12) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("schedule", "number", "expected"),
    [
        ("inverse_sqrt", 16, 0.8 / 2),
        ("inverse_sqrt", 36, 0.8 / 3),
        ("inverse_sqrt", 400, 0.8 / 10),
        ("constant", 5, 0.8),
        ("constant", 999_999, 0.8),
        # From 4 to 12, half-way is 8: cos(π/2) = 0. A quarter of the way, cos(π/4) = √2/2.
        ("cosine", 6, 0.8 * (1 + 0.5**0.5) / 2),
        ("cosine", 8, 0.8 / 2),
        ("cosine", 12, 0.0),
        ("cosine", 20, 0.0),
    ],
)
def test_the_rate_after_the_warm_up(schedule: str, number: int, expected: float):
    assert rate(config_of(schedule=schedule), number, total_steps=12) == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("number", [1, 50, 3999, 4000, 4001, 100_000])
def test_inverse_sqrt_with_the_papers_peak_is_the_papers_formula(number: int):
    # Vaswani et al., 2017, equation 3. Its peak, at the end of the warm-up, is (d_model · warmup)^−0.5.
    d_model, warmup = 512, 4000
    config = config_of(max_steps=200_000, warmup_steps=warmup, learning_rate=(d_model * warmup) ** -0.5)
    paper = d_model**-0.5 * min(number**-0.5, number * warmup**-1.5)
    assert rate(config, number) == pytest.approx(paper, rel=1e-5)


@pytest.mark.parametrize(("schedule", "expected"), [("inverse_sqrt", 0.8 / 3), ("constant", 0.8), ("cosine", 0.4)])
def test_without_a_warm_up_the_first_update_has_the_peak(schedule: str, expected: float):
    config = config_of(schedule=schedule, warmup_steps=0)
    assert rate(config, 1, total_steps=17) == pytest.approx(0.8)
    assert rate(config, 9, total_steps=17) == pytest.approx(expected)


def test_adam_by_hand():
    # β₁ = 0.5, β₂ = 0.75, ε = 0.1, the rate constantly 0.8, gradients 2 and then −1:
    #   m₁ = 1, v₁ = 1; corrected by 1 − β^t, 2 and 4:              w₁ = 1 − 0.8 · 2 / (√4 + ε)
    #   m₂ = 0, v₂ = 0.75 + 0.25 = 1:                                w₂ = w₁
    # and with 3 as the third: m₃ = 1.5, v₃ = 0.75 + 2.25 = 3; corrected, 1.5 / 0.875 and 3 / 0.578125.
    # Keras adds ε to √v before v is corrected, so in the paper's terms it is ε / √(1 − β₂^t): the "epsilon hat" of
    # Kingma and Ba, 2015, §2.
    settings = {"schedule": "constant", "warmup_steps": 0, "optimizer_betas": (0.5, 0.75), "optimizer_epsilon": 0.1}
    optimizer = make_optimizer(config_of(**settings), None)
    variable = keras.Variable(np.array([1.0], np.float32), name="w")
    optimizer.build([variable])
    after = []
    for gradient in (2.0, -1.0, 3.0):
        optimizer.apply([tf.constant([gradient])], [variable])
        after.append(float(variable.numpy()[0]))
    first = 1 - 0.8 * 2 / (4**0.5 + 0.1 / 0.25**0.5)
    third = first - 0.8 * (1.5 / 0.875) / ((3 / 0.578125) ** 0.5 + 0.1 / 0.578125**0.5)
    assert after == pytest.approx([first, first, third], rel=1e-6)


def test_adam_takes_the_rate_of_the_updates_number():
    # With β₁ = β₂ = 0 and ε next to nothing, an update is the rate times the gradient's sign.
    optimizer = make_optimizer(config_of(optimizer_betas=(0.0, 0.0), optimizer_epsilon=1e-20), None)
    variable = keras.Variable(np.array([0.0], np.float32), name="w")
    optimizer.build([variable])
    moved = []
    for gradient in (5.0, -4.0, 3.0, 3.0, 3.0):
        before = float(variable.numpy()[0])
        optimizer.apply([tf.constant([gradient])], [variable])
        moved.append(float(variable.numpy()[0]) - before)
    assert moved == pytest.approx([-0.2, 0.4, -0.6, -0.8, -0.8 * (4 / 5) ** 0.5], rel=1e-5)
