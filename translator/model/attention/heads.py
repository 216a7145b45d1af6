"""Heads: how the channels of a projection are divided into subspaces that attend separately."""

from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class Heads:
    """H subspaces of K channels each, D = H · K (Vaswani et al., 2017, §3.2.2)."""

    number: int
    size: int

    @property
    def width(self) -> int:
        """D, the channels of all heads side by side."""
        return self.number * self.size

    def split(self, projected: tf.Tensor, blocks: int) -> list[tf.Tensor]:
        """Cuts projections that lie side by side into heads: [B, M, blocks · D] -> blocks × [B, H, M, K]."""
        if projected.shape[1] == 1:  # a step of the search: nothing changes places
            return tf.unstack(tf.reshape(projected, [-1, blocks, self.number, 1, self.size]), axis=1)
        shape = tf.shape(projected)
        heads = tf.reshape(projected, [shape[0], shape[1], blocks, self.number, self.size])
        return tf.unstack(tf.transpose(heads, [2, 0, 3, 1, 4]), blocks)

    def join(self, heads: tf.Tensor) -> tf.Tensor:
        """Puts the heads side by side again: [B, H, Q, K] -> [B, Q, D]."""
        if heads.shape[2] == 1:
            return tf.reshape(heads, [-1, 1, self.width])
        heads = tf.transpose(heads, [0, 2, 1, 3])  # [B, H, Q, K] -> [B, Q, H, K]
        shape = tf.shape(heads)
        return tf.reshape(heads, [shape[0], shape[1], self.width])
