"""Selection: turns the scores of a query into weights of the keys.

Letters beside those of the package: s one score, n the number of keys that a query may attend to.
"""

import math
from typing import Any, Protocol

import keras
import tensorflow as tf

from translator.model.attention.heads import Heads
from translator.model.attention.sparse import entmax15, sparsemax

HIDDEN = -1e9  # what is added to the scores of keys that may not be attended to


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


class TopK:
    """Hard attention: a softmax over the k best keys, and nothing for the others.

    Backwards it is the softmax over all keys (the straight-through estimator of Bengio et al., 2013): the choice
    itself has no gradient. Keys as good as the k-th are chosen too.
    """

    def __init__(self, heads: Heads, k: int) -> None:
        self._k = k

    def __call__(self, scores: tf.Tensor, may_attend: tf.Tensor | None) -> tf.Tensor:
        """[B, H, Q, M] -> [B, H, Q, M]."""
        scores = masked(scores, may_attend)
        best = tf.math.top_k(scores, tf.minimum(self._k, tf.shape(scores)[3])).values
        chosen = scores >= best[..., -1:]
        soft, hard = tf.nn.softmax(scores), tf.nn.softmax(masked(scores, chosen))
        return soft + tf.stop_gradient(hard - soft)


class Sparsemax:
    """The nearest point of the probability simplex: most weights are 0, all sum to 1 (Martins and Astudillo, 2016)."""

    def __init__(self, heads: Heads) -> None:
        """Needs to know nothing of the heads."""

    def __call__(self, scores: tf.Tensor, may_attend: tf.Tensor | None) -> tf.Tensor:
        """[B, H, Q, M] -> [B, H, Q, M]."""
        return sparsemax(masked(scores, may_attend))


class Entmax15:
    """Half way between softmax and sparsemax: entmax with α = 1.5 (Peters et al., 2019)."""

    def __init__(self, heads: Heads) -> None:
        """Needs to know nothing of the heads."""

    def __call__(self, scores: tf.Tensor, may_attend: tf.Tensor | None) -> tf.Tensor:
        """[B, H, Q, M] -> [B, H, Q, M]."""
        return entmax15(masked(scores, may_attend))


class Signed:
    """softmax(|s|) · sign(s): a key with a low score is attended to with a negative weight, and one at 0 hardly.

    The absolute weights sum to 1 (Lv et al., 2024: Cog attention). The mask comes after the absolute value.
    """

    def __init__(self, heads: Heads) -> None:
        """Needs to know nothing of the heads."""

    def __call__(self, scores: tf.Tensor, may_attend: tf.Tensor | None) -> tf.Tensor:
        """[B, H, Q, M] -> [B, H, Q, M]."""
        return tf.nn.softmax(masked(tf.abs(scores), may_attend)) * tf.sign(scores)


class Sigmoid:
    """σ(s − log n): each key by itself (Ramapuram et al., 2024), so that the weights need not sum to 1.

    n is the number of keys that this query may attend to, whatever padding there is; so weights begin near 1/n.
    """

    def __init__(self, heads: Heads) -> None:
        """Needs to know nothing of the heads."""

    def __call__(self, scores: tf.Tensor, may_attend: tf.Tensor | None) -> tf.Tensor:
        """[B, H, Q, M] -> [B, H, Q, M]."""
        if may_attend is None:
            number = tf.cast(tf.shape(scores)[3], tf.float32)
        else:
            number = tf.reduce_sum(tf.cast(may_attend, tf.float32), -1, keepdims=True)
        bias = tf.cast(tf.math.log(tf.maximum(number, 1.0)), scores.dtype)
        return tf.sigmoid(masked(scores - bias, may_attend))


class Differential(keras.layers.Layer):
    """A₁ − λA₂, the difference of two softmaxes, so that what both heads of a pair look at cancels (Ye et al., 2024).

    λ = exp(λ_q1·λ_k1) − exp(λ_q2·λ_k2) + λ_init (equation 2). Heads 2i and 2i + 1 are a pair: both get the difference,
    so that side by side they take the mean of values twice as wide, as in the paper. A row's weights sum to 1 − λ.
    """

    def __init__(self, heads: Heads, first: float, **kwargs: Any) -> None:
        """Takes λ_init, see `first_lambda`."""
        super().__init__(**kwargs)
        self.heads, self.first = heads, first

    def build(self, *_: Any) -> None:
        initializer = keras.initializers.RandomNormal(stddev=0.1)
        self.vectors = self.add_weight((4, self.heads.size), initializer, name="vectors", autocast=False)

    def call(self, scores: tf.Tensor, may_attend: tf.Tensor | None) -> tf.Tensor:
        """[B, H, Q, M] -> [B, H, Q, M]."""
        shape = tf.shape(scores)
        weights = tf.nn.softmax(masked(scores, may_attend))
        pairs = tf.reshape(weights, [shape[0], self.heads.number // 2, 2, shape[2], shape[3]])  # [B, H/2, 2, Q, M]
        difference = pairs[:, :, 0] - tf.cast(self.current_lambda(), scores.dtype) * pairs[:, :, 1]
        return tf.repeat(difference, 2, 1)

    def current_lambda(self) -> tf.Tensor:
        """λ: float32 scalar."""
        query_1, key_1, query_2, key_2 = tf.unstack(self.vectors.value)
        return tf.exp(tf.tensordot(query_1, key_1, 1)) - tf.exp(tf.tensordot(query_2, key_2, 1)) + self.first


def first_lambda(layer: int) -> float:
    """The λ_init of differential attention in a layer, counted from 0 (Ye et al., 2024)."""
    return 0.8 - 0.6 * math.exp(-0.3 * layer)


def masked(scores: tf.Tensor, may_attend: tf.Tensor | None) -> tf.Tensor:
    """Lowers the scores of what may not be attended to until a softmax gives it no weight.

    A finite number and not −∞: a row in which nothing may be attended to (padding) then gives no NaN.

    Args:
        scores: [B, H, Q, M].
        may_attend: bool, broadcastable to the scores; True means *may attend*. None allows everything.
    """
    if may_attend is None:
        return scores
    return scores + tf.cast(tf.where(may_attend, 0.0, HIDDEN), scores.dtype)
