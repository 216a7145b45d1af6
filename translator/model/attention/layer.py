"""Multi-head attention, put together from parts: within a sequence, and from one sequence to another."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from translator.model.attention.cache import KeysValues, cache_shapes, empty_cache
from translator.model.attention.context import Context
from translator.model.attention.heads import Heads
from translator.model.attention.kinds import Parts
from translator.model.linear import Linear


class Attended(NamedTuple):
    """What attention gives: the outputs, and who looked at whom."""

    output: tf.Tensor  # [B, Q, D]
    weights: tf.Tensor  # [B, H, Q, M]; with a softmax each row sums to 1


class MultiHeadAttention(keras.layers.Layer):
    """Attention in H subspaces at once (Vaswani et al., 2017, §3.2.2).

    In the paper's names, the projections hold the matrices W^Q_i of all heads side by side, then the W^K_i and W^V_i;
    `output_projection` is W^O.
    """

    def __init__(self, d_model: int, num_heads: int, dropout_rate: float, parts: Parts, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dropout_rate = dropout_rate
        self.heads = Heads(num_heads, d_model // num_heads)
        self.reach = parts.reach
        self.score, self.selection = parts.score(self.heads), parts.selection(self.heads)
        self.mixing, self.positions = parts.mixing(self.heads), parts.positions(self.heads)
        self.output_projection = Linear(d_model, d_model, name="output")

    def build(self, *_: Any) -> None:
        self.output_projection.build()
        for part in (self.score, self.selection, self.mixing, self.positions):
            if isinstance(part, keras.layers.Layer):
                part.build(None)

    def attend(self, x: tf.Tensor, queries: tf.Tensor, memory: KeysValues, context: Context) -> Attended:
        """Mixes the values by how well each key answers the query.

        Args:
            x: [B, Q, D], which the queries are projections of.
            queries: [B, H, Q, K].
            memory: the keys and values of M positions.
            context: where queries and keys stand; dropout of the weights; the scale of the values.
        """
        memory = memory.with_values_scaled(context.value_scale)
        scores = self.score(queries, memory.keys)
        bias = self.positions.bias(queries, memory, context)
        weights = self.selection(scores if bias is None else scores + bias, self.reach(context))
        kept = context.dropout(weights, self.dropout_rate) if context.dropout else weights
        return Attended(self.output_projection(self.heads.join(self.mixing(kept, memory.values, x))), weights)


class SelfAttention(MultiHeadAttention):
    """Each position of a sequence looks at the positions of the same sequence."""

    def __init__(self, d_model: int, num_heads: int, dropout_rate: float, parts: Parts, **kwargs: Any) -> None:
        super().__init__(d_model, num_heads, dropout_rate, parts, **kwargs)
        self.query_key_value = Linear(d_model, 3 * d_model, blocks=3, name="query_key_value")

    def build(self, *_: Any) -> None:
        self.query_key_value.build()
        super().build()

    def call(self, x: tf.Tensor, context: Context, past: KeysValues | None = None) -> tuple[Attended, KeysValues]:
        """Attends from x to the past, if there is one, and to x.

        Args:
            x: [B, Q, D].
            context: of the queries of x, and of the keys of the past and x together.
            past: keys and values of the positions before x.

        Returns:
            The outputs and weights, and the keys and values of the past and x together.
        """
        queries, keys, values = self.heads.split(self.query_key_value(x), 3)
        queries, keys = (self.positions.place(heads, context.query_positions) for heads in (queries, keys))
        memory = KeysValues(keys, values, self.positions.notes(x))
        if past is not None:
            memory = past.append(memory)
        return self.attend(x, queries, memory, context), memory

    def cache_shapes(self) -> KeysValues:
        """The shapes of this layer's cache, None where it grows."""
        return cache_shapes(self.heads, self.positions.note_sizes)

    def empty_cache(self, hypotheses: tf.Tensor) -> KeysValues:
        """The cache of this layer before the first position."""
        return empty_cache(self.cache_shapes(), hypotheses, self.compute_dtype)


class CrossAttention(MultiHeadAttention):
    """Each position of one sequence looks at the positions of another."""

    def __init__(self, d_model: int, num_heads: int, dropout_rate: float, parts: Parts, **kwargs: Any) -> None:
        super().__init__(d_model, num_heads, dropout_rate, parts, **kwargs)
        self.query = Linear(d_model, d_model, name="query")
        self.key_value = Linear(d_model, 2 * d_model, blocks=2, name="key_value")

    def build(self, *_: Any) -> None:
        self.query.build()
        self.key_value.build()
        super().build()

    def call(self, x: tf.Tensor, memory: KeysValues, context: Context) -> Attended:
        """Attends from x to what `project_memory` gave.

        In search the rows of x are hypotheses, W for each of the B sentences: their queries go to one memory, not to W
        copies of it.

        Args:
            x: [B · W, T, D].
            memory: of B sentences.
            context: of the T positions of x, and of the keys.

        Returns:
            Outputs like x; weights [B, H, W · T, M].
        """
        sentences = tf.shape(memory.keys)[0]
        side_by_side = tf.reshape(x, [sentences, -1, self.heads.width])  # [B · W, T, D] -> [B, W · T, D]
        (queries,) = self.heads.split(self.query(side_by_side), 1)
        hypotheses = tf.shape(x)[0] // sentences
        attended = self.attend(side_by_side, queries, memory, context.with_hypotheses(hypotheses))
        return Attended(tf.reshape(attended.output, tf.shape(x)), attended.weights)

    def project_memory(self, x: tf.Tensor) -> KeysValues:
        """Keys and values of the other sequence, [B, M, D], computed once for all queries to come."""
        return KeysValues(*self.heads.split(self.key_value(x), 2))
