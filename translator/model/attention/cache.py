"""What attention looks at: keys and values, and the cache in which a layer keeps those of past positions."""

from typing import NamedTuple

import tensorflow as tf

from translator.model.attention.heads import Heads

POSITIONS_AXIS = 2  # of every tensor in a cache: the dimension that grows


class KeysValues(NamedTuple):
    """A memory as attention sees it; also what a cache of past positions holds."""

    keys: tf.Tensor  # [B, H, M, K]
    values: tf.Tensor  # [B, H, M, K]
    notes: tuple[tf.Tensor, ...] = ()  # [B, H, M, ·] each: what the layer's positions keep of a key beside it

    def append(self, other: "KeysValues") -> "KeysValues":
        """Puts another memory behind this one."""
        return tf.nest.map_structure(lambda past, new: tf.concat([past, new], POSITIONS_AXIS), self, other)

    def with_values_scaled(self, scale: tf.Tensor | None) -> "KeysValues":
        """The same with the values of each position multiplied by a number, [B, M]; None changes nothing."""
        if scale is None:
            return self
        return self._replace(values=self.values * tf.cast(scale, self.values.dtype)[:, None, :, None])


def cache_shapes(heads: Heads, note_sizes: tuple[int, ...]) -> KeysValues:
    """The shapes of a cache at any step: None where it grows, and for the number of hypotheses."""
    shape = tf.TensorShape([None, heads.number, None, heads.size])
    return KeysValues(shape, shape, tuple(tf.TensorShape([None, heads.number, None, size]) for size in note_sizes))


def empty_cache(shapes: KeysValues, hypotheses: tf.Tensor, dtype: str) -> KeysValues:
    """A cache of these shapes that holds no position yet."""

    def nothing(shape: tf.TensorShape) -> tf.Tensor:
        return tf.zeros([hypotheses, shape[1], 0, *shape[POSITIONS_AXIS + 1 :]], dtype)

    return tf.nest.map_structure(nothing, shapes)
