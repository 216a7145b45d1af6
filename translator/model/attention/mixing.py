"""Mixing: what a head takes from the values, given its weights."""

from typing import Protocol

import tensorflow as tf

from translator.model.attention.heads import Heads


class Mixing(Protocol):
    """A function of weights and values; a Keras layer if it has weights of its own."""

    def __call__(self, weights: tf.Tensor, values: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """[B, H, Q, M], [B, H, M, K], and the layer's input [B, Q, D], for gates -> [B, H, Q, K]."""
        ...


class WeightedMean:
    """Σ weight · value (Vaswani et al., 2017, equation 1)."""

    def __init__(self, heads: Heads) -> None:
        """Needs to know nothing of the heads."""

    def __call__(self, weights: tf.Tensor, values: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """[B, H, Q, M], [B, H, M, K] -> [B, H, Q, K]."""
        return tf.matmul(weights, values)
