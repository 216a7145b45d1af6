"""The loss and its gradient against the definition, in float64, with a smoothed one-hot written out."""

import numpy as np
import pytest
import tensorflow as tf

from translator.training import loss
from translator.training.loss import cross_entropy, cross_entropy_alone
from translator.vocabulary import PAD_ID

N, D, V = 7, 5, 11


def naive(states: np.ndarray, table: np.ndarray, targets: np.ndarray, epsilon: float) -> tuple[float, float]:
    """Smoothed loss and negative log-likelihood, summed over the rows that are not padding."""
    logits = states.astype(np.float64) @ table.astype(np.float64).T
    exponentials = np.exp(logits - logits.max(-1, keepdims=True))
    log_probabilities = np.log(exponentials / exponentials.sum(-1, keepdims=True))
    one_hot = np.eye(len(table))[targets]
    smoothed = (1 - epsilon) * one_hot + epsilon / len(table)
    real = targets != PAD_ID
    return -(smoothed * log_probabilities)[real].sum(), -(one_hot * log_probabilities)[real].sum()


def naive_gradient(
    states: np.ndarray, table: np.ndarray, targets: np.ndarray, epsilon: float
) -> tuple[np.ndarray, np.ndarray]:
    """Central differences of the smoothed loss, by states and by table."""
    inputs = [states.astype(np.float64), table.astype(np.float64)]
    gradients = []
    for values in inputs:
        gradient = np.zeros_like(values)
        for index in np.ndindex(values.shape):
            kept = values[index]
            values[index] = kept + 1e-5
            above = naive(inputs[0], inputs[1], targets, epsilon)[0]
            values[index] = kept - 1e-5
            gradient[index] = (above - naive(inputs[0], inputs[1], targets, epsilon)[0]) / 2e-5
            values[index] = kept
        gradients.append(gradient)
    return gradients[0], gradients[1]


def drawn(scale: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    states, table = scale * rng.standard_normal((N, D)), rng.standard_normal((V, D))
    return states.astype(np.float32), table.astype(np.float32), np.array([3, 10, PAD_ID, 1, 3, PAD_ID, 7], np.int32)


def loss_and_gradient(
    states: np.ndarray,
    table: np.ndarray,
    targets: np.ndarray,
    epsilon: float,
    dtype: tf.DType = tf.float32,
    one_hot: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both sums, and the gradient of the first by states and table."""
    inputs = tf.cast(states, dtype), tf.constant(table)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        sums = cross_entropy(*inputs, tf.constant(targets), epsilon, one_hot)
        smoothed = sums[0]
    by_states, by_table = tape.gradient(smoothed, inputs)
    assert by_states.dtype == dtype
    assert by_table.dtype == tf.float32
    return sums.numpy(), tf.cast(by_states, tf.float32).numpy(), by_table.numpy()


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.37, 0.9])
def test_loss_is_the_definition(epsilon: float):
    arrays = drawn()
    sums, _, _ = loss_and_gradient(*arrays, epsilon)
    assert sums.tolist() == pytest.approx(naive(*arrays, epsilon), rel=1e-5)


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.37, 0.9])
@pytest.mark.parametrize("one_hot", [False, True])
def test_gradient_is_the_slope_of_the_definition(epsilon: float, one_hot: bool):
    arrays = drawn()
    _, by_states, by_table = loss_and_gradient(*arrays, epsilon, one_hot=one_hot)
    for found, expected in zip((by_states, by_table), naive_gradient(*arrays, epsilon), strict=True):
        # Entries are of the order of 1, sums of some ten float32 numbers.
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("epsilon", [0.0, 0.1])
def test_a_uniform_guess_costs_log_v_a_token_by_hand(epsilon: float):
    # All logits are 0, all probabilities 1/V: whatever the smoothing, the loss of each token is log V.
    states, _, targets = drawn()
    sums, by_states, by_table = loss_and_gradient(states, np.zeros((V, D), np.float32), targets, epsilon)
    assert sums.tolist() == pytest.approx([5 * np.log(V)] * 2)
    assert np.all(by_states == 0)
    # Row 10 of the table is the target of state 1 alone: Σ states / V − (1 − ε) states[1] − ε Σ states / V.
    expected = (1 - epsilon) * (states[targets != PAD_ID].sum(0) / V - states[1])
    np.testing.assert_allclose(by_table[10], expected, rtol=1e-4, atol=1e-6)


def test_bfloat16_is_near():
    arrays = drawn()
    sums, by_states, by_table = loss_and_gradient(*arrays, 0.1, tf.bfloat16)
    # bfloat16 has 8 bits: logits of the order of 5 are off by up to 5/256, and each of the 5 tokens' losses by as much.
    assert sums.tolist() == pytest.approx(naive(*arrays, 0.1), abs=5 * 5 / 256)
    for found, expected in zip((by_states, by_table), naive_gradient(*arrays, 0.1), strict=True):
        assert np.linalg.norm(found - expected) < 0.03 * np.linalg.norm(expected)


def test_sums_are_sums_so_the_same_tokens_twice_are_twice():
    states, table, targets = drawn()
    once = loss_and_gradient(states, table, targets, 0.1)
    twice = loss_and_gradient(np.concatenate([states] * 2), table, np.concatenate([targets] * 2), 0.1)
    np.testing.assert_allclose(twice[0], 2 * once[0], rtol=1e-6)
    np.testing.assert_allclose(twice[1], np.concatenate([once[1]] * 2), rtol=1e-6)
    np.testing.assert_allclose(twice[2], 2 * once[2], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16])
def test_padding_adds_nothing_whatever_its_states(dtype: tf.DType):
    states, table, targets = drawn()
    other = np.where((targets == PAD_ID)[:, None], 50.0, states).astype(np.float32)
    sums, by_states, by_table = loss_and_gradient(states, table, targets, 0.1, dtype)
    other_sums, other_by_states, other_by_table = loss_and_gradient(other, table, targets, 0.1, dtype)
    assert np.all(by_states[targets == PAD_ID] == 0)
    assert np.all(other_by_states[targets == PAD_ID] == 0)
    assert sums.tolist() == other_sums.tolist()
    np.testing.assert_array_equal(by_table, other_by_table)


@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16])
def test_nothing_but_padding_is_zero(dtype: tf.DType):
    states, table, _ = drawn()
    sums, by_states, by_table = loss_and_gradient(states, table, np.full(N, PAD_ID, np.int32), 0.1, dtype)
    assert sums.tolist() == [0, 0]
    assert np.all(by_states == 0)
    assert np.all(by_table == 0)


@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16])
def test_logits_far_apart_leave_all_finite(dtype: tf.DType):
    arrays = drawn(scale=1000.0)
    for values in loss_and_gradient(*arrays, 0.1, dtype):
        assert np.all(np.isfinite(values))
    # Where the target is certain, all is well: the gradient is 0 and the loss is 0.
    states = np.full((1, D), 100.0, np.float32)
    table = np.stack([np.full(D, value, np.float32) for value in (-1, -1, 1)])
    sums, by_states, _ = loss_and_gradient(states, table, np.array([2], np.int32), 0.0, dtype)
    assert sums.tolist() == [0, 0]
    assert np.all(by_states == 0)


@pytest.mark.parametrize("rows", [1, 2, 3, 6, 7, 100])
def test_blocks_of_any_size_give_the_loss_and_gradient_of_the_whole(rows: int, monkeypatch: pytest.MonkeyPatch):
    arrays = drawn()
    monkeypatch.setattr(loss, "BLOCK", rows)
    sums, by_states, by_table = loss_and_gradient(*arrays, 0.1)
    assert sums.tolist() == pytest.approx(naive(*arrays, 0.1), rel=1e-5)
    for found, expected in zip((by_states, by_table), naive_gradient(*arrays, 0.1), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("rows", [2, 7])
def test_a_loss_without_a_gradient_is_the_same(rows: int, monkeypatch: pytest.MonkeyPatch):
    states, table, targets = drawn()
    monkeypatch.setattr(loss, "BLOCK", rows)
    alone = cross_entropy_alone(tf.constant(states), tf.constant(table), tf.constant(targets), 0.1)
    assert alone.numpy().tolist() == pytest.approx(naive(states, table, targets, 0.1), rel=1e-5)
