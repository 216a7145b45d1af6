"""Mixing: what a head takes from the values, given its weights, and what it makes of it."""

from typing import Any

import keras
import tensorflow as tf

from translator.model.attention.heads import Heads, product
from translator.model.linear import Linear

EPSILON = 1e-5  # added to mean squares, as in the code of Ye et al. (2024)


def weighted_mean(weights: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Σ weight · value (Vaswani et al., 2017, equation 1): [B, H, Q, M], [B, G, M, K] -> [B, H, Q, K]."""
    return product(weights, values)


class PairNorm(keras.layers.Layer):
    """Normalizes what a pair of heads gives, and scales it (Ye et al., 2024, equation 3, for `Differential`).

    (1 − λ_init) γ ⊙ x / √(mean x² + ε) over the 2K channels of the pair.
    """

    def __init__(self, heads: Heads, scale: float, **kwargs: Any) -> None:
        """Takes 1 − λ_init as the scale."""
        super().__init__(**kwargs)
        self.heads, self.scale = heads, scale

    def build(self, *_: Any) -> None:
        self.gamma = self.add_weight((2, self.heads.size), "ones", name="gamma", autocast=False)

    def call(self, mixed: tf.Tensor) -> tf.Tensor:
        """[B, H, Q, K] -> [B, H, Q, K]."""
        shape = tf.shape(mixed)
        pairs = tf.cast(tf.reshape(mixed, [shape[0], shape[1] // 2, 2, shape[2], shape[3]]), tf.float32)
        scale = tf.math.rsqrt(tf.reduce_mean(tf.square(pairs), (2, 4), keepdims=True) + EPSILON) * self.scale
        normalized = tf.cast(pairs * scale * self.gamma.value[:, None], mixed.dtype)
        return tf.reshape(normalized, [shape[0], self.heads.number, shape[2], shape[3]])


class Gate(keras.layers.Layer):
    """Multiplies what heads give by σ(x W + b), before W^O (Qiu et al., 2025).

    A gate has one number for each channel, or one for each head. x is the layer's input at the query.
    """

    def __init__(self, heads: Heads, per_channel: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads, self.channels = heads, heads.size if per_channel else 1
        self.projection = Linear(heads.width, heads.number * self.channels, name="projection")

    def build(self, *_: Any) -> None:
        self.projection.build()

    def call(self, mixed: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """[B, H, Q, K], [B, Q, D] -> [B, H, Q, K]."""
        shape = tf.shape(x)
        gates = tf.reshape(tf.sigmoid(self.projection(x)), [shape[0], shape[1], self.heads.number, self.channels])
        return mixed * tf.transpose(gates, [0, 2, 1, 3])  # [B, Q, H, 1 or K] -> [B, H, Q, 1 or K]
