"""The vectors of subwords."""

import math
from typing import Any

import keras
import tensorflow as tf


class Embedding(keras.layers.Layer):
    """One vector for each token, scaled by √D (§3.4)."""

    def __init__(self, vocabulary_size: int, d_model: int, one_hot: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.vocabulary_size, self.d_model, self.one_hot = vocabulary_size, d_model, one_hot

    def build(self, *_: Any) -> None:
        # Variance 1/D: embeddings scaled by √D, and logits of normalized states, both begin with variance 1.
        initializer = keras.initializers.RandomNormal(stddev=self.d_model**-0.5)
        self.table = self.add_weight((self.vocabulary_size, self.d_model), initializer, name="table", autocast=False)

    def call(self, ids: tf.Tensor) -> tf.Tensor:
        """int32 [B, T] -> [B, T, D]."""
        vectors = self._looked_up(ids) if self.one_hot else tf.gather(self.table.value, ids)
        return tf.cast(vectors * math.sqrt(self.d_model), self.compute_dtype)

    def _looked_up(self, ids: tf.Tensor) -> tf.Tensor:
        """The same as `tf.gather`, with `sum_by_id` as its gradient."""

        @tf.custom_gradient
        def look_up(table: tf.Tensor) -> Any:
            def gradient(upstream: tf.Tensor) -> tf.Tensor:
                rows = tf.reshape(upstream, [-1, self.d_model])
                return sum_by_id(rows, tf.reshape(ids, [-1]), self.vocabulary_size, one_hot=True)

            return tf.gather(table, ids), gradient

        return look_up(tf.convert_to_tensor(self.table))


def sum_by_id(rows: tf.Tensor, ids: tf.Tensor, number: int, one_hot: bool) -> tf.Tensor:
    """Sums the rows that have the same id: [N, D] and int32 [N] -> [number, D].

    With `one_hot` by a matrix product. Where sums must come out the same each time, XLA takes one row after the other
    otherwise, which on a GPU takes longer than all the rest of a training step.
    """
    if one_hot:
        return tf.matmul(tf.one_hot(ids, number, dtype=rows.dtype), rows, transpose_a=True)
    return tf.math.unsorted_segment_sum(rows, ids, number)
