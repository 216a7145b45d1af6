"""Where in the sentence a token stands: as vectors added to the embeddings, or inside self-attention."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from translator.model.attention.context import Context
from translator.model.attention.heads import Heads


class AttentionPositions(keras.layers.Layer):
    """How positions enter an attention layer; as it stands not at all, for kinds to override what they need."""

    def __init__(self, heads: Heads, causal: bool, **kwargs: Any) -> None:
        """Takes the layer's heads, and whether no key that may be attended to stands after its query."""
        super().__init__(**kwargs)
        self.heads, self.causal = heads, causal

    def place(self, heads: tf.Tensor, positions: tf.Tensor) -> tf.Tensor:
        """Marks queries or keys, [B, H, Q, K], with their positions, int32 [Q]. Keys are cached as this gives them."""
        return heads

    def bias(self, queries: tf.Tensor, context: Context) -> tf.Tensor | None:
        """What is added to the scores, broadcastable to [B, H, Q, M]; None is nothing."""
        return None


class RotaryPositions(AttentionPositions):
    """Rotates the channels i and K/2 + i of queries and keys by pos / 10000^(2i/K) (Su et al., 2021, §3.2).

    The product of a query and a key then depends on the distance between them alone. The paper pairs channels 2i and
    2i + 1, which is the same but for the order of the channels.
    """

    def place(self, heads: tf.Tensor, positions: tf.Tensor) -> tf.Tensor:
        """[B, H, Q, K], int32 [Q] -> [B, H, Q, K]."""
        wavelengths = 10000.0 ** (np.arange(0, self.heads.size, 2, dtype=np.float32) / self.heads.size)
        angles = tf.cast(positions, tf.float32)[:, None] / wavelengths  # [Q, K/2]
        cos, sin = tf.cast(tf.cos(angles), heads.dtype), tf.cast(tf.sin(angles), heads.dtype)
        first, second = tf.split(heads, 2, -1)
        return tf.concat([first * cos - second * sin, second * cos + first * sin], -1)


class SinusoidalPositions(keras.layers.Layer):
    """The paper's sinusoids (Vaswani et al., 2017, §3.5), for any position, so that no sentence is too long.

    PE(pos, 2i) = sin(pos / 10000^(2i/d_model)), PE(pos, 2i+1) = cos of the same.
    """

    def __init__(self, d_model: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.d_model = d_model

    def call(self, positions: tf.Tensor) -> tf.Tensor:
        """int32 [T] -> [T, D], in the compute dtype."""
        wavelengths = 10000.0 ** (np.arange(0, self.d_model, 2, dtype=np.float32) / self.d_model)
        angles = tf.cast(positions, tf.float32)[:, None] / wavelengths  # [T, D/2]
        table = tf.reshape(tf.stack([tf.sin(angles), tf.cos(angles)], axis=-1), [-1, self.d_model])
        return tf.cast(table, self.compute_dtype)


class LearnedPositions(keras.layers.Layer):
    """One trained vector for each position (Gehring et al., 2017, §3.1).

    Training reaches the rows up to its longest sentence. Those after it are made equal to the last that it reaches.
    """

    def __init__(self, num_positions: int, d_model: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_positions, self.d_model = num_positions, d_model

    def build(self, *_: Any) -> None:
        self.table = self.add_weight(
            (self.num_positions, self.d_model),
            keras.initializers.RandomNormal(stddev=0.02),
            name="table",
            autocast=False,
        )

    def call(self, positions: tf.Tensor) -> tf.Tensor:
        """int32 [T] -> [T, D]. Past the table its last vector repeats."""
        return tf.cast(tf.gather(self.table.value, tf.minimum(positions, self.num_positions - 1)), self.compute_dtype)

    def repeat_last(self, reached: int) -> None:
        """Makes the rows that no training sentence reaches, all but the first so many, equal to the last of those."""
        rows = tf.minimum(tf.range(self.num_positions), reached - 1)
        self.table.assign(tf.gather(self.table.value, rows))
