"""Forgetting: how far back a query looks, as gates of the tokens in between have it (Lin et al., 2025)."""

from typing import Any

import keras
import tensorflow as tf

from translator.model.attention.heads import Heads
from translator.model.linear import Linear


class Forgetting(keras.layers.Layer):
    """Adds Σ log f_l over the positions l after the key, up to the query, to a score (Lin et al., 2025).

    f = σ(x W + b) is a number for each position and head. It is for self-attention whose queries are the last of the
    keys, and whose keys do not stand after the query. Sums are taken in float32, of what is cached in the compute
    dtype.
    """

    def __init__(self, heads: Heads, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.gate = Linear(heads.width, heads.number, name="gate")

    def build(self, *_: Any) -> None:
        self.gate.build()

    def log_forget(self, x: tf.Tensor) -> tf.Tensor:
        """What is cached of each position beside key and value, log f: [B, Q, D] -> [B, H, Q, 1]."""
        logits = tf.cast(self.gate(x), tf.float32)
        return tf.cast(tf.transpose(tf.math.log_sigmoid(logits), [0, 2, 1])[..., None], x.dtype)

    def cumulative(self, log_forget: tf.Tensor, queries: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Σ log f up to each query and up to each key, whose difference is what is added to the score.

        Args:
            log_forget: of all M keys, [B, H, M, 1].
            queries: [B, H, Q, K], the last Q of them.

        Returns:
            float32 [B, H, Q, 1] and [B, H, M, 1].
        """
        of_keys = tf.cumsum(tf.cast(log_forget, tf.float32), 2)
        return of_keys[:, :, tf.shape(of_keys)[2] - tf.shape(queries)[2] :], of_keys


def forgotten(of_queries: tf.Tensor, of_keys: tf.Tensor) -> tf.Tensor:
    """What `Forgetting.cumulative` adds to the scores: [B, H, Q, 1], [B, H, M, 1] -> [B, H, Q, M]."""
    return of_queries - tf.transpose(of_keys, [0, 1, 3, 2])
