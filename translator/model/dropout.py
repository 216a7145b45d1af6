"""Dropout whose masks are a pure function of a seed, so that a resumed run drops what the uninterrupted one dropped."""

import tensorflow as tf


class Dropout:
    """Draws one mask after the other from a seed (Srivastava et al., 2014).

    One object serves one pass through the model: each call takes the next mask, so the same calls in the same order
    give the same masks. Layers take `dropout=None` for inference.

    Masks are drawn as bytes, four of them from one random int32: dropout on CPU costs what its random numbers cost.
    The rate is thereby rounded to a 256th, and kept values are scaled by the rounded rate, so expectations stay.
    """

    def __init__(self, seed: tf.Tensor) -> None:
        """Takes a seed, int32 [2]: an unrelated one for each step, replica and micro-batch, as `fold_in` gives."""
        self._seed = seed
        self._calls = 0

    def __call__(self, x: tf.Tensor, rate: float) -> tf.Tensor:
        """Sets elements of x to zero with probability `rate` in [0, 1) and scales the others up."""
        dropped_bytes = min(round(rate * 256), 255)
        if dropped_bytes == 0:
            return x
        self._calls += 1
        size = tf.size(x)
        seed = self._seed + tf.constant([0, self._calls])
        words = tf.random.stateless_uniform([(size + 3) // 4], seed, minval=None, maxval=None, dtype=tf.int32)
        drawn = tf.reshape(tf.reshape(tf.bitcast(words, tf.uint8), [-1])[:size], tf.shape(x))
        scale = tf.constant(256 / (256 - dropped_bytes), x.dtype)
        return x * (tf.cast(drawn >= tf.constant(dropped_bytes, tf.uint8), x.dtype) * scale)
