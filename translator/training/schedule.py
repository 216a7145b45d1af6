"""How the learning rate rises and falls: a plain function of the step."""

import math

import tensorflow as tf

from translator.config.training import TrainConfig


def learning_rate(config: TrainConfig, step: tf.Tensor, total_steps: int | None = None, halvings: int = 0) -> tf.Tensor:
    """Linear warm-up to a peak, then one of three ways on.

    `inverse_sqrt` is the paper's (Vaswani et al., 2017, §5.3), which with d_model^−0.5 in place of the peak would be
    peak · warmup^−0.5 · min(step^−0.5, step · warmup^−1.5).

    Args:
        config: `schedule`, `learning_rate` (the peak) and `warmup_steps`.
        step: integer scalar, the number of updates before this one.
        total_steps: where a schedule that has an end reaches zero; the others do without.
        halvings: how often the peak is halved.

    Returns:
        The learning rate of the update, a float32 scalar.
    """
    number = tf.cast(step, tf.float32) + 1.0
    warmup = float(max(1, config.warmup_steps))
    if config.schedule == "inverse_sqrt":
        after = tf.math.rsqrt(tf.maximum(number, warmup) / warmup)
    elif config.schedule == "cosine":
        progress = (number - warmup) / max(1.0, (total_steps or 0) - warmup)
        after = 0.5 * (1.0 + tf.cos(math.pi * tf.clip_by_value(progress, 0.0, 1.0)))
    else:
        after = tf.constant(1.0)
    return config.learning_rate / 2**halvings * tf.minimum(number / warmup, 1.0) * after
