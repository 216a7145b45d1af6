"""Sparse relatives of softmax, with their gradients written out.

Both project scores onto the probability simplex by a threshold τ, found by sorting. Letters: z scores less the highest
of their row, p weights, N keys.
"""

from typing import Any

import tensorflow as tf


@tf.custom_gradient
def sparsemax(scores: tf.Tensor) -> Any:
    """Gives the weights p = max(z − τ, 0), with the τ for which Σp = 1 (Martins and Astudillo, 2016).

    The gradient is that of the support S alone: dz = dp − mean of dp over S.

    Args:
        scores: [..., N]; what may not be attended to has −1e9.

    Returns:
        Weights like the scores, which sum to 1.
    """
    z = _below_best(scores)
    ordered, counts = _sorted(z)
    sums = tf.cumsum(ordered, -1)
    size = tf.reduce_sum(tf.cast(1.0 + counts * ordered > sums, tf.float32), -1, keepdims=True)  # |S|, at least 1
    threshold = (_at(sums, size) - 1.0) / size
    weights = tf.maximum(z - threshold, 0.0)

    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        support = tf.cast(weights > 0.0, tf.float32)
        wide = tf.cast(upstream, tf.float32) * support
        mean = tf.reduce_sum(wide, -1, keepdims=True) / tf.reduce_sum(support, -1, keepdims=True)
        return tf.cast(wide - support * mean, upstream.dtype)

    return tf.cast(weights, scores.dtype), gradient


@tf.custom_gradient
def entmax15(scores: tf.Tensor) -> Any:
    """Gives the weights p = max(z / 2 − τ, 0)², with the τ for which Σp = 1 (Peters et al., 2019, algorithm 2).

    The gradient is dz = s ⊙ (dp − Σ(s ⊙ dp) / Σs), where s = √p.

    Args:
        scores: [..., N]; what may not be attended to has −1e9.

    Returns:
        Weights like the scores, which sum to 1.
    """
    z = _below_best(scores) / 2
    ordered, counts = _sorted(z)
    mean, mean_square = tf.cumsum(ordered, -1) / counts, tf.cumsum(tf.square(ordered), -1) / counts
    deviation = (1.0 - counts * (mean_square - tf.square(mean))) / counts
    thresholds = mean - tf.sqrt(tf.maximum(deviation, 0.0))
    size = tf.reduce_sum(tf.cast(thresholds <= ordered, tf.float32), -1, keepdims=True)
    root = tf.maximum(z - _at(thresholds, size), 0.0)

    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        wide = tf.cast(upstream, tf.float32)
        mean = tf.reduce_sum(root * wide, -1, keepdims=True) / tf.reduce_sum(root, -1, keepdims=True)
        return tf.cast(root * (wide - mean), upstream.dtype)

    return tf.cast(tf.square(root), scores.dtype), gradient


def _below_best(scores: tf.Tensor) -> tf.Tensor:
    """Scores less the highest of their row, which changes no weight; float32.

    What is 2 or more below the best has no weight in either function: it is cut at 4, so that sums stay exact however
    low the hidden scores are, and a row that is hidden as a whole gives equal weights and no NaN.
    """
    wide = tf.cast(scores, tf.float32)
    return tf.maximum(wide - tf.reduce_max(wide, -1, keepdims=True), -4.0)


def _sorted(z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The scores of each row from the highest down, [..., N], and 1 … N."""
    return tf.sort(z, -1, "DESCENDING"), tf.cast(tf.range(1, tf.shape(z)[-1] + 1), tf.float32)


def _at(x: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """The value at the size-th place of each row: [..., N], float32 [..., 1] -> [..., 1]."""
    return tf.gather(x, tf.cast(size, tf.int32) - 1, axis=-1, batch_dims=len(x.shape) - 1)
