"""The learning rate, by hand and by the paper's formula."""

from typing import Any

import pytest
import tensorflow as tf

from translator.config.training import TrainConfig
from translator.training.schedule import learning_rate


def config_of(**settings: Any) -> TrainConfig:
    return TrainConfig.model_validate({"max_steps": 1000, "warmup_steps": 4, "learning_rate": 0.8} | settings)


def rate(config: TrainConfig, number: int, total_steps: int | None = None) -> float:
    """The learning rate of the update of that number, counted from 1."""
    return float(learning_rate(config, tf.constant(number - 1), total_steps))


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


def test_each_halving_halves_the_peak():
    config = config_of(schedule="constant")
    assert [float(learning_rate(config, tf.constant(99), halvings=n)) for n in (0, 1, 3)] == pytest.approx(
        [0.8, 0.4, 0.1]
    )
