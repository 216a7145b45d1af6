"""Positions as a bias on the scores of self-attention that depends on how far apart a query and a key stand.

Letters beside those of the package: d the distance, positive where the key comes first; R distances told apart.
"""

import math
from typing import Any

import numpy as np
import tensorflow as tf

from translator.model.attention.context import Context
from translator.model.attention.heads import Heads
from translator.model.attention.positions import AttentionPositions

T5_BUCKETS, T5_FARTHEST = 32, 128  # as in T5; distances from 128 on are one
SHAW_FARTHEST = 16  # as Shaw et al. (2018, §4.1) have it for the base model


class T5Bias(AttentionPositions):
    """A learned number for each head and each bucket of distances (Raffel et al., 2020, §2.1).

    Half of the buckets hold one distance each, the others grow with its logarithm. Where keys may come after the
    query, half of them are for those. T5 has one table for all layers, here each layer has its own. It begins at 0.
    """

    def __init__(self, heads: Heads, causal: bool, **kwargs: Any) -> None:
        super().__init__(heads, causal, **kwargs)
        self.bucket_of_distance = t5_buckets(causal)  # of −128 … 128

    def build(self, *_: Any) -> None:
        self.table = self.add_weight((T5_BUCKETS, self.heads.number), "zeros", name="table", autocast=False)

    def bias(self, queries: tf.Tensor, context: Context) -> tf.Tensor:
        """[1, H, Q, M]."""
        near = tf.clip_by_value(context.distances, -T5_FARTHEST, T5_FARTHEST)
        table = tf.gather(tf.transpose(self.table.value), self.bucket_of_distance, axis=1)  # [H, R]
        return tf.cast(tf.gather(table, near + T5_FARTHEST, axis=1)[None], queries.dtype)


def t5_buckets(causal: bool) -> np.ndarray:
    """The bucket of each distance from −128 to 128: int32 [257]."""
    buckets = T5_BUCKETS if causal else T5_BUCKETS // 2
    exact = buckets // 2

    def bucket(distance: int) -> int:
        if distance < exact:
            return distance
        ratio = math.log(distance / exact) / math.log(T5_FARTHEST / exact)
        return min(exact + int(ratio * (buckets - exact)), buckets - 1)

    behind = [bucket(distance) for distance in range(T5_FARTHEST + 1)]
    ahead = [0 if causal else buckets + each for each in behind[:0:-1]]
    return np.array(ahead + behind, np.int32)


class ShawPositions(AttentionPositions):
    """Adds a learned vector a_d to a key: q·(k + a_d) / √K (Shaw et al., 2018, equation 5), d clipped to ±16.

    All heads of a layer share the vectors. The paper also adds vectors to the values, and finds (table 3) that those of
    the keys alone score as well. They begin at 0.
    """

    def build(self, *_: Any) -> None:
        self.table = self.add_weight((2 * SHAW_FARTHEST + 1, self.heads.size), "zeros", name="table", autocast=False)

    def bias(self, queries: tf.Tensor, context: Context) -> tf.Tensor:
        """[B, H, Q, M]. Row r of the table is of keys r − 16 after the query."""
        row = tf.clip_by_value(-context.distances, -SHAW_FARTHEST, SHAW_FARTHEST) + SHAW_FARTHEST  # [Q, M]
        table = tf.cast(self.table.value, queries.dtype) / math.sqrt(self.heads.size)
        products = tf.matmul(queries, table, transpose_b=True)  # [B, H, Q, R]
        by_query = tf.transpose(products, [2, 3, 0, 1])  # [Q, R, B, H]
        return tf.transpose(tf.gather(by_query, row, axis=1, batch_dims=1), [2, 3, 0, 1])  # [Q, M, B, H] -> …


class Alibi(AttentionPositions):
    """−m |d|: a penalty that grows with distance at a fixed slope m for each head (Press et al., 2022, §3).

    The slopes are 2^(−8/H), 2^(−16/H), … . In the encoder both sides are alike. It has no weights, and no sentence is
    too long.
    """

    def bias(self, queries: tf.Tensor, context: Context) -> tf.Tensor:
        """[1, H, Q, M]."""
        slopes = tf.constant(alibi_slopes(self.heads.number), tf.float32)
        distances = tf.cast(tf.abs(context.distances), tf.float32)
        return tf.cast(-slopes[:, None, None] * distances, queries.dtype)[None]


def alibi_slopes(heads: int) -> list[float]:
    """The slope of each head; for a number that is not a power of two, as the authors' code fills them up."""
    power = 2 ** int(math.log2(heads))
    slopes = [2 ** (-8 * (i + 1) / power) for i in range(power)]
    between = [2 ** (-4 * (i + 1) / power) for i in range(0, 2 * power, 2)]
    return slopes + between[: heads - power]
