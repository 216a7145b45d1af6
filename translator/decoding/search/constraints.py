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
        # A sum with NEVER is NEVER. TensorFlow makes one operation of it and of the product that gives the logits.
        forbidden = tf.scatter_nd(tf.constant(list(ids))[:, None], tf.fill([len(ids)], NEVER), [logits.shape[-1]])
        return tf.nn.bias_add(logits, forbidden)

    return constrain


def length_limits(source_lengths: tf.Tensor, factor: float, margin: int) -> tf.Tensor:
    """The most tokens that a translation may have, EOS included: int32 [B] -> int32 [B], rounded down.

    Not a function of logits: at its limit a translation ends with whatever token is the best, EOS or not.
    """
    return tf.cast(tf.cast(source_lengths, tf.float32) * factor, tf.int32) + margin
