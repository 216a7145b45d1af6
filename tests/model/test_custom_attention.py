"""An attention built from a score that the package does not have, as an exercise: nothing needs to be registered."""

import numpy as np
import pytest
import tensorflow as tf

from translator.model.attention.context import Context
from translator.model.attention.heads import Heads
from translator.model.attention.kinds import Parts
from translator.model.attention.layer import SelfAttention
from translator.model.attention.reach import causal

B, T, D, H = 2, 5, 6, 2
K = D // H
X = np.random.default_rng(1).normal(size=(B, T, D)).astype(np.float32)


class NegativeSquaredDistance:
    """-‖q − k‖²: a key answers a query that lies near it."""

    def __init__(self, heads: Heads) -> None:
        assert heads.size == K

    def __call__(self, queries: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
        return -tf.reduce_sum(tf.square(queries[:, :, :, None] - keys[:, :, None]), -1)


@pytest.fixture(scope="module")
def layer(randomize) -> SelfAttention:
    attention = SelfAttention(D, H, 0.0, Parts(score=NegativeSquaredDistance, reach=causal))
    attention.build()
    randomize(attention, 2)
    return attention


def test_it_is_the_formula(layer: SelfAttention):
    attended, _ = layer(X, context=Context(tf.range(T), tf.range(T)))
    q, k, v = np.split(X @ layer.query_key_value.kernel.numpy() + layer.query_key_value.bias.numpy(), 3, -1)
    heads = np.zeros((B, T, D))
    for h in range(H):
        part = slice(h * K, (h + 1) * K)
        distances = np.sum((q[:, :, None, part] - k[:, None, :, part]) ** 2, -1)
        exponentials = np.where(np.tri(T, dtype=bool), np.exp(-distances.astype(np.float64)), 0.0)
        heads[..., part] = exponentials / exponentials.sum(-1, keepdims=True) @ v[..., part]
    output = layer.output_projection
    np.testing.assert_allclose(attended.output, heads @ output.kernel.numpy() + output.bias.numpy(), atol=1e-5)


def test_step_by_step_with_its_cache_equals_all_at_once(layer: SelfAttention):
    whole, _ = layer(X, context=Context(tf.range(T), tf.range(T)))
    past, steps = layer.empty_cache(tf.constant(B)), []
    for t in range(T):
        context = Context(tf.range(t, t + 1), tf.range(t + 1), keys_ahead=False)
        attended, past = layer(X[:, t : t + 1], context=context, past=past)
        steps.append(attended.output)
    np.testing.assert_allclose(tf.concat(steps, 1), whole.output, atol=1e-5)
