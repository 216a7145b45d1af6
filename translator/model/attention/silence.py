"""Silence: what a query may attend to where no key answers it, beside the keys and in competition with them.

It is one column more of the scores, which takes part in the selection and is not handed out: the weights of the keys
then sum to less than 1, and what they lack is the share that looks at nothing.
"""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from translator.model.attention.heads import Heads

ScoreFunction = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


class Zero(keras.layers.Layer):
    """A key that scores 0 and has the value 0: with softmax, exp(s) / (1 + Σ exp(s)) (Miller, 2023: off by one)."""

    def __init__(self, heads: Heads, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads = heads

    def score(self, queries: tf.Tensor, score: ScoreFunction) -> tf.Tensor:
        """What each query, [B, H, Q, K], gives it: [B, H, Q, 1]."""
        return tf.zeros_like(queries[..., :1])

    @property
    def value(self) -> tf.Tensor | None:
        """What it adds to the mean of the values, [1, G, 1, K] in the compute dtype; None is zero."""
        return None


class Sink(Zero):
    """A key that scores what each head has learned, and has the value 0 (OpenAI, 2025: gpt-oss).

    It begins at 0, as `Zero`.
    """

    def build(self, *_: Any) -> None:
        self.logit = self.add_weight((self.heads.number,), "zeros", name="logit", autocast=False)

    def score(self, queries: tf.Tensor, score: ScoreFunction) -> tf.Tensor:
        """[B, H, Q, K] -> [B, H, Q, 1]."""
        logit = tf.cast(self.logit.value, queries.dtype)[:, None, None]  # [H, 1, 1]
        return tf.zeros_like(queries[..., :1]) + logit


class NullKey(Zero):
    """A key and a value that are learned and not read, for each head of keys; queries score it as any other.

    No position is given to it; with rotary positions it stands at the first. Its value begins at 0.
    """

    def build(self, *_: Any) -> None:
        shape = (self.heads.of_keys, self.heads.size)
        initializer = keras.initializers.RandomNormal(stddev=self.heads.size**-0.5)
        self.null_key = self.add_weight(shape, initializer, name="null_key", autocast=False)
        self.null_value = self.add_weight(shape, "zeros", name="null_value", autocast=False)

    def score(self, queries: tf.Tensor, score: ScoreFunction) -> tf.Tensor:
        """[B, H, Q, K] -> [B, H, Q, 1]."""
        return score(queries, tf.cast(self.null_key.value, queries.dtype)[None, :, None])

    @property
    def value(self) -> tf.Tensor:
        """[1, G, 1, K], in the compute dtype."""
        return tf.cast(self.null_value.value, self.compute_dtype)[None, :, None]
