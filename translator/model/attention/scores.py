"""Scores: how well each key answers each query.

Letters beside those of the package: G heads of keys (see `Heads`), q one query, k one key.
"""

import math
from typing import Any, Protocol

import keras
import tensorflow as tf

from translator.model.attention.heads import Heads, product

TINY = 1e-12  # added to squared norms, so that a zero vector has a gradient
# log₂(L² − L) at a length of L = 32 tokens, which Henry et al. (2020, §3) take as the first factor of cosines.
FIRST_COSINE_FACTOR = math.log2(32**2 - 32)


class Score(Protocol):
    """A score function; a Keras layer if it has weights."""

    def __call__(self, queries: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
        """[B, H, Q, K], [B, G, M, K] -> [B, H, Q, M]."""
        ...


class DotProduct:
    """q·k (Luong et al., 2015, §3.1, `dot`)."""

    def __init__(self, heads: Heads) -> None:
        """Needs to know nothing of the heads."""

    def __call__(self, queries: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
        """[B, H, Q, K], [B, G, M, K] -> [B, H, Q, M]."""
        return product(queries, keys, transpose=True)


class ScaledDotProduct:
    """q·k / √K (Vaswani et al., 2017, equation 1)."""

    def __init__(self, heads: Heads) -> None:
        self._scale = 1.0 / math.sqrt(heads.size)

    def __call__(self, queries: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
        """[B, H, Q, K], [B, G, M, K] -> [B, H, Q, M]."""
        return product(queries * self._scale, keys, transpose=True)


class NormScaled:
    """q·k / √(‖q‖‖k‖): between the product, which grows with both norms, and the cosine, which takes no notice of them.

    If both norms grow c times, the product grows c² times, this score c times, and the cosine not at all.
    """

    def __init__(self, heads: Heads) -> None:
        """Needs to know nothing of the heads."""

    def __call__(self, queries: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
        """[B, H, Q, K], [B, G, M, K] -> [B, H, Q, M]."""
        return product(_over_norm(queries, 0.5), _over_norm(keys, 0.5), transpose=True)


class Cosine(keras.layers.Layer):
    """g q·k / (‖q‖‖k‖), with a learned g for each head (Henry et al., 2020, §3: QKNorm)."""

    def __init__(self, heads: Heads, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads = heads

    def build(self, *_: Any) -> None:
        first = keras.initializers.Constant(FIRST_COSINE_FACTOR)
        self.factor = self.add_weight((self.heads.number,), first, name="factor", autocast=False)

    def call(self, queries: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
        """[B, H, Q, K], [B, G, M, K] -> [B, H, Q, M]."""
        factor = tf.cast(self.factor.value[:, None, None], queries.dtype)
        return product(_over_norm(queries, 1.0) * factor, _over_norm(keys, 1.0), transpose=True)


class Additive(keras.layers.Layer):
    """vᵀ tanh(q + k), with a vector v for each head (Bahdanau et al., 2015, appendix A.1.2).

    Its W_a and U_a are the layer's projections of queries and keys. It takes K numbers for each query and key, where a
    product takes one.
    """

    def __init__(self, heads: Heads, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads = heads

    def build(self, *_: Any) -> None:
        initializer = keras.initializers.RandomNormal(stddev=self.heads.size**-0.5)
        self.vector = self.add_weight((self.heads.number, self.heads.size), initializer, name="vector", autocast=False)

    def call(self, queries: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
        """[B, H, Q, K], [B, G, M, K] -> [B, H, Q, M]."""
        keys = tf.repeat(keys, self.heads.shared_by, 1) if self.heads.shared_by > 1 else keys
        hidden = tf.tanh(queries[:, :, :, None] + keys[:, :, None])  # [B, H, Q, M, K]
        return tf.einsum("bhqmk,hk->bhqm", hidden, tf.cast(self.vector.value, hidden.dtype))


def _over_norm(x: tf.Tensor, power: float) -> tf.Tensor:
    """Divides by a power of the norm, x / ‖x‖^power, over the last axis; computed in float32."""
    wide = tf.cast(x, tf.float32)
    squared = tf.reduce_sum(tf.square(wide), -1, keepdims=True) + TINY
    return tf.cast(wide * tf.pow(squared, -power / 2), x.dtype)
