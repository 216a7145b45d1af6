"""What a translation may hold: functions of logits and prefixes to logits; and how long it may be.

What a constraint forbids gets no probability, and the rest shares it: log-probabilities are those of the model so
constrained. Letters: B sentences, b those still being translated, N = b · W hypotheses, W beam width, V vocabulary,
t tokens so far, M = t or more columns of prefixes.
"""

from collections.abc import Sequence

import tensorflow as tf

from translator.decoding.search.loop import Constraint, Prefixes
from translator.decoding.search.scoring import NEVER

NO_TOKEN = -1


def never(ids: Sequence[int]) -> Constraint:
    """Leaves no probability to some ids."""

    def constrain(logits: tf.Tensor, _: Prefixes) -> tf.Tensor:
        # A sum with NEVER is NEVER. TensorFlow makes one operation of it and of the product that gives the logits.
        forbidden = tf.scatter_nd(tf.constant(list(ids))[:, None], tf.fill([len(ids)], NEVER), [logits.shape[-1]])
        return tf.nn.bias_add(logits, forbidden)

    return constrain


def length_limits(source_lengths: tf.Tensor, factor: float, margin: int) -> tf.Tensor:
    """`SearchOptions.max_target_tokens` in a graph, of any factor and margin: int32 [B] -> int32 [B].

    Not a function of logits: at its limit a translation ends with whatever token is the best, EOS or not.
    """
    return tf.cast(tf.cast(source_lengths, tf.float32) * factor, tf.int32) + margin


def no_end_before(least: tf.Tensor, eos: int) -> Constraint:
    """Lets a translation end with so many tokens or more, EOS included: int32 [B]."""

    def constrain(logits: tf.Tensor, prefixes: Prefixes) -> tf.Tensor:
        too_short = prefixes.position + 1 < prefixes.of_hypotheses(least)  # [N]
        return tf.where(too_short[:, None] & (tf.range(logits.shape[-1]) == eos), NEVER, logits)

    return constrain


def repetition_penalty(penalty: float) -> Constraint:
    """Divides the logits of tokens that a hypothesis holds, or multiplies them if negative (Keskar et al., 2019, §4.1).

    A penalty above 1 makes them less likely.
    """

    def constrain(logits: tf.Tensor, prefixes: Prefixes) -> tf.Tensor:
        ids = prefixes.ids  # [N, M]
        real = tf.broadcast_to(tf.range(tf.shape(ids)[1]) < prefixes.position, tf.shape(ids))
        held = tf.scatter_nd(*_elements(ids, real), tf.shape(logits)) > 0
        return tf.where(held, tf.where(logits < 0, logits * penalty, logits / penalty), logits)

    return constrain


def no_repeated_ngram(n: int) -> Constraint:
    """Lets no hypothesis hold the same n tokens in a row twice (Paulus et al., 2018, §2.5)."""

    def constrain(logits: tf.Tensor, prefixes: Prefixes) -> tf.Tensor:
        ids = prefixes.ids
        count = tf.maximum(tf.shape(ids)[1] - n + 1, 0)
        ngrams = tf.stack([ids[:, i : count + i] for i in range(n)], 2)  # [N, count, n]
        real = tf.range(count) + n <= prefixes.position
        seen = tf.reduce_all(ngrams[:, :, :-1] == _last(prefixes, n - 1)[:, None], 2) & real  # [N, count]
        return _forbidding(logits, ngrams[:, :, -1], seen)

    return constrain


def no_phrase(phrases: Sequence[Sequence[int]]) -> Constraint:
    """Lets no hypothesis complete one of some sequences of tokens."""
    by_length: dict[int, list[Sequence[int]]] = {}
    for phrase in phrases:
        by_length.setdefault(len(phrase), []).append(phrase)

    def constrain(logits: tf.Tensor, prefixes: Prefixes) -> tf.Tensor:
        N = tf.shape(logits)[0]
        for length, alike in by_length.items():
            table = tf.constant([list(phrase) for phrase in alike])  # [phrases, length]
            tail = _last(prefixes, length - 1) if length > 1 else tf.zeros([N, 0], tf.int32)
            begun = tf.reduce_all(tail[:, None] == table[:, :-1], 2)  # [N, phrases]
            logits = _forbidding(logits, tf.tile(table[None, :, -1], [N, 1]), begun)
        return logits

    return constrain


def begins_with(forced: tf.Tensor, lengths: tf.Tensor) -> Constraint:
    """Makes translations begin with given tokens, whatever other constraints say: to be applied last.

    Args:
        forced: int32 [B, P], padded.
        lengths: int32 [B], how many of them are real.
    """

    def constrain(logits: tf.Tensor, prefixes: Prefixes) -> tf.Tensor:
        position = prefixes.position
        longest = tf.shape(forced)[1]

        def force() -> tf.Tensor:
            token = prefixes.of_hypotheses(tf.gather(forced, position, axis=1))  # [N]
            only = tf.where(tf.range(logits.shape[-1]) == token[:, None], 0.0, NEVER)
            return tf.where((position < prefixes.of_hypotheses(lengths))[:, None], only, logits)

        return tf.cond(position < longest, force, lambda: logits)

    return constrain


def _last(prefixes: Prefixes, count: int) -> tf.Tensor:
    """The last tokens of each hypothesis, with NO_TOKEN before the first: int32 [N, count]."""
    padded = tf.pad(prefixes.ids, [[0, 0], [count, 0]], constant_values=NO_TOKEN)
    return tf.slice(padded, [0, prefixes.position], [tf.shape(padded)[0], count])


def _elements(columns: tf.Tensor, which: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Row and column of some elements of each row, and whether each is meant: int32 and bool [N, k] -> [N · k, …].

    What is not meant may not be a column at all; column 0 stands for it.
    """
    N, k = tf.unstack(tf.shape(columns))
    places = tf.stack([tf.repeat(tf.range(N), k), tf.reshape(tf.where(which, columns, 0), [-1])], 1)
    return places, tf.cast(tf.reshape(which, [-1]), tf.int32)


def _forbidding(logits: tf.Tensor, columns: tf.Tensor, which: tf.Tensor) -> tf.Tensor:
    """Logits without some of the tokens int32 [N, k]: those for which bool [N, k] is True."""
    places, meant = _elements(columns, which)
    return tf.tensor_scatter_nd_min(logits, places, tf.where(meant > 0, NEVER, logits.dtype.max))
