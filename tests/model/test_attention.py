"""Attention against the paper's formulas, written out head by head in float64."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

from translator.model.attention.cache import KeysValues
from translator.model.attention.context import Context
from translator.model.attention.heads import Heads
from translator.model.attention.kinds import Parts
from translator.model.attention.layer import CrossAttention, SelfAttention
from translator.model.attention.reach import causal, everywhere
from translator.model.attention.scores import ScaledDotProduct
from translator.model.attention.selection import masked

B, Q, M, D, H = 2, 4, 5, 12, 3
K = D // H

RNG = np.random.default_rng(1)
X = RNG.normal(size=(B, Q, D)).astype(np.float32)
MEMORY = RNG.normal(size=(B, M, D)).astype(np.float32)
# Another subset for each sentence and query, never empty.
SELF_MASK = RNG.random((B, 1, Q, Q)) < 0.6
CROSS_MASK = RNG.random((B, 1, Q, M)) < 0.6
SELF_MASK[..., 0] = CROSS_MASK[..., 0] = True


def reaching(may_attend: np.ndarray | None) -> Parts:
    """The usual parts, but for which keys may be attended to."""
    mask = None if may_attend is None else tf.constant(may_attend)
    return Parts(reach=lambda _: mask)


def context_of(queries: int, keys: int | None = None, **settings) -> Context:
    """Queries at the end of the keys, which are as many unless something is said."""
    keys = queries if keys is None else keys
    return Context(tf.range(keys - queries, keys), tf.range(keys), **settings)


@pytest.fixture(scope="module")
def self_attention(randomize) -> Callable[[Parts], SelfAttention]:
    def build(parts: Parts) -> SelfAttention:
        layer = SelfAttention(D, H, 0.25, parts)
        layer.build()
        randomize(layer, 2)
        return layer

    return build


@pytest.fixture(scope="module")
def cross_attention(randomize) -> Callable[[Parts], CrossAttention]:
    def build(parts: Parts) -> CrossAttention:
        layer = CrossAttention(D, H, 0.25, parts)
        layer.build()
        randomize(layer, 3)
        return layer

    return build


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
    np.testing.assert_array_equal(ScaledDotProduct(Heads(1, 4))(queries, keys), [[[[5.0, -6.0]]]])


# Reach

REAL = tf.constant([[True, True, False], [True, True, True]])


def test_causal_reach_lets_a_position_see_itself_and_what_came_before():
    np.testing.assert_array_equal(causal(context_of(3)), [[[[1, 0, 0], [1, 1, 0], [1, 1, 1]]]])


def test_causal_reach_goes_by_positions_and_not_by_places_in_the_batch():
    np.testing.assert_array_equal(causal(context_of(2, 4)), [[[[1, 1, 1, 0], [1, 1, 1, 1]]]])


def test_causal_reach_hides_padding_too():
    expected = [[[[1, 0, 0], [1, 1, 0], [1, 1, 0]]], [[[1, 0, 0], [1, 1, 0], [1, 1, 1]]]]
    np.testing.assert_array_equal(causal(context_of(3, real_keys=REAL)), expected)


@pytest.mark.parametrize("real", [None, REAL], ids=["unpadded", "padded"])
def test_causal_reach_masks_nothing_more_where_no_key_is_ahead(real: tf.Tensor | None):
    masked_by_position = causal(context_of(1, 3, real_keys=real))
    without = causal(context_of(1, 3, real_keys=real, keys_ahead=False))
    everything = np.ones((1, 1, 1, 3), bool)
    np.testing.assert_array_equal(masked_by_position, everything if without is None else without)


def test_global_reach_hides_padding_alone():
    np.testing.assert_array_equal(everywhere(context_of(3, real_keys=REAL)), [[[[1, 1, 0]]], [[[1, 1, 1]]]])
    assert everywhere(context_of(3)) is None


def test_no_mask_leaves_the_scores_as_they_are():
    scores = tf.constant([[1.0, 2.0]])
    assert masked(scores, None) is scores


# The layer


@pytest.mark.parametrize("may_attend", [None, SELF_MASK], ids=["unmasked", "masked"])
def test_self_attention_is_the_formula(self_attention, may_attend: np.ndarray | None):
    layer = self_attention(reaching(may_attend))
    attended, memory = layer(X, context=context_of(Q))
    q, k, v = (projected(X, layer.query_key_value, block) for block in range(3))
    allowed = np.ones((B, 1, Q, Q), bool) if may_attend is None else may_attend
    output, weights = multi_head(q, k, v, allowed, layer.output_projection)
    np.testing.assert_allclose(attended.output, output, atol=2e-5)
    np.testing.assert_allclose(attended.weights, weights, atol=2e-6)
    # Keys and values of head h are columns hK … (h + 1)K of the projections.
    np.testing.assert_allclose(memory.keys, k.reshape(B, Q, H, K).swapaxes(1, 2), atol=2e-5)
    np.testing.assert_allclose(memory.values, v.reshape(B, Q, H, K).swapaxes(1, 2), atol=2e-5)


@pytest.mark.parametrize("may_attend", [None, CROSS_MASK], ids=["unmasked", "masked"])
def test_cross_attention_is_the_formula(cross_attention, may_attend: np.ndarray | None):
    layer = cross_attention(reaching(may_attend))
    memory = layer.project_memory(tf.constant(MEMORY))
    attended = layer(X, memory=memory, context=Context(tf.range(Q), tf.range(M)))
    q = projected(X, layer.query, 0)
    k, v = (projected(MEMORY, layer.key_value, block) for block in range(2))
    allowed = np.ones((B, 1, Q, M), bool) if may_attend is None else may_attend
    output, weights = multi_head(q, k, v, allowed, layer.output_projection)
    np.testing.assert_allclose(attended.output, output, atol=2e-5)
    np.testing.assert_allclose(attended.weights, weights, atol=2e-6)


def test_hypotheses_look_at_one_memory_as_at_copies_of_it(cross_attention):
    told = []

    def reach(context: Context) -> tf.Tensor | None:
        told.append(context.query_positions.numpy().tolist())
        return everywhere(context)

    layer = cross_attention(Parts(reach=reach))
    x, real = tf.concat([X, X[::-1]], 0), tf.constant(CROSS_MASK[:, 0, 0])  # two hypotheses for each sentence
    context = Context(tf.range(Q), tf.range(M), real)
    shared = layer(x, memory=layer.project_memory(tf.constant(MEMORY)), context=context)
    copies = layer.project_memory(tf.repeat(tf.constant(MEMORY), 2, 0))
    alone = layer(x, memory=copies, context=Context(tf.range(Q), tf.range(M), tf.repeat(real, 2, 0)))
    np.testing.assert_allclose(shared.output, alone.output, atol=1e-6)
    apart = tf.reshape(tf.transpose(tf.reshape(shared.weights, [B, H, 2, Q, M]), [0, 2, 1, 3, 4]), [2 * B, H, Q, M])
    np.testing.assert_allclose(apart, alone.weights, atol=1e-6)
    assert told == [[*range(Q), *range(Q)], [*range(Q)]]  # a part sees where each hypothesis's queries stand


def test_weights_sum_to_one_and_are_zero_where_masked(self_attention, dtype_policy: str):
    layer = self_attention(reaching(SELF_MASK))
    attended, _ = layer(X, context=context_of(Q))
    assert attended.weights.dtype == layer.compute_dtype
    weights = tf.cast(attended.weights, tf.float32).numpy()
    np.testing.assert_allclose(weights.sum(-1), 1.0, atol=1e-6 if dtype_policy == "float32" else 1e-2)
    assert (weights[~np.broadcast_to(SELF_MASK, weights.shape)] == 0.0).all()
    assert (weights[np.broadcast_to(SELF_MASK, weights.shape)] > 0.0).all()


@pytest.mark.usefixtures("dtype_policy")
def test_row_that_may_attend_to_nothing_gives_no_nan(self_attention):
    x = tf.Variable(X)
    real = tf.constant([[False] * Q, [True] * Q])  # the first sentence is padding
    layer = self_attention(Parts())
    with tf.GradientTape() as tape:
        attended, _ = layer(x, context=context_of(Q, real_keys=real))
        loss = tf.reduce_sum(tf.cast(attended.output, tf.float32))
    for tensor in (attended.output, attended.weights, tape.gradient(loss, x)):
        assert np.isfinite(tf.cast(tensor, tf.float32)).all()
    others, _ = layer(x[1:], context=context_of(Q))
    np.testing.assert_array_equal(tf.cast(attended.output[1:], tf.float32), tf.cast(others.output, tf.float32))


@pytest.mark.parametrize("length", range(Q + 1))
def test_attending_to_the_past_equals_all_at_once(self_attention, length: int):
    layer = self_attention(Parts(reach=causal))
    whole, whole_memory = layer(X, context=context_of(Q))
    first, past = layer(X[:, :length], context=context_of(length))
    second, memory = layer(X[:, length:], context=context_of(Q - length, Q), past=past)
    np.testing.assert_allclose(tf.concat([first.output, second.output], 1), whole.output, atol=1e-5)
    np.testing.assert_allclose(second.weights, whole.weights[:, :, length:], atol=1e-6)
    for part, all_at_once in zip(tf.nest.flatten(memory), tf.nest.flatten(whole_memory), strict=True):
        np.testing.assert_allclose(part, all_at_once, atol=1e-5)


def test_dropout_falls_on_the_weights_and_not_on_those_handed_out(self_attention):
    layer, rates = self_attention(Parts()), []

    def drop_all(weights: tf.Tensor, rate: float) -> tf.Tensor:
        rates.append((tuple(weights.shape), rate))
        return 0.0 * weights

    attended, _ = layer(X, context=context_of(Q, dropout=drop_all))
    assert rates == [((B, H, Q, Q), 0.25)]
    bias = layer.output_projection.bias.numpy()
    np.testing.assert_array_equal(attended.output, np.broadcast_to(bias, (B, Q, D)))
    np.testing.assert_array_equal(attended.weights, layer(X, context=context_of(Q))[0].weights)


# The cache


def memory_of(*numbers: int) -> KeysValues:
    keys = tf.constant(numbers)[None, None, :, None]
    return KeysValues(keys, -keys, (10 * keys,))


def test_append_puts_the_other_memory_behind():
    for found, part in zip(memory_of(1, 2).append(memory_of(9)), memory_of(1, 2, 9), strict=True):
        np.testing.assert_array_equal(found, part)


def test_put_writes_one_position():
    here = tf.constant([False, False, True, False])
    for found, part in zip(memory_of(1, 2, 0, 0).put(memory_of(9), here), memory_of(1, 2, 9, 0), strict=True):
        np.testing.assert_array_equal(found, part)


def test_a_cache_is_declared_with_the_dimension_that_grows(self_attention, dtype_policy: str):
    layer = self_attention(Parts(reach=causal))
    shapes, cache = layer.cache_shapes(), layer.empty_cache(tf.constant(B))
    for declared, part in zip(tf.nest.flatten(shapes), tf.nest.flatten(cache), strict=True):
        assert declared.as_list() == [None, H, None, K]
        assert (tuple(part.shape), part.dtype) == ((B, H, 0, K), layer.compute_dtype)
    _, grown = layer(X, context=context_of(Q), past=cache)
    for declared, part in zip(tf.nest.flatten(shapes), tf.nest.flatten(grown), strict=True):
        assert declared.is_compatible_with(part.shape)
        assert part.dtype == layer.compute_dtype
