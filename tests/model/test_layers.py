"""Sublayers and layers against their formulas, written out in NumPy or put together from their parts."""

import math

import numpy as np
import pytest
import tensorflow as tf

from translator.config.schema import ModelConfig
from translator.model.attention.context import Context
from translator.model.dropout import Dropout
from translator.model.layers import (
    DecoderLayer,
    EncoderLayer,
    FeedForward,
    LayerNormalization,
    Residual,
)
from translator.model.linear import Linear

B, T, S, D, F = 2, 3, 4, 8, 12
EPSILON = 1e-5
RNG = np.random.default_rng(1)
X = RNG.normal(2.0, 3.0, (B, T, D)).astype(np.float32)


def config_of(**settings) -> ModelConfig:
    sizes = {"d_model": D, "d_ff": F, "num_heads": 2, "encoder_layers": 1, "decoder_layers": 1}
    return ModelConfig.model_validate(sizes | settings)


class RecordedDropout(Dropout):
    """Doubles instead of dropping, and keeps the rates and shapes that it was asked for."""

    def __init__(self) -> None:
        super().__init__(tf.constant([0, 0]))
        self.calls: list[tuple[float, tuple[int, ...]]] = []

    def __call__(self, x: tf.Tensor, rate: float) -> tf.Tensor:
        self.calls.append((rate, tuple(x.shape)))
        return 2.0 * x


# Linear


def test_linear_is_x_w_plus_b_over_the_last_axis(randomize):
    linear = Linear(D, 5)
    linear.build()
    randomize(linear, 1)
    expected = X.astype(np.float64) @ linear.kernel.numpy() + linear.bias.numpy()
    np.testing.assert_allclose(linear(X), expected, atol=1e-5)
    np.testing.assert_allclose(linear(X[0, 0][None]), expected[:1, 0], atol=1e-5)


@pytest.mark.parametrize("blocks", [1, 3])
def test_each_block_of_a_linear_map_starts_as_if_it_were_alone(blocks: int):
    linear = Linear(40, 60 * blocks, block=60)
    linear.build()
    kernel = linear.kernel.numpy()
    # Glorot and Bengio (2010): uniform within ±√(6 / (40 + 60)), whose standard deviation is √(2 / 100).
    assert np.abs(kernel).max() <= math.sqrt(0.06)
    assert np.std(kernel) == pytest.approx(math.sqrt(0.02), rel=0.05)
    assert not linear.bias.numpy().any()


# Layer normalization


def test_layer_norm_by_hand():
    norm = LayerNormalization(4, 1e-9)
    norm.build()
    # Mean 3, variance 5.
    expected = np.array([-3.0, -1.0, 1.0, 3.0]) / math.sqrt(5.0)
    np.testing.assert_allclose(norm(tf.constant([[0.0, 2.0, 4.0, 6.0]])), [expected], atol=1e-6)


def test_layer_norm_of_a_constant_is_beta(randomize):
    norm = LayerNormalization(D, EPSILON)
    norm.build()
    randomize(norm, 2)
    np.testing.assert_array_equal(norm(tf.fill([3, D], 7.0)), np.tile(norm.beta.numpy(), (3, 1)))


def test_epsilon_is_added_to_the_variance():
    norm = LayerNormalization(2, 3.0)
    norm.build()
    # Mean 0, variance 1: 1 / √(1 + 3) = 1/2.
    np.testing.assert_array_equal(norm(tf.constant([[1.0, -1.0]])), [[0.5, -0.5]])


def plain_layer_norm(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: float) -> tf.Tensor:
    """(x − μ) / √(σ² + ε) · γ + β (Ba et al., 2016), for TensorFlow to differentiate by itself."""
    mean, variance = tf.nn.moments(x, -1, keepdims=True)
    return (x - mean) / tf.sqrt(variance + epsilon) * gamma + beta


@pytest.mark.parametrize("epsilon", [1e-5, 1e-6, 1.0])
@pytest.mark.parametrize("x", [X, X[0], X[0] * 1e-3], ids=["rank 3", "rank 2", "variance near epsilon"])
def test_layer_norm_and_its_gradients_are_those_of_the_formula_in_float64(randomize, x: np.ndarray, epsilon: float):
    norm = LayerNormalization(D, epsilon)
    norm.build()
    randomize(norm, 2)
    upstream = RNG.normal(size=x.shape)
    with tf.GradientTape() as tape:
        inputs = tf.Variable(x)
        value = norm(inputs)
        loss = tf.reduce_sum(value * tf.constant(upstream, tf.float32))
    gradients = tape.gradient(loss, [inputs, norm.gamma.value, norm.beta.value])
    with tf.GradientTape() as tape:
        wide = [tf.Variable(tf.cast(tensor, tf.float64)) for tensor in (x, norm.gamma.value, norm.beta.value)]
        expected_value = plain_layer_norm(wide[0], wide[1], wide[2], epsilon)
        expected_loss = tf.reduce_sum(expected_value * upstream)
    np.testing.assert_allclose(value, expected_value, atol=1e-4)
    for gradient, expected in zip(gradients, tape.gradient(expected_loss, wide), strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-4)


def test_layer_norm_in_bfloat16_is_worked_out_in_float32(randomize):
    norm, wide = LayerNormalization(D, EPSILON, dtype="mixed_bfloat16"), LayerNormalization(D, EPSILON)
    for layer in (norm, wide):
        layer.build()
        randomize(layer, 2)
    x = tf.Variable(tf.cast(X + 100.0, tf.bfloat16))  # squares of such numbers have no digits left in bfloat16
    with tf.GradientTape() as tape:
        value = norm(x)
    assert value.dtype == tape.gradient(value, x).dtype == tf.bfloat16
    expected = tf.cast(wide(tf.cast(x, tf.float32)), tf.bfloat16)
    np.testing.assert_array_equal(tf.cast(value, tf.float32), tf.cast(expected, tf.float32))


# Feed-forward


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0.0)


def gelu(x: np.ndarray) -> np.ndarray:
    """x Φ(x) (Hendrycks and Gimpel, 2016)."""
    return x * (1.0 + np.vectorize(math.erf)(x / math.sqrt(2.0))) / 2.0


def swish(x: np.ndarray) -> np.ndarray:
    """X σ(x) (Shazeer, 2020, §2)."""
    return x / (1.0 + np.exp(-x))


@pytest.mark.parametrize("activation", ["relu", "gelu", "swiglu"])
def test_feed_forward_is_the_formula(randomize, activation: str):
    layer = FeedForward(config_of(activation=activation))
    layer.build()
    randomize(layer, 3)
    w, b = layer.inner.kernel.numpy().astype(np.float64), layer.inner.bias.numpy()
    if activation == "swiglu":
        assert w.shape == (D, 2 * F)
        inside = swish(X @ w[:, :F] + b[:F]) * (X @ w[:, F:] + b[F:])
    else:
        assert w.shape == (D, F)
        inside = {"relu": relu, "gelu": gelu}[activation](X @ w + b)
    expected = inside @ layer.outer.kernel.numpy() + layer.outer.bias.numpy()
    np.testing.assert_allclose(layer(X), expected, rtol=1e-4, atol=1e-4)


def test_activation_dropout_falls_on_the_inside(randomize):
    layer, dropout = FeedForward(config_of(activation_dropout=0.3)), RecordedDropout()
    layer.build()
    randomize(layer, 3)
    bias = layer.outer.bias.numpy()
    np.testing.assert_allclose(layer(X, dropout=dropout) - bias, 2 * (layer(X) - bias), rtol=1e-4, atol=1e-4)
    assert dropout.calls == [(0.3, (B, T, F))]


# Residuals


@pytest.mark.parametrize("dropout", [None, RecordedDropout()], ids=["inference", "training"])
def test_pre_norm_is_x_plus_dropout_of_sublayer_of_norm(randomize, dropout: RecordedDropout | None):
    residual = Residual(config_of(norm="pre"))
    residual.build()
    randomize(residual, 4)
    factor = 2.0 if dropout else 1.0
    output = tf.tanh(residual.enter(X))
    np.testing.assert_array_equal(residual.leave(X, output, dropout), X + factor * tf.tanh(residual.norm(X)))


@pytest.mark.parametrize("dropout", [None, RecordedDropout()], ids=["inference", "training"])
def test_post_norm_is_norm_of_x_plus_dropout_of_sublayer(randomize, dropout: RecordedDropout | None):
    residual = Residual(config_of(norm="post"))
    residual.build()
    randomize(residual, 4)
    factor = 2.0 if dropout else 1.0
    output = tf.tanh(residual.enter(X))
    np.testing.assert_array_equal(residual.leave(X, output, dropout), residual.norm(X + factor * tf.tanh(X)))


# Whole layers, put together from their sublayers

MEMORY = RNG.normal(size=(B, S, D)).astype(np.float32)
REAL = tf.constant([[True, True, True, True], [True, True, False, False]])


def contexts(dropout: Dropout | None = None) -> tuple[Context, Context, Context]:
    """Of the encoder's self-attention, the decoder's, and of its attention to the source."""
    source, target = tf.range(S), tf.range(T)
    return (
        Context(source, source, REAL, dropout=dropout),
        Context(target, target, dropout=dropout),
        Context(target, source, REAL, dropout=dropout),
    )


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_encoder_layer_is_self_attention_then_feed_forward(randomize, norm: str):
    layer = EncoderLayer(config_of(norm=norm), 0)
    layer.build()
    randomize(layer, 5)
    context, _, _ = contexts()
    attended = layer(MEMORY, context=context)
    x, norms = MEMORY, (layer.self_attention_residual.norm, layer.feed_forward_residual.norm)
    if norm == "pre":
        inner, _ = layer.self_attention(norms[0](x), context=context)
        x = x + inner.output
        x = x + layer.feed_forward(norms[1](x))
    else:
        inner, _ = layer.self_attention(x, context=context)
        x = norms[0](x + inner.output)
        x = norms[1](x + layer.feed_forward(x))
    np.testing.assert_allclose(attended.output, x, atol=1e-5)
    np.testing.assert_array_equal(attended.weights, inner.weights)


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_decoder_layer_is_self_attention_then_cross_attention_then_feed_forward(randomize, norm: str):
    layer = DecoderLayer(config_of(norm=norm), 0)
    layer.build()
    randomize(layer, 6)
    memory = layer.cross_attention.project_memory(tf.constant(MEMORY))
    _, target, source = contexts()
    decoded = layer(X, memory=memory, target_context=target, source_context=source)
    x = X
    residuals = layer.self_attention_residual, layer.cross_attention_residual, layer.feed_forward_residual
    norms = [residual.norm for residual in residuals]
    if norm == "pre":
        inner, past = layer.self_attention(norms[0](x), context=target)
        x = x + inner.output
        crossed = layer.cross_attention(norms[1](x), memory=memory, context=source)
        x = x + crossed.output
        x = x + layer.feed_forward(norms[2](x))
    else:
        inner, past = layer.self_attention(x, context=target)
        x = norms[0](x + inner.output)
        crossed = layer.cross_attention(x, memory=memory, context=source)
        x = norms[1](x + crossed.output)
        x = norms[2](x + layer.feed_forward(x))
    np.testing.assert_allclose(decoded.output, x, atol=1e-5)
    np.testing.assert_array_equal(decoded.self_weights, inner.weights)
    np.testing.assert_allclose(decoded.cross_weights, crossed.weights, atol=1e-6)
    np.testing.assert_array_equal(decoded.past.keys, past.keys)


RATES = {"dropout": 0.1, "attention_dropout": 0.2, "activation_dropout": 0.3}


def test_encoder_layer_drops_weights_outputs_and_activations_each_at_its_own_rate():
    layer, dropout = EncoderLayer(config_of(**RATES), 0), RecordedDropout()
    layer.build()
    layer(MEMORY, context=contexts(dropout)[0])
    assert dropout.calls == [(0.2, (B, 2, S, S)), (0.1, (B, S, D)), (0.3, (B, S, F)), (0.1, (B, S, D))]


def test_decoder_layer_drops_weights_outputs_and_activations_each_at_its_own_rate():
    layer, dropout = DecoderLayer(config_of(**RATES), 0), RecordedDropout()
    layer.build()
    memory = layer.cross_attention.project_memory(tf.constant(MEMORY))
    _, target, source = contexts(dropout)
    layer(X, memory=memory, target_context=target, source_context=source)
    self_attention = [(0.2, (B, 2, T, T)), (0.1, (B, T, D))]
    cross_attention = [(0.2, (B, 2, T, S)), (0.1, (B, T, D))]
    assert dropout.calls == [*self_attention, *cross_attention, (0.3, (B, T, F)), (0.1, (B, T, D))]
