"""Random numbers as functions of keys, inside a graph: the same in any batch and at any time.

The mixing function is that of `translator.data.random_numbers`, on int64, whose products wrap around as uint64's do.
"""

import numpy as np
import tensorflow as tf


def mixed(numbers: tf.Tensor) -> tf.Tensor:
    """A hash of each integer, int64 -> int64: the mixing function of SplitMix64 (Steele et al., 2014)."""
    z = (numbers + 1) * _signed(0x9E3779B97F4A7C15)
    z = tf.bitwise.bitwise_xor(z, _shifted(z, 30)) * _signed(0xBF58476D1CE4E5B9)
    z = tf.bitwise.bitwise_xor(z, _shifted(z, 27)) * _signed(0x94D049BB133111EB)
    return tf.bitwise.bitwise_xor(z, _shifted(z, 31))


def unit_interval(numbers: tf.Tensor) -> tf.Tensor:
    """float64 numbers in [0, 1) from the high bits of int64 ones."""
    return tf.cast(_shifted(numbers, 11), tf.float64) * 2.0**-53


def keys_of(ids: tf.Tensor, real: tf.Tensor) -> tf.Tensor:
    """A number for each sentence, of its tokens alone: int32 [B, S], bool [B, S] -> int64 [B]."""
    places = mixed(tf.range(tf.shape(ids)[1], dtype=tf.int64))
    return mixed(tf.reduce_sum(tf.where(real, mixed(places + tf.cast(ids, tf.int64)), 0), 1))


def _shifted(numbers: tf.Tensor, bits: int) -> tf.Tensor:
    """To the right, zeros coming in."""
    shift = tf.constant(bits, tf.int64)
    return tf.bitwise.bitwise_and(tf.bitwise.right_shift(numbers, shift), (1 << (64 - bits)) - 1)


def _signed(number: int) -> int:
    return int(np.array(number, np.uint64).astype(np.int64))
