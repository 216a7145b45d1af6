"""The vectors of subwords."""

import math
from typing import Any

import keras
import tensorflow as tf


class Embedding(keras.layers.Layer):
    """One vector for each token, scaled by √D (§3.4)."""

    def __init__(self, vocabulary_size: int, d_model: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.vocabulary_size, self.d_model = vocabulary_size, d_model

    def build(self, *_: Any) -> None:
        # Variance 1/D: embeddings scaled by √D, and logits of normalized states, both begin with variance 1.
        initializer = keras.initializers.RandomNormal(stddev=self.d_model**-0.5)
        self.table = self.add_weight((self.vocabulary_size, self.d_model), initializer, name="table", autocast=False)

    def call(self, ids: tf.Tensor) -> tf.Tensor:
        """int32 [B, T] -> [B, T, D]."""
        return tf.cast(tf.gather(self.table.value, ids) * math.sqrt(self.d_model), self.compute_dtype)
