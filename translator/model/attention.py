"""Attention: queries look at keys and take a weighted mean of the values (Vaswani et al., 2017, §3.2).

It is made of small parts that can be swapped and looked at one by one: a *score* of each query against each key,
a *mask* of what may be attended to, and a *normalizer* that turns scores into weights.

Letters: B batch, Q queries, M memory positions (the keys and values), D model, H heads, K head size.
"""

import math
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from translator.model.dropout import Dropout
from translator.model.linear import Linear


class Attended(NamedTuple):
    """What attention gives: the outputs, and who looked at whom."""

    output: tf.Tensor  # [B, Q, D]
    weights: tf.Tensor  # [B, H, Q, M]; each row sums to 1


class KeysValues(NamedTuple):
    """A memory as attention sees it; also what a cache of past positions holds."""

    keys: tf.Tensor  # [B, H, M, K]
    values: tf.Tensor  # [B, H, M, K]

    def append(self, other: "KeysValues") -> "KeysValues":
        """Puts another memory behind this one."""
        return KeysValues(tf.concat([self.keys, other.keys], 2), tf.concat([self.values, other.values], 2))


def scaled_dot_product(queries: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
    """Scores q·k / √K, equation 1: [B, H, Q, K], [B, H, M, K] -> [B, H, Q, M]."""
    return tf.matmul(queries * (1.0 / math.sqrt(queries.shape[-1])), keys, transpose_b=True)


def masked(scores: tf.Tensor, may_attend: tf.Tensor | None) -> tf.Tensor:
    """Lowers the scores of what may not be attended to until the normalizer gives it no weight.

    A finite number and not −∞: a row in which nothing may be attended to (padding) then gives no NaN.

    Args:
        scores: [B, H, Q, M].
        may_attend: bool, broadcastable to the scores; True means *may attend*. None allows everything.
    """
    if may_attend is None:
        return scores
    return scores + tf.cast(tf.where(may_attend, 0.0, -1e9), scores.dtype)


def causal_mask(length: tf.Tensor) -> tf.Tensor:
    """Lets position t attend to positions ≤ t: bool [1, 1, length, length]."""
    positions = tf.range(length)
    return (positions[:, None] >= positions[None, :])[None, None]


def padding_mask(ids: tf.Tensor, pad_id: int) -> tf.Tensor:
    """Lets everybody attend to what is not padding: int [B, M] -> bool [B, 1, 1, M]."""
    return (ids != pad_id)[:, None, None, :]


class MultiHeadAttention(keras.layers.Layer):
    """Attention in H subspaces at once (§3.2.2): what self-attention and cross-attention have in common.

    In the paper's names, the projections hold the matrices W^Q_i of all heads side by side, then the W^K_i and W^V_i;
    `output_projection` is W^O.
    """

    def __init__(self, d_model: int, num_heads: int, dropout_rate: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.d_model, self.num_heads, self.dropout_rate = d_model, num_heads, dropout_rate
        self.head_size = d_model // num_heads
        self.output_projection = Linear(d_model, d_model, name="output")

    def attend(
        self, queries: tf.Tensor, memory: KeysValues, may_attend: tf.Tensor | None, dropout: Dropout | None
    ) -> Attended:
        """Takes the mean of the values, weighted by how well each key answers the query: [B, H, Q, K] -> [B, Q, D]."""
        weights = tf.nn.softmax(masked(scaled_dot_product(queries, memory.keys), may_attend))
        kept = dropout(weights, self.dropout_rate) if dropout else weights
        context = tf.transpose(tf.matmul(kept, memory.values), [0, 2, 1, 3])  # [B, H, Q, K] -> [B, Q, H, K]
        shape = tf.shape(context)
        context = tf.reshape(context, [shape[0], shape[1], self.d_model])  # [B, Q, H, K] -> [B, Q, D]
        return Attended(self.output_projection(context), weights)

    def split_heads(self, projected: tf.Tensor, parts: int) -> list[tf.Tensor]:
        """Cuts projections that lie side by side into heads: [B, M, parts · D] -> parts × [B, H, M, K]."""
        shape = tf.shape(projected)
        heads = tf.reshape(projected, [shape[0], shape[1], parts, self.num_heads, self.head_size])
        return tf.unstack(tf.transpose(heads, [2, 0, 3, 1, 4]), parts)


class SelfAttention(MultiHeadAttention):
    """Each position of a sequence looks at the positions of the same sequence."""

    def __init__(self, d_model: int, num_heads: int, dropout_rate: float, **kwargs: Any) -> None:
        super().__init__(d_model, num_heads, dropout_rate, **kwargs)
        self.projection = Linear(d_model, 3 * d_model, blocks=3, name="query_key_value")

    def build(self, *_: Any) -> None:
        self.projection.build()
        self.output_projection.build()

    def call(
        self,
        x: tf.Tensor,
        may_attend: tf.Tensor | None = None,
        dropout: Dropout | None = None,
        past: KeysValues | None = None,
    ) -> tuple[Attended, KeysValues]:
        """Attends from x to the past, if there is one, and to x.

        Args:
            x: [B, Q, D].
            may_attend: bool, broadcastable to [B, H, Q, M]; None allows everything.
            dropout: masks for the attention weights in training; None in inference.
            past: keys and values of the positions before x.

        Returns:
            The outputs and weights, and the keys and values of the past and x together.
        """
        queries, keys, values = self.split_heads(self.projection(x), 3)
        memory = KeysValues(keys, values)
        if past is not None:
            memory = past.append(memory)
        return self.attend(queries, memory, may_attend, dropout), memory


class CrossAttention(MultiHeadAttention):
    """Each position of one sequence looks at the positions of another."""

    def __init__(self, d_model: int, num_heads: int, dropout_rate: float, **kwargs: Any) -> None:
        super().__init__(d_model, num_heads, dropout_rate, **kwargs)
        self.query_projection = Linear(d_model, d_model, name="query")
        self.memory_projection = Linear(d_model, 2 * d_model, blocks=2, name="key_value")

    def build(self, *_: Any) -> None:
        self.query_projection.build()
        self.memory_projection.build()
        self.output_projection.build()

    def call(
        self,
        x: tf.Tensor,
        memory: KeysValues,
        may_attend: tf.Tensor | None = None,
        dropout: Dropout | None = None,
    ) -> Attended:
        """Attends from x, [B, Q, D], to what `project_memory` gave. The rest is as in `SelfAttention`."""
        (queries,) = self.split_heads(self.query_projection(x), 1)
        return self.attend(queries, memory, may_attend, dropout)

    def project_memory(self, memory: tf.Tensor) -> KeysValues:
        """Keys and values of the other sequence, [B, M, D], worked out once for all queries to come."""
        return KeysValues(*self.split_heads(self.memory_projection(memory), 2))
