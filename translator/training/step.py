"""One update of the weights: the gradients of all micro-batches and replicas, divided once, clipped and applied.

Letters: N micro-batches, B rows, S source length, T target length.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from translator.config.schema import TrainConfig
from translator.model.dropout import Dropout
from translator.model.transformer import Transformer
from translator.training.loss import cross_entropy
from translator.training.optimizer import Adam
from translator.vocabulary import PAD_ID


class StepSums(NamedTuple):
    """What an update says of itself; sums are over all replicas and micro-batches."""

    loss_sum: tf.Tensor  # label-smoothed cross entropy
    nll_sum: tf.Tensor  # plain negative log-likelihood
    tokens: tf.Tensor  # target tokens, EOS included, padding not
    gradient_norm: tf.Tensor  # of the mean loss, before clipping


# (source [N, B, S], target [N, B, T + 1]) of each replica -> sums
Update = Callable[[tf.Tensor, tf.Tensor], StepSums]


def loss_sums(
    model: Transformer, source: tf.Tensor, target: tf.Tensor, label_smoothing: float, dropout: Dropout | None = None
) -> tuple[tf.Tensor, tf.Tensor]:
    """Loss of a batch.

    Args:
        model: any Transformer.
        source: int32 [B, S].
        target: int32 [B, T + 1], from BOS to EOS.
        label_smoothing: ε.
        dropout: masks in training; None in validation.

    Returns:
        float32 [2], the smoothed loss and the negative log-likelihood, and float32 scalar, the number of tokens.
    """
    target_in, target_out = target[:, :-1], target[:, 1:]
    states = model.decode(target_in, model.encode(source, dropout), dropout).output
    targets = tf.reshape(target_out, [-1])
    states = tf.reshape(states, [-1, states.shape[-1]])
    sums = cross_entropy(states, tf.convert_to_tensor(model.output_table), targets, label_smoothing)
    return sums, tf.reduce_sum(tf.cast(targets != PAD_ID, tf.float32))


def make_update(
    model: Transformer,
    optimizer: Adam,
    config: TrainConfig,
    strategy: tf.distribute.Strategy,
    signature: Sequence[tf.TypeSpec] | None = None,
) -> Update:
    """Compiles the update for one set of weights.

    With the signature of both, as a dataset's `element_spec` has it, one trace serves all shapes, and is made at once
    for all of them; without one, shapes are found out call by call.
    """
    variables = [variable.value for variable in model.trainable_variables]

    def gradients(source: tf.Tensor, target: tf.Tensor, seed: tf.Tensor) -> tuple[list[tf.Tensor], tf.Tensor]:
        with tf.GradientTape() as tape:
            sums, tokens = loss_sums(model, source, target, config.label_smoothing, Dropout(seed))
            loss = sums[0]
        parts = tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return [tf.convert_to_tensor(part) for part in parts], tf.concat([sums, [tokens]], 0)

    def replica_update(source: tf.Tensor, target: tf.Tensor) -> StepSums:
        replica = tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, tf.int32)
        step = tf.cast(optimizer.iterations.value, tf.int32)
        run_and_step = tf.stack([tf.constant(config.seed % 2**31), step])
        compiled = tf.function(gradients, jit_compile=True) if config.xla else gradients

        def of_part(micro_batch: Any) -> tuple[list[tf.Tensor], tf.Tensor]:
            # Keyed by all that tells a dropout mask from others: the run, the step, the replica and the micro-batch.
            part = replica * config.micro_batches + micro_batch
            seed = tf.random.experimental.stateless_fold_in(run_and_step, part)
            return compiled(source[micro_batch], target[micro_batch], seed)

        grads, sums = of_part(0)
        if config.micro_batches > 1:  # a loop that never runs would be traced all the same
            for micro_batch in tf.range(1, config.micro_batches):
                more_grads, more_sums = of_part(micro_batch)
                # Copies keep TensorFlow from merging these sums with others into some that it does in a place of its
                # own: what a step that runs out of memory leaves there, the next one stumbles over.
                more_grads = [tf.raw_ops.Snapshot(input=part) for part in more_grads]
                grads = [a + b for a, b in zip(grads, more_grads, strict=True)]
                sums += more_sums
        context = tf.distribute.get_replica_context()
        grads, sums = context.all_reduce(tf.distribute.ReduceOp.SUM, (grads, sums))
        norm = tf.linalg.global_norm(grads) / sums[2]
        clipping = 1.0 if config.clip_norm is None else tf.minimum(1.0, config.clip_norm / norm)
        # No number comes of a loss that overflowed, or of a batch without a token: such an update changes nothing.
        sound = tf.math.is_finite(norm) & tf.math.is_finite(sums[0])
        scale = tf.where(sound, clipping / sums[2], 0.0)
        # Divided by the tokens and clipped in one pass over the gradients; 0 times what is no number is 0 here.
        scaled = [tf.math.multiply_no_nan(grad, scale) for grad in grads]
        optimizer.apply_if(sound, scaled, model.trainable_variables)
        return StepSums(sums[0], sums[1], sums[2], norm)

    @tf.function(input_signature=signature, reduce_retracing=signature is None)
    def update(source: tf.Tensor, target: tf.Tensor) -> StepSums:
        sums = strategy.run(replica_update, (source, target))
        return tf.nest.map_structure(lambda value: strategy.experimental_local_results(value)[0], sums)

    return update
