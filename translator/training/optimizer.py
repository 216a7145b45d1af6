"""Adam, and how its learning rate rises and falls."""

import math
from typing import Any

import keras
import tensorflow as tf

from translator.config.schema import TrainConfig


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up to a peak, then one of three ways on.

    `inverse_sqrt` is the paper's (Vaswani et al., 2017, §5.3), which with d_model^−0.5 in place of the peak would be
    peak · warmup^−0.5 · min(step^−0.5, step · warmup^−1.5).
    """

    def __init__(self, config: TrainConfig, total_steps: int | None) -> None:
        """`total_steps` is where the cosine reaches zero; the other two do without."""
        self.shape, self.peak, self.warmup_steps = config.schedule, config.learning_rate, config.warmup_steps
        self.total_steps = total_steps

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """The learning rate of the update that follows `step` updates: float32 scalar."""
        number = tf.cast(step, tf.float32) + 1.0
        warmup = float(max(1, self.warmup_steps))
        if self.shape == "inverse_sqrt":
            after = tf.math.rsqrt(tf.maximum(number, warmup) / warmup)
        elif self.shape == "cosine":
            progress = (number - warmup) / max(1.0, (self.total_steps or 0) - warmup)
            after = 0.5 * (1.0 + tf.cos(math.pi * tf.clip_by_value(progress, 0.0, 1.0)))
        else:
            after = tf.constant(1.0)
        return self.peak * tf.minimum(number / warmup, 1.0) * after

    def get_config(self) -> dict[str, object]:
        return {"shape": self.shape, "peak": self.peak, "warmup_steps": self.warmup_steps}


class Adam(keras.optimizers.Adam):
    """Keras' Adam, in one pass over the weights, for gradients that are the same on every replica already.

    Keras would sum gradients over the replicas inside `apply`, which is after clipping, and so clip each replica's part
    instead of the whole. The training step sums them itself, clips, and leaves nothing to sum.
    """

    _sound: tf.Tensor | float = 1.0  # 0 where an update is to change nothing

    def apply_if(self, sound: tf.Tensor, gradients: list[tf.Tensor], variables: list[keras.Variable]) -> None:
        """Updates the weights, or, where `sound` (bool scalar) is false, counts the update and changes nothing else.

        In an update that is not sound the gradients must be finite all the same.
        """
        self._sound = tf.cast(sound, tf.float32)
        self.apply(gradients, variables)

    def _all_reduce_sum_gradients(self, grads_and_vars: Any) -> Any:
        return grads_and_vars

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor) -> None:
        """Keras' formula as TensorFlow's one operation, which passes over the weights once instead of a dozen times."""
        index = self._get_variable_index(variable)
        count = tf.cast(self.iterations.value + 1, tf.float32)
        # With decay rates of 1 and a learning rate of 0 moments and weights stay what they are.
        kept = 1.0 - self._sound
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=self.beta_1**count,
            beta2_power=self.beta_2**count,
            lr=learning_rate * self._sound,
            beta1=tf.maximum(self.beta_1, kept),
            beta2=tf.maximum(self.beta_2, kept),
            epsilon=self.epsilon,
            grad=gradient,
        )


def make_optimizer(config: TrainConfig, total_steps: int | None) -> Adam:
    """Adam (Kingma and Ba, 2015) as configured.

    Its `schedule` can be changed until the update is compiled.
    """
    beta_1, beta_2 = config.optimizer_betas
    schedule = Schedule(config, total_steps)
    optimizer = Adam(schedule, beta_1, beta_2, config.optimizer_epsilon, name="adam")
    optimizer.schedule = schedule
    return optimizer
