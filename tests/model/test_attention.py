"""Attention against the paper's formulas, written out head by head in float64."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from translator.model.attention import (
    CrossAttention,
    KeysValues,
    SelfAttention,
    causal_mask,
    masked,
    padding_mask,
    scaled_dot_product,
)

B, Q, M, D, H = 2, 4, 5, 12, 3
K = D // H

RNG = np.random.default_rng(1)
X = RNG.normal(size=(B, Q, D)).astype(np.float32)
MEMORY = RNG.normal(size=(B, M, D)).astype(np.float32)
# Another subset for each sentence and query, never empty.
SELF_MASK = RNG.random((B, 1, Q, Q)) < 0.6
CROSS_MASK = RNG.random((B, 1, Q, M)) < 0.6
SELF_MASK[..., 0] = CROSS_MASK[..., 0] = True


@pytest.fixture(scope="module")
def self_attention(randomize) -> SelfAttention:
    layer = SelfAttention(D, H, dropout_rate=0.25)
    layer.build()
    randomize(layer, 2)
    return layer


@pytest.fixture(scope="module")
def cross_attention(randomize) -> CrossAttention:
    layer = CrossAttention(D, H, dropout_rate=0.25)
    layer.build()
    randomize(layer, 3)
    return layer


def projected(x: np.ndarray, linear: keras.layers.Layer, block: int) -> np.ndarray:
    """x W + b of one of the maps that lie side by side in a layer: [B, M, D] -> [B, M, D]."""
    columns = slice(block * D, (block + 1) * D)
    return x.astype(np.float64) @ linear.kernel.numpy()[:, columns] + linear.bias.numpy()[columns]


def multi_head(q: np.ndarray, k: np.ndarray, v: np.ndarray, may_attend: np.ndarray, output: keras.layers.Layer):
    """Concat(head_1, …) W^O, head_h = softmax(q_h k_hᵀ / √K) v_h (§3.2), sentence by sentence, head by head."""
    heads, weights = np.zeros((len(q), q.shape[1], D)), np.zeros((len(q), H, q.shape[1], k.shape[1]))
    for b in range(len(q)):
        for h in range(H):
            part = slice(h * K, (h + 1) * K)
            scores = q[b, :, part] @ k[b, :, part].T / np.sqrt(K)
            exponentials = np.where(may_attend[b, 0], np.exp(scores), 0.0)
            weights[b, h] = exponentials / exponentials.sum(-1, keepdims=True)
            heads[b, :, part] = weights[b, h] @ v[b, :, part]
    return projected(heads, output, 0), weights


def test_score_is_the_product_over_the_root_of_the_head_size():
    queries, keys = (
        tf.constant([[[[1.0, 2.0, 3.0, 4.0]]]]),
        tf.constant([[[[1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, -3.0]]]]),
    )
    np.testing.assert_array_equal(scaled_dot_product(queries, keys), [[[[5.0, -6.0]]]])


def test_causal_mask_lets_a_position_see_itself_and_what_came_before():
    np.testing.assert_array_equal(causal_mask(tf.constant(3)), [[[[1, 0, 0], [1, 1, 0], [1, 1, 1]]]])


def test_padding_mask_hides_padding_alone():
    np.testing.assert_array_equal(padding_mask(tf.constant([[5, 2, 0], [7, 7, 2]]), 0), [[[[1, 1, 0]]], [[[1, 1, 1]]]])


def test_no_mask_leaves_the_scores_as_they_are():
    scores = tf.constant([[1.0, 2.0]])
    assert masked(scores, None) is scores


@pytest.mark.parametrize("may_attend", [None, SELF_MASK], ids=["unmasked", "masked"])
def test_self_attention_is_the_formula(self_attention: SelfAttention, may_attend: np.ndarray | None):
    attended, memory = self_attention(X, may_attend=None if may_attend is None else tf.constant(may_attend))
    q, k, v = (projected(X, self_attention.projection, block) for block in range(3))
    allowed = np.ones((B, 1, Q, Q), bool) if may_attend is None else may_attend
    output, weights = multi_head(q, k, v, allowed, self_attention.output_projection)
    np.testing.assert_allclose(attended.output, output, atol=2e-5)
    np.testing.assert_allclose(attended.weights, weights, atol=2e-6)
    # Keys and values of head h are columns hK … (h + 1)K of the projections.
    np.testing.assert_allclose(memory.keys, k.reshape(B, Q, H, K).swapaxes(1, 2), atol=2e-5)
    np.testing.assert_allclose(memory.values, v.reshape(B, Q, H, K).swapaxes(1, 2), atol=2e-5)


@pytest.mark.parametrize("may_attend", [None, CROSS_MASK], ids=["unmasked", "masked"])
def test_cross_attention_is_the_formula(cross_attention: CrossAttention, may_attend: np.ndarray | None):
    memory = cross_attention.project_memory(tf.constant(MEMORY))
    attended = cross_attention(X, memory, may_attend=None if may_attend is None else tf.constant(may_attend))
    q = projected(X, cross_attention.query_projection, 0)
    k, v = (projected(MEMORY, cross_attention.memory_projection, block) for block in range(2))
    allowed = np.ones((B, 1, Q, M), bool) if may_attend is None else may_attend
    output, weights = multi_head(q, k, v, allowed, cross_attention.output_projection)
    np.testing.assert_allclose(attended.output, output, atol=2e-5)
    np.testing.assert_allclose(attended.weights, weights, atol=2e-6)


def test_weights_sum_to_one_and_are_zero_where_masked(randomize, dtype_policy: str):
    layer = SelfAttention(D, H, dropout_rate=0.0)
    layer.build()
    randomize(layer, 2)
    attended, _ = layer(X, may_attend=tf.constant(SELF_MASK))
    assert attended.weights.dtype == layer.compute_dtype
    weights = tf.cast(attended.weights, tf.float32).numpy()
    np.testing.assert_allclose(weights.sum(-1), 1.0, atol=1e-6 if dtype_policy == "float32" else 1e-2)
    assert (weights[~np.broadcast_to(SELF_MASK, weights.shape)] == 0.0).all()
    assert (weights[np.broadcast_to(SELF_MASK, weights.shape)] > 0.0).all()


@pytest.mark.usefixtures("dtype_policy")
def test_row_that_may_attend_to_nothing_gives_no_nan(randomize):
    layer = SelfAttention(D, H, dropout_rate=0.0)
    layer.build()
    randomize(layer, 2)
    x = tf.Variable(X)
    nothing = np.concatenate(
        [np.zeros((1, 1, 1, Q), bool), np.ones((1, 1, 1, Q), bool)]
    )  # the first sentence is padding
    with tf.GradientTape() as tape:
        attended, _ = layer(x, may_attend=tf.constant(nothing))
        loss = tf.reduce_sum(tf.cast(attended.output, tf.float32))
    for tensor in (attended.output, attended.weights, tape.gradient(loss, x)):
        assert np.isfinite(tf.cast(tensor, tf.float32)).all()
    others, _ = layer(x[1:])
    np.testing.assert_array_equal(tf.cast(attended.output[1:], tf.float32), tf.cast(others.output, tf.float32))


@pytest.mark.parametrize("length", range(Q + 1))
def test_attending_to_the_past_equals_all_at_once(self_attention: SelfAttention, length: int):
    whole, whole_memory = self_attention(X, may_attend=causal_mask(Q))
    first, past = self_attention(X[:, :length], may_attend=causal_mask(length))
    second, memory = self_attention(X[:, length:], may_attend=causal_mask(Q)[:, :, length:], past=past)
    np.testing.assert_allclose(tf.concat([first.output, second.output], 1), whole.output, atol=1e-5)
    np.testing.assert_allclose(second.weights, whole.weights[:, :, length:], atol=1e-6)
    for part, all_at_once in zip(memory, whole_memory, strict=True):
        np.testing.assert_allclose(part, all_at_once, atol=1e-5)


def test_append_puts_the_other_memory_behind():
    first, second = (KeysValues(tf.fill([1, 1, n, 1], n), tf.fill([1, 1, n, 1], -n)) for n in (1, 2))
    both = first.append(second)
    np.testing.assert_array_equal(tf.squeeze(both.keys), [1, 2, 2])
    np.testing.assert_array_equal(tf.squeeze(both.values), [-1, -2, -2])


def test_dropout_falls_on_the_weights_and_not_on_those_handed_out(self_attention: SelfAttention):
    rates = []

    def drop_all(weights: tf.Tensor, rate: float) -> tf.Tensor:
        rates.append((tuple(weights.shape), rate))
        return 0.0 * weights

    attended, _ = self_attention(X, dropout=drop_all)
    assert rates == [((B, H, Q, Q), 0.25)]
    bias = self_attention.output_projection.bias.numpy()
    np.testing.assert_array_equal(attended.output, np.broadcast_to(bias, (B, Q, D)))
    np.testing.assert_array_equal(attended.weights, self_attention(X)[0].weights)
