"""Methods of attribution on functions that can be worked out by hand."""

import numpy as np
import pytest
import tensorflow as tf

from translator.inspect.attribution.margins import ANY_OTHER, margins_of_logits
from translator.inspect.attribution.methods import METHODS, at_ends

VECTORS = np.array([[2.0, -1.0, 0.0], [0.5, 0.0, 3.0]], np.float32)  # [questions, tokens]
VALUES = np.array([[1.0, 4.0, 0.0], [0.0, -2.0, 1.0]], np.float32)


def answers(found: tf.Tensor, asked: tf.Tensor) -> tf.Tensor:
    """float32 [B, R], of which some are asked for."""
    return tf.gather(found, asked, batch_dims=1)


def linear(presence, asked):
    return answers(presence.vectors @ VECTORS.T + presence.values @ VALUES.T + 7.0, asked)


def product(presence, asked):
    """One question about two tokens, each of which needs the other: 6 · x₀ · x₁."""
    return answers(6 * presence.vectors[:, :1] * presence.vectors[:, 1:], asked)


@pytest.mark.parametrize("method", ["erasure", "gradient", "integrated"])
def test_embeddings_that_a_margin_is_linear_in_have_their_factors(method):
    found = METHODS[method](linear, 3, 2, 5)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, VECTORS, atol=1e-5)


def test_values_that_a_margin_is_linear_in_have_their_factors():
    found = METHODS["value-zeroing"](linear, 3, 2, 5)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, VALUES, atol=1e-5)


@pytest.mark.parametrize(
    ("method", "expected"), [("erasure", 6), ("gradient", 6), ("integrated", 3), ("value-zeroing", 0)]
)
def test_two_tokens_that_need_each_other_share_only_in_integrated_gradients(method, expected):
    # ∫ 6α dα = 3 for each, which is 6 together: all that there is.
    np.testing.assert_allclose(METHODS[method](product, 2, 1, 3), [[expected, expected]], atol=1e-5)


def test_the_ends_are_all_tokens_and_none():
    everything, nothing = at_ends(linear, 3, 2)
    np.testing.assert_allclose(everything, VECTORS.sum(1) + VALUES.sum(1) + 7)
    np.testing.assert_allclose(nothing, VALUES.sum(1) + 7)


def test_a_margin_is_the_log_odds_or_the_difference_of_two_logits():
    probabilities = np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2], [0.5, 0.3, 0.2]], np.float32)
    logits = tf.constant(np.log(probabilities) + 100)  # a constant that changes no probability
    found = margins_of_logits(logits, tf.constant([0, 1, 2]), tf.constant([ANY_OTHER, ANY_OTHER, 0]))
    np.testing.assert_allclose(found, np.log([0.5 / 0.5, 0.3 / 0.7, 0.2 / 0.5]), atol=1e-4)


def test_the_gradient_of_a_margin_does_not_vanish_where_the_model_is_sure():
    logits = tf.constant([[60.0, 0.0, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        found = margins_of_logits(logits, tf.constant([0]), tf.constant([ANY_OTHER]))
    np.testing.assert_allclose(tape.gradient(found, logits), [[1, -0.5, -0.5]], atol=1e-6)
