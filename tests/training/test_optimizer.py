"""Adam, by hand."""

from collections.abc import Sequence

import keras
import numpy as np
import pytest
import tensorflow as tf

from translator.training.optimizer import Adam


def adam_of(weight: keras.Variable, betas: tuple[float, float] = (0.5, 0.75), epsilon: float = 0.1) -> Adam:
    return Adam({"layer.w": weight}, betas, epsilon)


def weight_of(value: float) -> keras.Variable:
    return keras.Variable(np.array([value], np.float32), name="w")


def after(optimizer: Adam, weight: keras.Variable, gradients: Sequence[float], *, first: int = 0) -> list[float]:
    """The weight after an update by each gradient, at the rate 0.8."""
    values = []
    for step, gradient in enumerate(gradients, first):
        optimizer.apply([tf.constant([gradient])], tf.constant(step, tf.int64), tf.constant(0.8), tf.constant(True))
        values.append(float(weight.numpy()[0]))
    return values


def test_adam_by_hand():
    # β₁ = 0.5, β₂ = 0.75, ε = 0.1, the rate constantly 0.8, gradients 2 and then −1:
    #   m₁ = 1, v₁ = 1; corrected by 1 − β^t, 2 and 4:              w₁ = 1 − 0.8 · 2 / (√4 + ε)
    #   m₂ = 0, v₂ = 0.75 + 0.25 = 1:                                w₂ = w₁
    # and with 3 as the third: m₃ = 1.5, v₃ = 0.75 + 2.25 = 3; corrected, 1.5 / 0.875 and 3 / 0.578125.
    # ε is added to √v before v is corrected, so in the paper's terms it is ε / √(1 − β₂^t): the "epsilon hat" of
    # Kingma and Ba, 2015, §2.
    weight = weight_of(1.0)
    first = 1 - 0.8 * 2 / (4**0.5 + 0.1 / 0.25**0.5)
    third = first - 0.8 * (1.5 / 0.875) / ((3 / 0.578125) ** 0.5 + 0.1 / 0.578125**0.5)
    assert after(adam_of(weight), weight, [2.0, -1.0, 3.0]) == pytest.approx([first, first, third], rel=1e-6)


def test_the_correction_is_that_of_the_step_it_is_given():
    # m = 1 and v = 1 as above, but at the fourth update: 1 − 0.5⁴ = 15/16, 1 − 0.75⁴ = 175/256.
    weight = weight_of(1.0)
    expected = 1 - 0.8 * (16 / 15) / ((256 / 175) ** 0.5 + 0.1 / (175 / 256) ** 0.5)
    assert after(adam_of(weight), weight, [2.0], first=3) == pytest.approx([expected], rel=1e-6)


def test_an_update_that_is_not_finite_changes_nothing():
    weight = weight_of(1.0)
    optimizer = adam_of(weight)
    after(optimizer, weight, [2.0])
    before = [variable.numpy() for variable in (weight, *optimizer.variables.values())]
    optimizer.apply([tf.constant([0.0])], tf.constant(1, tf.int64), tf.constant(0.8), tf.constant(False))
    found = [variable.numpy() for variable in (weight, *optimizer.variables.values())]
    for one, other in zip(before, found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_moments_are_named_by_their_weights_and_begin_at_zero():
    variables = adam_of(weight_of(1.0)).variables
    assert {name: variable.numpy().tolist() for name, variable in variables.items()} == {
        "m.layer.w": [0.0],
        "v.layer.w": [0.0],
    }
