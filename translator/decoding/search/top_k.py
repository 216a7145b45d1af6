"""The largest numbers of each row."""

import math

import tensorflow as tf

BLOCK = 64  # columns whose maximum stands for them all


def top_k(x: tf.Tensor, k: int) -> tuple[tf.Tensor, tf.Tensor]:
    """The k largest of each row, exactly, several times faster on CPU than `tf.math.top_k` on thousands of columns.

    The k largest elements lie in the k blocks of columns with the largest maxima, so only those are searched.

    Args:
        x: float32 [N, V], V known when tracing.
        k: at most V.

    Returns:
        Values, float32 [N, k], and their columns, int32 [N, k].
    """
    V = x.shape[-1]
    blocks = -(-V // BLOCK)
    if blocks <= 2 * k:
        return tf.math.top_k(x, k)
    blocked = tf.reshape(tf.pad(x, [[0, 0], [0, blocks * BLOCK - V]], constant_values=-math.inf), [-1, blocks, BLOCK])
    _, best_blocks = tf.math.top_k(tf.reduce_max(blocked, -1), k)  # [N, k]
    candidates = tf.reshape(tf.gather(blocked, best_blocks, batch_dims=1), [-1, k * BLOCK])
    values, places = tf.math.top_k(candidates, k)
    columns = tf.gather(best_blocks, places // BLOCK, batch_dims=1) * BLOCK + places % BLOCK
    return values, tf.minimum(columns, V - 1)  # padding is −∞, and may be chosen where the row is


def best(x: tf.Tensor) -> tf.Tensor:
    """The column of the largest of each row, the first of equal ones: float32 [N, V] -> int32 [N].

    As `top_k`: finding a maximum is several times faster on CPU than finding where it is.
    """
    V = x.shape[-1]
    blocks = -(-V // BLOCK)
    blocked = tf.reshape(tf.pad(x, [[0, 0], [0, blocks * BLOCK - V]], constant_values=-math.inf), [-1, blocks, BLOCK])
    best_block = tf.argmax(tf.reduce_max(blocked, -1), -1, tf.int32)  # [N]
    return best_block * BLOCK + tf.argmax(tf.gather(blocked, best_block, batch_dims=1), -1, tf.int32)
