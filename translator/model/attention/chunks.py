"""Attention without a matrix of all weights: keys are taken a chunk at a time, with a running softmax.

Of each query the highest score so far, the sum of exponentials and the mean of the values are kept (Milakov and
Gimelshein, 2018; Rabe and Staats, 2021), and backwards the weights of each chunk are computed again (Dao et al., 2022,
§3.1). Memory grows with Q · C, not with Q · M.

Letters beside those of the package: G heads of keys, C keys in a chunk, s scores, p weights, N chunks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from translator.model.attention.context import Context
from translator.model.attention.heads import by_key_head, product

LOWEST = -1e30  # a score that no mask reaches: of what pads the last chunk, and before the first key


class Operands(NamedTuple):
    """What attention is a function of; () where the layer has nothing of the kind."""

    queries: tf.Tensor  # [B, H, Q, K]
    keys: tf.Tensor  # [B, G, M, K]
    values: tf.Tensor  # [B, G, M, K]
    query_cumulative: tf.Tensor = ()  # float32 [B, H, Q, 1], see `Forgetting.cumulative`
    key_cumulative: tf.Tensor = ()  # float32 [B, H, M, 1]
    silence_scores: tf.Tensor = ()  # [B, H, Q, 1]
    silence_value: tf.Tensor = ()  # [1, G, 1, K]

    def flat(self) -> list[tf.Tensor]:
        """Those that are there."""
        return [each for each in self if not isinstance(each, tuple)]

    def like(self, tensors: Sequence[tf.Tensor]) -> "Operands":
        """Others in the places of `flat`."""
        left = iter(tensors)
        return Operands(*(each if isinstance(each, tuple) else next(left) for each in self))

    def of_queries(self) -> "Operands":
        """Those that all keys have in common."""
        return self._replace(keys=(), values=(), key_cumulative=(), silence_scores=(), silence_value=())

    def of_keys(self) -> "Operands":
        """Those that each key has."""
        return self._replace(queries=(), query_cumulative=(), silence_scores=(), silence_value=())


# (queries and keys with what belongs to them, where they stand) -> masked scores [B, H, Q, M]
MaskedScores = Callable[[Operands, Context], tf.Tensor]


def mean_in_chunks(
    scores: MaskedScores, operands: Operands, context: Context, size: int, variables: Sequence[keras.Variable]
) -> tf.Tensor:
    """softmax(s) V, as if all keys were taken at once.

    Args:
        scores: computes those of any part of the keys.
        operands: of all keys.
        context: of all keys.
        size: C.
        variables: that the scores depend on.

    Returns:
        [B, H, Q, K], in the dtype of the queries.
    """
    count = len(operands.flat())

    @tf.custom_gradient
    def mean(*tensors: tf.Tensor) -> Any:
        def scores_with(weights: Sequence[tf.Tensor], part: Operands, where: Context) -> tf.Tensor:
            # The variables are arguments like others, so that they have gradients like others.
            with keras.StatelessScope(list(zip(variables, weights, strict=True))):
                return scores(part, where)

        given, weights = operands.like(tensors[:count]), tensors[count:]
        chunks = Chunks(lambda part, where: scores_with(weights, part, where), given, context, size)
        running = chunks.run()
        result = running.mean / running.total  # float32 [B, H, Q, K]

        def gradient(upstream: tf.Tensor) -> list[tf.Tensor]:
            backwards = Backwards(chunks, scores_with, running, result, tf.cast(upstream, tf.float32))
            gradients = backwards.run(weights)
            return [tf.cast(each, tensor.dtype) for each, tensor in zip(gradients, tensors, strict=True)]

        return tf.cast(result, given.queries.dtype), gradient

    return mean(*operands.flat(), *(tf.convert_to_tensor(variable) for variable in variables))


class Running(NamedTuple):
    """A softmax over the keys so far: float32."""

    highest: tf.Tensor  # [B, H, Q, 1], the highest score
    total: tf.Tensor  # [B, H, Q, 1], Σ exp(s − highest)
    mean: tf.Tensor  # [B, H, Q, K], Σ exp(s − highest) v


class Chunks:
    """The keys in chunks of one size, the last one padded."""

    def __init__(self, scores: MaskedScores, operands: Operands, context: Context, size: int) -> None:
        self._scores, self.operands, self._context = scores, operands, context
        self.length = tf.shape(operands.keys)[2]
        self.size = tf.minimum(size, self.length)
        self.number = (self.length + self.size - 1) // self.size
        self._missing = self.number * self.size - self.length
        self._padded = operands._replace(
            keys=self._pad(operands.keys),
            values=self._pad(operands.values),
            key_cumulative=self._pad(operands.key_cumulative),
        )
        self._positions = tf.pad(context.key_positions, [[0, self._missing]])
        real = context.real_keys
        self._real = None if real is None else tf.pad(real, [[0, 0], [0, self._missing]])

    def _pad(self, of_keys: tf.Tensor) -> tf.Tensor:
        return of_keys if isinstance(of_keys, tuple) else tf.pad(of_keys, [[0, 0], [0, 0], [0, self._missing], [0, 0]])

    def operands_of(self, number: tf.Tensor) -> Operands:
        """The queries, and the keys of a chunk."""

        def part(x: tf.Tensor) -> tf.Tensor:
            if isinstance(x, tuple):
                return x
            return tf.ensure_shape(tf.slice(x, [0, 0, number * self.size, 0], [-1, -1, self.size, -1]), _chunk_shape(x))

        padded = self._padded
        return padded._replace(
            keys=part(padded.keys), values=part(padded.values), key_cumulative=part(padded.key_cumulative)
        )

    def context_of(self, number: tf.Tensor) -> Context:
        """Where the queries and the keys of a chunk stand."""
        start = number * self.size
        positions = tf.slice(self._positions, [start], [self.size])
        real = None if self._real is None else tf.slice(self._real, [0, start], [-1, self.size])
        return self._context.with_keys(positions, real)

    def inside(self, number: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
        """The scores of a chunk, [B, H, Q, C], in float32, those of what pads it at `LOWEST`."""
        places = number * self.size + tf.range(self.size)
        return tf.where(places < self.length, tf.cast(scores, tf.float32), LOWEST)

    def start(self) -> Running:
        """Before the first key: silence, if there is any, or nothing."""
        queries = tf.cast(self.operands.queries, tf.float32)
        nothing = tf.zeros_like(queries[..., :1])
        if isinstance(self.operands.silence_scores, tuple):
            return Running(nothing + LOWEST, nothing, tf.zeros_like(queries))
        ones = nothing + 1.0
        mean = product(ones, tf.cast(self.operands.silence_value, tf.float32))
        return Running(tf.cast(self.operands.silence_scores, tf.float32), ones, mean)

    def run(self) -> Running:
        """Takes in all keys."""

        def take(number: tf.Tensor, *state: tf.Tensor) -> tuple[tf.Tensor, ...]:
            running, part = Running(*state), self.operands_of(number)
            scores = self.inside(number, self._scores(part, self.context_of(number)))
            highest = tf.maximum(running.highest, tf.reduce_max(scores, -1, keepdims=True))
            exponentials, shrink = tf.exp(scores - highest), tf.exp(running.highest - highest)
            taken = tf.cast(product(tf.cast(exponentials, part.values.dtype), part.values), tf.float32)
            total = running.total * shrink + tf.reduce_sum(exponentials, -1, keepdims=True)
            later = highest, total, running.mean * shrink + taken
            return number + 1, *(tf.ensure_shape(new, old.shape) for new, old in zip(later, state, strict=True))

        _, *state = _loop(self.number, take, *self.start())
        return Running(*state)


@dataclass(frozen=True)
class Backwards:
    """The gradient of a running softmax.

    With g the gradient of the result y: dv = Σ p g, and ds = p (g·v − g·y) (Dao et al., 2022, appendix B.2).
    """

    chunks: Chunks
    scores: Callable[[Sequence[tf.Tensor], Operands, Context], tf.Tensor]
    running: Running
    result: tf.Tensor  # float32 [B, H, Q, K]
    upstream: tf.Tensor  # the same

    def run(self, weights: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """The gradients of `Operands.flat`, and of the variables."""
        chunks, given = self.chunks, self.chunks.operands
        shared, own = given.of_queries(), given.of_keys()

        def take(number: tf.Tensor, sums: list[tf.Tensor], arrays: list[tf.TensorArray]) -> Any:
            found, of_weights = self._of_chunk(number, weights)
            terms = [tf.cast(each, tf.float32) for each in (*found.of_queries().flat(), *of_weights)]
            sums = [tf.ensure_shape(x + term, x.shape) for x, term in zip(sums, terms, strict=True)]
            of_keys = [tf.cast(each, tf.float32) for each in found.of_keys().flat()]
            return number + 1, sums, [array.write(number, x) for array, x in zip(arrays, of_keys, strict=True)]

        sums = [tf.zeros_like(each, tf.float32) for each in (*shared.flat(), *weights)]
        arrays = [tf.TensorArray(tf.float32, chunks.number, element_shape=_chunk_shape(each)) for each in own.flat()]
        _, sums, arrays = _loop(chunks.number, take, sums, arrays)
        count = len(shared.flat())
        of_queries, of_keys = shared.like(sums[:count]), own.like([self._joined(each.stack()) for each in arrays])
        of_scores, of_value = self._of_silence()
        found = of_queries._replace(
            keys=of_keys.keys, values=of_keys.values, key_cumulative=of_keys.key_cumulative,
            silence_scores=of_scores, silence_value=of_value,
        )  # fmt: skip
        return [*found.flat(), *sums[count:]]

    def _of_chunk(self, number: tf.Tensor, weights: Sequence[tf.Tensor]) -> tuple[Operands, Sequence[tf.Tensor]]:
        """What a chunk adds to the gradients of queries and variables, and the gradients of its keys."""
        part, where = self.chunks.operands_of(number), self.chunks.context_of(number)
        watched = part._replace(values=(), silence_scores=(), silence_value=())
        inputs = [*watched.flat(), *weights]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(inputs)
            scores = self.scores(weights, watched, where)
        shares = tf.exp(self.chunks.inside(number, scores) - self.running.highest) / self.running.total  # p
        along = product(self.upstream, tf.cast(part.values, tf.float32), transpose=True)  # g·v
        of_scores = tf.cast(shares * (along - self._upstream_along_result()), scores.dtype)
        found = tape.gradient(scores, inputs, of_scores, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        heads = part.values.shape[1]
        of_values = tf.matmul(by_key_head(shares, heads), by_key_head(self.upstream, heads), transpose_a=True)
        count = len(watched.flat())
        return watched.like(found[:count])._replace(values=of_values), found[count:]

    def _upstream_along_result(self) -> tf.Tensor:
        return tf.reduce_sum(self.upstream * self.result, -1, keepdims=True)  # [B, H, Q, 1]

    def _of_silence(self) -> tuple[tf.Tensor, tf.Tensor]:
        """The gradients of the scores and of the value of silence, if there is any."""
        operands = self.chunks.operands
        if isinstance(operands.silence_scores, tuple):
            return (), ()
        shares = tf.exp(tf.cast(operands.silence_scores, tf.float32) - self.running.highest) / self.running.total
        value = tf.cast(operands.silence_value, tf.float32)
        of_scores = shares * (product(self.upstream, value, transpose=True) - self._upstream_along_result())
        of_value = tf.reduce_sum(by_key_head(shares * self.upstream, value.shape[1]), (0, 2), keepdims=True)
        return of_scores, of_value

    def _joined(self, chunks: tf.Tensor) -> tf.Tensor:
        """[N, B, G, C, X] -> [B, G, M, X]."""
        chunks = tf.transpose(chunks, [1, 2, 0, 3, 4])
        shape = tf.shape(chunks)
        return tf.reshape(chunks, [shape[0], shape[1], -1, shape[4]])[:, :, : self.chunks.length]


def _chunk_shape(of_keys: tf.Tensor) -> tf.TensorShape:
    return tf.TensorShape([None, of_keys.shape[1], None, of_keys.shape[3]])


def _loop(times: tf.Tensor, take: Callable[..., Any], *state: Any) -> Any:
    """Takes one chunk after the other: side by side, they would hold as much as all at once."""
    start = tf.constant(0), *state
    return tf.while_loop(lambda number, *_: number < times, take, start, parallel_iterations=1)
