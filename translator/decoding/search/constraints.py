"""What a translation may hold: functions of logits and state to logits; and how long it may be.

Letters: B sentences, b those still being translated, W beam width, V vocabulary.
"""

from collections.abc import Sequence

import tensorflow as tf

from translator.decoding.search.loop import Constraint, SearchState
from translator.decoding.search.scoring import NEVER


def never(ids: Sequence[int]) -> Constraint:
    """Leaves no probability to some ids."""

    def constrain(logits: tf.Tensor, _: SearchState) -> tf.Tensor:
        N, k = tf.shape(logits)[0], len(ids)
        columns = tf.tile(tf.constant(list(ids))[None], [N, 1])  # [N, k]
        elements = tf.stack([tf.repeat(tf.range(N), k), tf.reshape(columns, [-1])], 1)  # [N · k, 2]
        return tf.tensor_scatter_nd_update(logits, elements, tf.fill([N * k], NEVER))

    return constrain


def length_limits(source_lengths: tf.Tensor, factor: float, margin: int) -> tf.Tensor:
    """The most tokens that a translation may have, EOS included: int32 [B] -> int32 [B], rounded down.

    Not a function of logits: at its limit a translation ends with whatever token is the best, EOS or not.
    """
    return tf.cast(tf.cast(source_lengths, tf.float32) * factor, tf.int32) + margin
