"""Adam."""

from collections.abc import Mapping, Sequence

import keras
import tensorflow as tf

Variables = Mapping[str, keras.Variable]  # by their names in files


class Adam:
    """Adam (Kingma and Ba, 2015) in one pass over the weights. It counts nothing: step and rate are arguments.

    ε is the paper's "epsilon hat" (§2): it is added to √v before v is corrected for its start at zero.

    Gradients must be the same on every replica, already summed over all: clipping comes before this, and is of the
    whole. Each replica then updates its own copy of the weights alike.
    """

    def __init__(self, weights: Variables, betas: tuple[float, float], epsilon: float) -> None:
        """Makes the moments of the weights, all zero. Call it in the scope of the strategy that they are made in."""
        self.weights, self._betas, self._epsilon = list(weights.values()), betas, epsilon
        self._m, self._v = ({f"{moment}.{name}": _zeros(weights[name]) for name in weights} for moment in "mv")

    @property
    def variables(self) -> Variables:
        """The moments: `m.<weight>` and `v.<weight>`."""
        return self._m | self._v

    def apply(self, gradients: Sequence[tf.Tensor], step: tf.Tensor, rate: tf.Tensor, finite: tf.Tensor) -> None:
        """Updates the weights and moments, or, where `finite` is false, changes nothing. Call it in replica context.

        Args:
            gradients: float32, of each weight; finite even if `finite` is false.
            step: integer scalar, the number of updates before this one, skipped ones included.
            rate: float32 scalar.
            finite: bool scalar.
        """
        beta_1, beta_2 = self._betas
        number = tf.cast(step + 1, tf.float32)
        # With decay rates of 1 and a learning rate of 0 moments and weights stay what they are.
        applied = tf.cast(finite, tf.float32)
        kept = 1.0 - applied
        for weight, m, v, gradient in zip(self.weights, self._m.values(), self._v.values(), gradients, strict=True):
            tf.raw_ops.ResourceApplyAdam(
                var=weight.value.handle,
                m=m.value.handle,
                v=v.value.handle,
                beta1_power=beta_1**number,
                beta2_power=beta_2**number,
                lr=rate * applied,
                beta1=tf.maximum(beta_1, kept),
                beta2=tf.maximum(beta_2, kept),
                epsilon=self._epsilon,
                grad=gradient,
            )


def _zeros(weight: keras.Variable) -> keras.Variable:
    return keras.Variable(tf.zeros(weight.shape), dtype="float32", trainable=False)
