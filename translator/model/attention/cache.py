"""What attention looks at: keys and values, and the cache in which a layer keeps those of past positions."""

from typing import NamedTuple

import tensorflow as tf

from translator.model.attention.heads import Heads

POSITIONS_AXIS = 2  # of every tensor in a cache


class KeysValues(NamedTuple):
    """A memory as attention sees it; also what a cache of past positions holds."""

    keys: tf.Tensor  # [B, G, M, K], with the G heads of keys that `Heads` has
    values: tf.Tensor  # [B, G, M, K]
    log_forget: tf.Tensor = ()  # [B, H, M, 1], see `Forgetting`; () in a layer that forgets nothing

    def append(self, other: "KeysValues") -> "KeysValues":
        """Puts another memory behind this one."""
        return tf.nest.map_structure(lambda past, new: tf.concat([past, new], POSITIONS_AXIS), self, other)

    def put(self, other: "KeysValues", here: tf.Tensor) -> "KeysValues":
        """Writes a memory of one position where bool [M] is True."""
        return tf.nest.map_structure(lambda past, new: tf.where(here[:, None], new, past), self, other)

    def with_values_scaled(self, scale: tf.Tensor | None) -> "KeysValues":
        """The same with the values of each position multiplied by a number, [B, M]; None changes nothing."""
        if scale is None:
            return self
        return self._replace(values=self.values * tf.cast(scale, self.values.dtype)[:, None, :, None])


def cache_shapes(heads: Heads, *, forgets: bool) -> KeysValues:
    """The shapes of a cache at any step: None where it grows, and for the number of hypotheses."""
    shape = tf.TensorShape([None, heads.of_keys, None, heads.size])
    return KeysValues(shape, shape, tf.TensorShape([None, heads.number, None, 1]) if forgets else ())


def empty_cache(shapes: KeysValues, hypotheses: tf.Tensor, dtype: str, length: int = 0) -> KeysValues:
    """A cache of these shapes that holds no position yet, with room for so many."""

    def nothing(shape: tf.TensorShape) -> tf.Tensor:
        return tf.zeros([hypotheses, shape[1], length, *shape[POSITIONS_AXIS + 1 :]], dtype)

    return tf.nest.map_structure(nothing, shapes)
