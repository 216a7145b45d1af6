"""The affine map that every sublayer is made of."""

import math
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf


class Linear(keras.layers.Layer):
    """x W + b over the last axis, as one matrix product of all positions.

    Several maps that take the same input may lie side by side in one kernel. It is initialized as if each of them, with
    `block` outputs, were alone (Glorot and Bengio, 2010).
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        block: int | None = None,
        activation: Callable[[tf.Tensor], tf.Tensor] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.inputs, self.outputs, self.block, self.activation = inputs, outputs, block or outputs, activation

    def build(self, *_: Any) -> None:
        bound = math.sqrt(6 / (self.inputs + self.block))
        initializer = keras.initializers.RandomUniform(-bound, bound)
        self.kernel = self.add_weight((self.inputs, self.outputs), initializer, name="kernel")
        self.bias = self.add_weight((self.outputs,), "zeros", name="bias")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """[..., inputs] -> [..., outputs]."""
        flat = tf.reshape(x, [-1, self.inputs])
        product = _biased(tf.matmul(flat, self.kernel), tf.convert_to_tensor(self.bias))
        if self.activation is not None:
            # Before the reshape: TensorFlow then makes one operation of product, bias and activation.
            product = self.activation(product)
        return tf.reshape(product, with_last(x, self.outputs))


def with_last(x: tf.Tensor, size: int) -> Any:
    """The shape of x, [..., ·], with another last dimension.

    Where tracing leaves no more than one dimension open, as in a step of the search, the shape costs no operation.
    """
    leading = x.shape[:-1].as_list()
    if leading.count(None) <= 1:
        return [*(-1 if known is None else known for known in leading), size]
    return tf.concat([tf.shape(x)[:-1], [size]], 0)


@tf.custom_gradient
def _biased(product: tf.Tensor, bias: tf.Tensor) -> Any:
    """Adds the bias; its gradient, a sum of rows, is a matrix product too, at half the cost of TensorFlow's own."""

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return upstream, sum_rows(upstream)

    return tf.nn.bias_add(product, bias), gradient


def sum_rows(x: tf.Tensor) -> tf.Tensor:
    """[N, D] -> [D]."""
    return tf.matmul(tf.ones([1, tf.shape(x)[0]], x.dtype), x)[0]
