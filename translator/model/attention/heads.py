"""Heads: how the channels of a projection are divided into subspaces that attend separately."""

from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class Heads:
    """H subspaces of K channels each, D = H · K (Vaswani et al., 2017, §3.2.2).

    Keys and values have G heads, each for H / G heads of queries that lie side by side: all H in multi-head attention,
    one in multi-query attention (Shazeer, 2019), some number between in grouped-query attention (Ainslie et al., 2023).
    """

    number: int
    size: int
    shared_by: int = 1  # H / G

    @property
    def width(self) -> int:
        """D, the channels of all heads side by side."""
        return self.number * self.size

    @property
    def of_keys(self) -> int:
        """G, the heads of keys and of values."""
        return self.number // self.shared_by

    @property
    def key_width(self) -> int:
        """The channels of all heads of keys, or of values, side by side."""
        return self.of_keys * self.size

    def split(self, projected: tf.Tensor, *numbers: int) -> list[tf.Tensor]:
        """Cuts projections that lie side by side into so many heads each: [B, M, ΣnK] -> [B, n, M, K] for each n."""
        if projected.shape[1] == 1:  # a step of the search: nothing changes places
            return tf.split(tf.reshape(projected, [-1, sum(numbers), 1, self.size]), numbers, 1)
        shape = tf.shape(projected)
        if len(set(numbers)) == 1:
            heads = tf.reshape(projected, [shape[0], shape[1], len(numbers), numbers[0], self.size])
            return tf.unstack(tf.transpose(heads, [2, 0, 3, 1, 4]), len(numbers))
        heads = tf.reshape(projected, [shape[0], shape[1], sum(numbers), self.size])
        return tf.split(tf.transpose(heads, [0, 2, 1, 3]), numbers, 1)

    def join(self, heads: tf.Tensor) -> tf.Tensor:
        """Puts the heads side by side again: [B, H, Q, K] -> [B, Q, D]."""
        if heads.shape[2] == 1:
            return tf.reshape(heads, [-1, 1, self.width])
        heads = tf.transpose(heads, [0, 2, 1, 3])  # [B, H, Q, K] -> [B, Q, H, K]
        shape = tf.shape(heads)
        return tf.reshape(heads, [shape[0], shape[1], self.width])


def product(of_queries: tf.Tensor, of_keys: tf.Tensor, transpose: bool = False) -> tf.Tensor:
    """Products of each head's queries with its keys, or of its weights with its values.

    Heads that share keys are one matrix product with them: their queries lie under one another.

    Args:
        of_queries: [B, H, Q, X].
        of_keys: [B, G, X, Y], or [B, G, Y, X] if `transpose`; B may be 1.

    Returns:
        [B, H, Q, Y].
    """
    heads, key_heads = of_queries.shape[1], of_keys.shape[1]
    if of_keys.shape[2] == 1:
        # TensorFlow 2.21 with oneDNN multiplies by a single row that it has to broadcast wrongly, or crashes.
        products = of_queries * tf.repeat(of_keys, heads // key_heads, 1)
        return tf.reduce_sum(products, -1, keepdims=True) if transpose else products
    if heads == key_heads:
        return tf.matmul(of_queries, of_keys, transpose_b=transpose)
    products = tf.matmul(by_key_head(of_queries, key_heads), of_keys, transpose_b=transpose)  # [B, G, H / G · Q, Y]
    shape = tf.shape(of_queries)
    return tf.reshape(products, [shape[0], heads, shape[2], tf.shape(products)[3]])


def by_key_head(of_queries: tf.Tensor, key_heads: int) -> tf.Tensor:
    """Puts what belongs to the heads that share a key's under one another: [B, H, Q, X] -> [B, G, H / G · Q, X]."""
    shape = tf.shape(of_queries)
    return tf.reshape(of_queries, [shape[0], key_heads, of_queries.shape[1] // key_heads * shape[2], shape[3]])
