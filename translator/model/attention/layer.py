"""Multi-head attention, put together from parts: within a sequence, and from one sequence to another."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from translator.model.attention.cache import KeysValues, cache_shapes, empty_cache
from translator.model.attention.chunks import Operands, mean_in_chunks
from translator.model.attention.context import Context
from translator.model.attention.forgetting import forgotten
from translator.model.attention.heads import Heads
from translator.model.attention.kinds import Parts
from translator.model.attention.mixing import weighted_mean
from translator.model.attention.selection import masked
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
        self.heads = Heads(num_heads, d_model // num_heads, num_heads // (parts.key_value_heads or num_heads))
        self.reach, self.chunk = parts.reach, parts.chunk
        self.score, self.selection = parts.score(self.heads), parts.selection(self.heads)
        self.positions = parts.positions(self.heads, parts.causal)
        self.silence, self.forgetting, self.norm, self.gate = (
            make(self.heads) if make else None for make in (parts.silence, parts.forgetting, parts.norm, parts.gate)
        )
        self.output_projection = Linear(d_model, d_model, name="output")

    def build(self, *_: Any) -> None:
        self.output_projection.build()
        for part in self._parts():
            part.build(None)

    def _parts(self) -> list[keras.layers.Layer]:
        """The parts that are layers, and may have weights."""
        parts = self.score, self.selection, self.positions, self.silence, self.forgetting, self.norm, self.gate
        return [part for part in parts if isinstance(part, keras.layers.Layer)]

    def attend(self, x: tf.Tensor, queries: tf.Tensor, memory: KeysValues, context: Context) -> Attended:
        """Mixes the values by how well each key answers the query.

        Args:
            x: [B, Q, D], which the queries are projections of.
            queries: [B, H, Q, K].
            memory: the keys and values of M positions, [B, G, M, K].
            context: where queries and keys stand; dropout of the weights; the scale of the values.
        """
        memory = memory.with_values_scaled(context.value_scale)
        operands = self._operands(queries, memory)
        scores, may_attend = self._scores(operands, context), self.reach(context)
        if self.silence is not None:
            scores, may_attend = _with_silence(scores, may_attend, operands.silence_scores)
        weights = self.selection(scores, may_attend)
        if self.chunk is None:
            kept = context.dropout(weights, self.dropout_rate) if context.dropout else weights
            mixed = self._mean(kept, memory.values)
        else:  # in a graph, weights that nobody reads are not computed
            mixed = self._mean_in_chunks(operands, context)
        if self.norm is not None:
            mixed = self.norm(mixed)
        if self.gate is not None:
            mixed = self.gate(mixed, x)
        of_keys = weights if self.silence is None else weights[..., :-1]
        return Attended(self.output_projection(self.heads.join(mixed)), of_keys)

    def _operands(self, queries: tf.Tensor, memory: KeysValues) -> Operands:
        """All that attention is a function of, beside where queries and keys stand."""
        operands = Operands(queries, memory.keys, memory.values)
        if self.forgetting is not None:
            of_queries, of_keys = self.forgetting.cumulative(memory.log_forget, queries)
            operands = operands._replace(query_cumulative=of_queries, key_cumulative=of_keys)
        if self.silence is not None:
            value = self.silence.value
            operands = operands._replace(
                silence_scores=self.silence.score(queries, self.score),
                silence_value=tf.zeros([1, self.heads.of_keys, 1, self.heads.size]) if value is None else value,
            )
        return operands

    def _scores(self, operands: Operands, context: Context) -> tf.Tensor:
        """[B, H, Q, M], with what positions and forgetting add."""
        scores = self.score(operands.queries, operands.keys)
        bias = self.positions.bias(operands.queries, context)
        if bias is not None:
            scores += bias
        if self.forgetting is not None:
            scores += tf.cast(forgotten(operands.query_cumulative, operands.key_cumulative), scores.dtype)
        return scores

    def _mean(self, weights: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        """Weights of keys, and of silence behind them if there is any -> [B, H, Q, K]."""
        if self.silence is None:
            return weighted_mean(weights, values)
        mean = weighted_mean(weights[..., :-1], values)
        return mean if self.silence.value is None else mean + weighted_mean(weights[..., -1:], self.silence.value)

    def _mean_in_chunks(self, operands: Operands, context: Context) -> tf.Tensor:
        """[B, H, Q, K], with as many keys at a time as the layer has been told."""
        assert self.chunk is not None

        def scores(part: Operands, where: Context) -> tf.Tensor:
            return masked(self._scores(part, where), self.reach(where))

        variables = [
            variable
            for part in (self.score, self.positions)
            if isinstance(part, keras.layers.Layer)
            for variable in part.trainable_variables
        ]
        return mean_in_chunks(scores, operands, context, self.chunk, variables)


def _with_silence(
    scores: tf.Tensor, may_attend: tf.Tensor | None, of_silence: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor | None]:
    """Puts the scores of silence, [B, H, Q, 1], behind those of the keys; every query may attend to it."""
    scores = tf.concat([scores, tf.cast(of_silence, scores.dtype)], 3)
    if may_attend is not None:
        may_attend = tf.concat([may_attend, tf.ones_like(may_attend[..., :1])], 3)
    return scores, may_attend


class SelfAttention(MultiHeadAttention):
    """Each position of a sequence looks at the positions of the same sequence."""

    def __init__(self, d_model: int, num_heads: int, dropout_rate: float, parts: Parts, **kwargs: Any) -> None:
        super().__init__(d_model, num_heads, dropout_rate, parts, **kwargs)
        width = d_model + 2 * self.heads.key_width
        self.query_key_value = Linear(d_model, width, block=d_model, name="query_key_value")

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
        of_keys = self.heads.of_keys
        queries, keys, values = self.heads.split(self.query_key_value(x), self.heads.number, of_keys, of_keys)
        queries, keys = (self.positions.place(heads, context.query_positions) for heads in (queries, keys))
        memory = KeysValues(keys, values, self.forgetting.log_forget(x) if self.forgetting else ())
        if past is not None and context.fixed_cache:
            memory = past.put(memory, context.key_positions == context.query_positions)
        elif past is not None:
            memory = past.append(memory)
        return self.attend(x, queries, memory, context), memory

    def cache_shapes(self) -> KeysValues:
        """The shapes of this layer's cache, None where it grows."""
        return cache_shapes(self.heads, forgets=self.forgetting is not None)

    def empty_cache(self, hypotheses: tf.Tensor, length: int = 0) -> KeysValues:
        """The cache of this layer before the first position, of a fixed length if one is given."""
        return empty_cache(self.cache_shapes(), hypotheses, self.compute_dtype, length)


class CrossAttention(MultiHeadAttention):
    """Each position of one sequence looks at the positions of another."""

    def __init__(self, d_model: int, num_heads: int, dropout_rate: float, parts: Parts, **kwargs: Any) -> None:
        super().__init__(d_model, num_heads, dropout_rate, parts, **kwargs)
        self.query = Linear(d_model, d_model, name="query")
        self.key_value = Linear(d_model, 2 * self.heads.key_width, block=d_model, name="key_value")

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
        (queries,) = self.heads.split(self.query(side_by_side), self.heads.number)
        hypotheses = tf.shape(x)[0] // sentences
        attended = self.attend(side_by_side, queries, memory, context.with_hypotheses(hypotheses))
        return Attended(tf.reshape(attended.output, tf.shape(x)), attended.weights)

    def project_memory(self, x: tf.Tensor) -> KeysValues:
        """Keys and values of the other sequence, [B, M, D], computed once for all queries to come."""
        of_keys = self.heads.of_keys
        return KeysValues(*self.heads.split(self.key_value(x), of_keys, of_keys))
