"""Selection: turns the scores of a query into weights of the keys."""

from typing import Protocol

import tensorflow as tf

from translator.model.attention.heads import Heads


class Selection(Protocol):
    """A function of scores; a Keras layer if it has weights."""

    def __call__(self, scores: tf.Tensor, may_attend: tf.Tensor | None) -> tf.Tensor:
        """[B, H, Q, M] -> weights of the same shape, 0 where `may_attend` (see `Reach`) is False."""
        ...


class Softmax:
    """exp(s) / Σ exp(s): positive weights that sum to 1."""

    def __init__(self, heads: Heads) -> None:
        """Needs to know nothing of the heads."""

    def __call__(self, scores: tf.Tensor, may_attend: tf.Tensor | None) -> tf.Tensor:
        """[B, H, Q, M] -> [B, H, Q, M]."""
        return tf.nn.softmax(masked(scores, may_attend))


def masked(scores: tf.Tensor, may_attend: tf.Tensor | None) -> tf.Tensor:
    """Lowers the scores of what may not be attended to until a softmax gives it no weight.

    A finite number and not −∞: a row in which nothing may be attended to (padding) then gives no NaN.

    Args:
        scores: [B, H, Q, M].
        may_attend: bool, broadcastable to the scores; True means *may attend*. None allows everything.
    """
    if may_attend is None:
        return scores
    return scores + tf.cast(tf.where(may_attend, 0.0, -1e9), scores.dtype)
