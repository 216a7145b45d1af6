"""One update of the weights: the gradients of all micro-batches and replicas, divided once, clipped and applied.

Letters: N micro-batches, B rows, S source length, T target length.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from translator.config.schema import Config
from translator.config.training import TrainConfig
from translator.model.dropout import Dropout
from translator.model.transformer import Transformer
from translator.training.loss import alignment_loss, cross_entropy, cross_entropy_alone
from translator.training.optimizer import Adam
from translator.vocabulary import PAD_ID


class StepSums(NamedTuple):
    """The figures of an update, fetched from the device; sums are over all replicas and micro-batches."""

    loss_sum: float  # label-smoothed cross entropy
    nll_sum: float  # plain negative log-likelihood
    tokens: float  # target tokens, EOS included, padding not
    gradient_norm: float  # of the mean loss, before clipping

    @classmethod
    def of(cls, values: np.ndarray) -> "StepSums":
        """From the four values that an update returns: float32 [4]."""
        return cls(*map(float, values))

    @property
    def finite(self) -> bool:
        """Whether the update was applied; one whose loss or gradient is NaN or infinite is skipped."""
        return all(map(math.isfinite, self))


# (number of updates before: int64 scalar, source [N, B, S] and target [N, B, T + 1] of each replica, and links with
# guided alignment)
# -> the values of `StepSums`: float32 [4], on the device
Update = Callable[..., tf.Tensor]
# (source [B, S], target [B, T + 1], and links with guided alignment; a seed: int32 [2]) -> a gradient for each weight,
# and the loss, negative log-likelihood and tokens: float32 [3]
Gradients = Callable[[Sequence[tf.Tensor], tf.Tensor], tuple[list[tf.Tensor], tf.Tensor]]


class Guidance(NamedTuple):
    """What a head is taught to look at."""

    weight: float  # of its loss, beside the other
    layer: int  # of the decoder, from 0 on
    head: int  # from 0 on

    @classmethod
    def of(cls, config: Config) -> "Guidance | None":
        """That of a configuration; None if alignment is not guided."""
        if config.taught_head is None:
            return None
        layer, head = config.taught_head
        return cls(config.train.guided_alignment, layer - 1, head - 1)


def loss_sums(
    model: Transformer,
    source: tf.Tensor,
    target: tf.Tensor,
    label_smoothing: float,
    dropout: Dropout | None = None,
    guided: tuple[Guidance, tf.Tensor] | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Loss of a batch.

    Args:
        model: any Transformer.
        source: int32 [B, S].
        target: int32 [B, T + 1], from BOS to EOS.
        label_smoothing: ε.
        dropout: masks in training; None in validation.
        guided: the head that is taught, and the links that it is taught, int32 [B, ·]; None in validation.

    Returns:
        float32 [2], the smoothed loss, that of the alignment included, and the negative log-likelihood; and float32
        scalar, the number of tokens.
    """
    target_in, target_out = target[:, :-1], target[:, 1:]
    decoded = model.decode(target_in, model.encode(source, dropout), dropout)
    targets = tf.reshape(target_out, [-1])
    states = tf.reshape(decoded.output, [-1, decoded.output.shape[-1]])
    table = tf.convert_to_tensor(model.output_table)
    if dropout:  # in training; validation needs no gradient
        sums = cross_entropy(states, table, targets, label_smoothing, model.one_hot)
    else:
        sums = cross_entropy_alone(states, table, targets, label_smoothing)
    if guided:
        guidance, links = guided
        weights = decoded.layers[guidance.layer].cross_weights[:, guidance.head]
        sums += tf.stack([guidance.weight * alignment_loss(weights, links), 0.0])
    return sums, tf.reduce_sum(tf.cast(targets != PAD_ID, tf.float32))


def make_update(
    model: Transformer,
    optimizer: Adam,
    rate: Callable[[tf.Tensor], tf.Tensor],
    config: TrainConfig,
    strategy: tf.distribute.Strategy,
    signature: Sequence[tf.TypeSpec] | None = None,
    guidance: Guidance | None = None,
) -> Update:
    """Compiles the update for one set of weights.

    Args:
        model: whose weights are updated.
        optimizer: of the model's weights.
        rate: the learning rate by the number of updates before.
        config: `micro_batches`, `label_smoothing`, `clip_norm`, `seed`, `xla`.
        strategy: whose replicas each take a slice of the batch.
        signature: of source, target and links, as a dataset's `element_spec` has it: one trace serves all shapes
            then, and is made at once for all of them. Without one, shapes are found out call by call.
        guidance: the head that is taught by links, which the arrays then have; None teaches none.
    """
    variables = [weight.value for weight in optimizer.weights]

    def gradients(arrays: Sequence[tf.Tensor], seed: tf.Tensor) -> tuple[list[tf.Tensor], tf.Tensor]:
        guided = (guidance, arrays[2]) if guidance else None
        with tf.GradientTape() as tape:
            sums, tokens = loss_sums(model, arrays[0], arrays[1], config.label_smoothing, Dropout(seed), guided)
            loss = sums[0]
        parts = tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return [tf.convert_to_tensor(part) for part in parts], tf.concat([sums, [tokens]], 0)

    def replica_update(step: tf.Tensor, *arrays: tf.Tensor) -> tf.Tensor:
        seeds = _dropout_seeds(config, step)
        compiled = tf.function(gradients, jit_compile=True) if config.xla else gradients
        grads, sums = _over_micro_batches(compiled, arrays, seeds)
        context = tf.distribute.get_replica_context()
        grads, sums = context.all_reduce(tf.distribute.ReduceOp.SUM, (grads, sums))
        norm = tf.linalg.global_norm(grads) / sums[2]
        clipping = 1.0 if config.clip_norm is None else tf.minimum(1.0, config.clip_norm / norm)
        # NaN or infinity comes of a loss that overflowed, or of a batch without a token: the update changes nothing.
        finite = tf.math.is_finite(norm) & tf.math.is_finite(sums[0])
        scale = tf.where(finite, clipping / sums[2], 0.0)
        # Divided by the tokens and clipped in one pass over the gradients; 0 times NaN or infinity is 0 here.
        scaled = [tf.math.multiply_no_nan(grad, scale) for grad in grads]
        optimizer.apply(scaled, step, rate(step), finite)
        return tf.concat([sums, [norm]], 0)

    specs = None if signature is None else [tf.TensorSpec([], tf.int64), *signature]

    @tf.function(input_signature=specs, reduce_retracing=specs is None)
    def update(step: tf.Tensor, *arrays: tf.Tensor) -> tf.Tensor:
        sums = strategy.run(replica_update, (step, *arrays))
        return strategy.experimental_local_results(sums)[0]

    return update


def _over_micro_batches(
    gradients: Gradients, arrays: Sequence[tf.Tensor], seeds: tf.Tensor
) -> tuple[list[tf.Tensor], tf.Tensor]:
    """The gradients and sums of a replica, one micro-batch after the other; seeds are int32 [N, 2]."""
    grads, sums = gradients([each[0] for each in arrays], seeds[0])
    if len(seeds) > 1:  # a loop that never runs would be traced all the same
        for micro_batch in tf.range(1, len(seeds)):
            more_grads, more_sums = gradients([each[micro_batch] for each in arrays], seeds[micro_batch])
            # Copies keep TensorFlow from merging these sums with others into some that it does in a buffer of its
            # own: what a step that runs out of memory leaves there, the next one stumbles over.
            more_grads = [tf.raw_ops.Snapshot(input=part) for part in more_grads]
            grads = [a + b for a, b in zip(grads, more_grads, strict=True)]
            sums += more_sums
    return grads, sums


def _dropout_seeds(config: TrainConfig, step: tf.Tensor) -> tf.Tensor:
    """Seeds of this replica's micro-batches, int32 [N, 2].

    Keyed by all that tells a dropout mask from others: the run, the step, the replica and the micro-batch. They are
    computed where random operations read them, in the host's memory, so that no step waits for them to be copied.
    """
    replica = tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, tf.int32)
    with tf.device("CPU:0"):
        run_and_step = tf.stack([tf.constant(config.seed % 2**31), tf.cast(step, tf.int32)])
        parts = [replica * config.micro_batches + n for n in range(config.micro_batches)]
        return tf.stack([tf.random.experimental.stateless_fold_in(run_and_step, part) for part in parts])
