"""Scores: how well each key answers each query."""

import math
from typing import Protocol

import tensorflow as tf

from translator.model.attention.heads import Heads


class Score(Protocol):
    """A score function; a Keras layer if it has weights."""

    def __call__(self, queries: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
        """[B, H, Q, K], [B, H, M, K] -> [B, H, Q, M]."""
        ...


class ScaledDotProduct:
    """q·k / √K (Vaswani et al., 2017, equation 1)."""

    def __init__(self, heads: Heads) -> None:
        self._scale = 1.0 / math.sqrt(heads.size)

    def __call__(self, queries: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
        """[B, H, Q, K], [B, H, M, K] -> [B, H, Q, M]."""
        return tf.matmul(queries * self._scale, keys, transpose_b=True)
