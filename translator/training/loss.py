"""Label-smoothed cross entropy, and that of an alignment, as sums over tokens."""

from typing import Any

import tensorflow as tf

from translator.data.links import SOURCE_POSITIONS
from translator.vocabulary import PAD_ID

LEAST_ATTENTION = 1e-9  # is added, so that weights that underflow have a finite loss
TINY = 1e-37  # the smallest power of ten that float32 and bfloat16 hold as a normal number: others count as 0


def cross_entropy(states: tf.Tensor, table: tf.Tensor, targets: tf.Tensor, label_smoothing: float) -> tf.Tensor:
    """Sums label-smoothed cross entropy over the tokens that are not padding, from the decoder's states.

    Smoothing takes ε from the target and gives ε/V to every class (Szegedy et al., 2016, §7), so that with logits
    z = states · tableᵀ the loss of a token is log Σ exp(z) − (1 − ε) z[target] − ε · mean(z), and its gradient by z is
    softmax(z) − (1 − ε) onehot(target) − ε/V.

    z is by far the largest array of a step. It is written once and its softmax once: mean and target of z are products
    of the states with single vectors, and the gradient's two last terms, multiplied out, never take z's shape.

    Args:
        states: float32 or bfloat16 [N, D].
        table: float32 [V, D].
        targets: int32 [N], PAD_ID where there is nothing to predict.
        label_smoothing: ε in [0, 1).

    Returns:
        float32 [2]: the smoothed loss, and the plain negative log-likelihood, whose gradient is left out. Both are
        sums; the caller divides once, by the tokens of all replicas.
    """

    @tf.custom_gradient
    def sums(states: tf.Tensor, table: tf.Tensor) -> Any:
        V = table.shape[0]
        narrow = tf.cast(table, states.dtype)
        probabilities = tf.nn.softmax(tf.matmul(states, narrow, transpose_b=True))  # [N, V]
        real = tf.cast(targets != PAD_ID, tf.float32)[:, None]  # [N, 1]
        wide, center = tf.cast(states, tf.float32) * real, tf.reduce_mean(table, 0)  # [N, D], [D]
        at_target = tf.gather(table, targets)  # [N, D]
        chosen = tf.gather(probabilities, targets, batch_dims=1)
        # A probability too small for its dtype counts as the smallest there is.
        nll = -tf.math.log(tf.maximum(tf.cast(chosen, tf.float32), TINY)) * real[:, 0]
        smoothing = label_smoothing * tf.reduce_sum(wide * (at_target - center), -1)  # ε (z[target] − mean(z))

        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            by_states = tf.cast(tf.matmul(probabilities, narrow), tf.float32)
            by_states -= (1 - label_smoothing) * at_target + label_smoothing * center
            by_table = tf.matmul(probabilities, tf.cast(wide, states.dtype), transpose_a=True)
            by_table = tf.cast(by_table, tf.float32) - label_smoothing / V * tf.reduce_sum(wide, 0)
            by_table -= tf.math.unsorted_segment_sum((1 - label_smoothing) * wide, targets, V)
            return tf.cast(upstream[0] * real * by_states, states.dtype), upstream[0] * by_table

        return tf.stack([tf.reduce_sum(nll + smoothing), tf.reduce_sum(nll)]), gradient

    return sums(states, table)


def alignment_loss(weights: tf.Tensor, links: tf.Tensor) -> tf.Tensor:
    """Sums the cross entropy of one head's attention and an alignment (Garg et al., 2019, §4.2).

    A target subword that is linked looks at the source subwords that it is linked with, at all of them alike: its loss
    is the mean of −log α over them. It is that of the position that takes the subword as input. Others have no loss.

    Args:
        weights: [B, T, S], of the positions from BOS on.
        links: int32 [B, A], as `translator.data.links` has them.

    Returns:
        float32 scalar. The caller divides it, as the other loss, by the tokens of all replicas.
    """
    B, A = tf.unstack(tf.shape(links))
    real = tf.cast(links > 0, tf.float32)
    # Position 0 is BOS, and a link's target counts from 1 on: of padding it is 0.
    rows = tf.stack([tf.repeat(tf.range(B)[:, None], A, 1), links // SOURCE_POSITIONS], -1)  # [B, A, 2]
    of_row = tf.gather_nd(tf.scatter_nd(rows, real, tf.shape(weights)[:2]), rows)  # [B, A] links of the same target
    places = tf.concat([rows, (links % SOURCE_POSITIONS)[..., None]], -1)  # [B, A, 3]
    alpha = tf.gather_nd(tf.cast(weights, tf.float32), places)
    return -tf.reduce_sum(tf.math.divide_no_nan(real, of_row) * tf.math.log(alpha + LEAST_ATTENTION))
