"""Label-smoothed cross entropy, and that of an alignment, as sums over tokens."""

from typing import Any, NamedTuple

import tensorflow as tf

from translator.data.links import SOURCE_POSITIONS
from translator.model.embeddings import sum_by_id
from translator.vocabulary import PAD_ID

LEAST_ATTENTION = 1e-9  # is added, so that weights that underflow have a finite loss
TINY = 1e-37  # the smallest power of ten that float32 and bfloat16 hold as a normal number: others count as 0
BLOCK = 1024  # rows: enough for their products to be fast, and for adding to the table's gradient to take no time


def cross_entropy(
    states: tf.Tensor, table: tf.Tensor, targets: tf.Tensor, label_smoothing: float, one_hot: bool = False
) -> tf.Tensor:
    """Sums label-smoothed cross entropy over the tokens that are not padding, from the decoder's states.

    Smoothing takes ε from the target and gives ε/V to every class (Szegedy et al., 2016, §7), so that with logits
    z = states · tableᵀ the loss of a token is log Σ exp(z) − (1 − ε) z[target] − ε · mean(z), and its gradient by z is
    softmax(z) − (1 − ε) onehot(target) − ε/V.

    z would be by far the largest array of a step. It is taken a block of rows at a time, and what the gradient needs of
    it is computed along with the loss, so that no more than a block is ever there (Hsu et al., 2024, §3.2, "Liger
    kernel"). Mean and target of z are products of the states with single vectors, and the gradient's two last terms,
    multiplied out, never take z's shape.

    Args:
        states: float32 or bfloat16 [N, D].
        table: float32 [V, D].
        targets: int32 [N], PAD_ID where there is nothing to predict.
        label_smoothing: ε in [0, 1).
        one_hot: see `translator.model.embeddings.sum_by_id`.

    Returns:
        float32 [2]: the smoothed loss, and the plain negative log-likelihood, whose gradient is left out. Both are
        sums; the caller divides once, by the tokens of all replicas.
    """

    @tf.custom_gradient
    def sums(states: tf.Tensor, table: tf.Tensor) -> Any:
        found, by_states, by_table = _in_blocks(states, table, targets, label_smoothing, one_hot)

        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return by_states * tf.cast(upstream[0], by_states.dtype), by_table * upstream[0]

        return found, gradient

    return sums(states, table)


def cross_entropy_alone(states: tf.Tensor, table: tf.Tensor, targets: tf.Tensor, label_smoothing: float) -> tf.Tensor:
    """`cross_entropy` without a gradient, at a third of the cost."""
    rows = _Rows.of(states, targets)
    narrow, center = tf.cast(table, states.dtype), tf.reduce_mean(table, 0)

    def take(number: tf.Tensor, sums: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        block = _Block.of(rows, number, narrow)
        return number + 1, sums + block.sums(tf.gather(table, block.targets), center, label_smoothing)

    return tf.while_loop(lambda number, _: number < rows.blocks, take, (0, tf.zeros([2])), parallel_iterations=1)[1]


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


def _in_blocks(
    states: tf.Tensor, table: tf.Tensor, targets: tf.Tensor, label_smoothing: float, one_hot: bool
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """What `cross_entropy` returns, and the gradients of the loss: by states [N, D] in their dtype, by table [V, D]."""
    N, D, V = tf.shape(states)[0], states.shape[1], table.shape[0]
    rows = _Rows.of(states, targets)
    narrow, center = tf.cast(table, states.dtype), tf.reduce_mean(table, 0)

    def take(number: tf.Tensor, sums: tf.Tensor, by_table: tf.Tensor, by_states: tf.TensorArray) -> Any:
        block = _Block.of(rows, number, narrow)
        at_target = tf.gather(table, block.targets)  # [R, D]
        sums += block.sums(at_target, center, label_smoothing)
        of_block = tf.cast(tf.matmul(block.probabilities, narrow), tf.float32)
        of_block -= (1 - label_smoothing) * at_target + label_smoothing * center
        by_states = by_states.write(number, tf.cast(block.real * of_block, states.dtype))
        real_states = tf.cast(block.wide, states.dtype)
        by_table += tf.cast(tf.matmul(block.probabilities, real_states, transpose_a=True), tf.float32)
        return number + 1, sums, by_table, by_states

    wide = tf.cast(states, tf.float32) * tf.cast(targets != PAD_ID, tf.float32)[:, None]
    start = sum_by_id((label_smoothing - 1) * wide, targets, V, one_hot) - label_smoothing / V * tf.reduce_sum(wide, 0)
    arrays = tf.TensorArray(states.dtype, rows.blocks, element_shape=[None, D])
    _, sums, by_table, by_states = tf.while_loop(
        lambda number, *_: number < rows.blocks, take, (0, tf.zeros([2]), start, arrays), parallel_iterations=1
    )
    return sums, tf.reshape(by_states.stack(), [-1, D])[:N], by_table


class _Rows(NamedTuple):
    """States and targets, padded to blocks of one size."""

    states: tf.Tensor  # [blocks · R, D]
    targets: tf.Tensor  # int32 [blocks · R]
    size: tf.Tensor  # R
    blocks: tf.Tensor

    @classmethod
    def of(cls, states: tf.Tensor, targets: tf.Tensor) -> "_Rows":
        N = tf.shape(states)[0]
        blocks = tf.maximum(1, (N + BLOCK - 1) // BLOCK)
        size = (N + blocks - 1) // blocks  # the last block is as large as the others, or smaller by less than `blocks`
        missing = blocks * size - N
        return cls(tf.pad(states, [[0, missing], [0, 0]]), tf.pad(targets, [[0, missing]]), size, blocks)


class _Block(NamedTuple):
    """R rows, with their softmax."""

    wide: tf.Tensor  # float32 [R, D], the states; zero at padding
    targets: tf.Tensor  # int32 [R]
    probabilities: tf.Tensor  # [R, V] in the dtype of the states
    real: tf.Tensor  # float32 [R, 1], 0 at padding

    @classmethod
    def of(cls, rows: _Rows, number: tf.Tensor, narrow: tf.Tensor) -> "_Block":
        states = tf.ensure_shape(
            tf.slice(rows.states, [number * rows.size, 0], [rows.size, -1]), [None, narrow.shape[1]]
        )
        targets = tf.slice(rows.targets, [number * rows.size], [rows.size])
        real = tf.cast(targets != PAD_ID, tf.float32)[:, None]
        probabilities = tf.nn.softmax(tf.matmul(states, narrow, transpose_b=True))
        return cls(tf.cast(states, tf.float32) * real, targets, probabilities, real)

    def sums(self, at_target: tf.Tensor, center: tf.Tensor, label_smoothing: float) -> tf.Tensor:
        """Smoothed loss and negative log-likelihood of the block: float32 [2].

        Args:
            at_target: float32 [R, D], the table's rows of the targets.
            center: float32 [D], their mean over all classes.
            label_smoothing: ε.
        """
        chosen = tf.gather(self.probabilities, self.targets, batch_dims=1)
        # A probability too small for its dtype counts as the smallest there is.
        nll = -tf.math.log(tf.maximum(tf.cast(chosen, tf.float32), TINY)) * self.real[:, 0]
        smoothing = label_smoothing * tf.reduce_sum(self.wide * (at_target - center), -1)  # ε (z[target] − mean(z))
        return tf.stack([tf.reduce_sum(nll + smoothing), tf.reduce_sum(nll)])
