"""The encoder's and the decoder's layer, and the sublayers that are not attention.

Letters: B batch, S source length, T target length, D model.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from translator.config.schema import ModelConfig
from translator.model.attention.cache import KeysValues
from translator.model.attention.context import Context
from translator.model.attention.kinds import parts_of
from translator.model.attention.layer import Attended, CrossAttention, SelfAttention
from translator.model.dropout import Dropout
from translator.model.linear import Linear, sum_rows

# GELU in its exact form (Hendrycks and Gimpel, 2016).
ACTIVATIONS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {"relu": tf.nn.relu, "gelu": tf.nn.gelu}


def build_all(*layers: keras.layers.Layer) -> None:
    """Creates the layers' weights inside their parent's `build`, which puts the parent's name before theirs."""
    for layer in layers:
        layer.build(None)


class LayerNormalization(keras.layers.Layer):
    """(x − μ) / √(σ² + ε) · γ + β at each position (Ba et al., 2016).

    Computed in float32 whatever the compute dtype, with its gradient written out: the automatic one keeps and
    passes over several more arrays of the activations' size.
    """

    def __init__(self, size: int, epsilon: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size, self.epsilon = size, epsilon

    def build(self, *_: Any) -> None:
        self.gamma = self.add_weight((self.size,), "ones", name="gamma", autocast=False)
        self.beta = self.add_weight((self.size,), "zeros", name="beta", autocast=False)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """[..., D] -> [..., D]."""
        return _layer_norm(x, tf.convert_to_tensor(self.gamma), tf.convert_to_tensor(self.beta), self.epsilon)


def _layer_norm(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: float) -> tf.Tensor:
    size = x.shape[-1]

    @tf.custom_gradient
    def normalize(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> Any:
        wide = tf.cast(tf.reshape(x, [-1, size]), tf.float32)
        centered = wide - tf.reduce_mean(wide, -1, keepdims=True)
        scale = tf.math.rsqrt(tf.reduce_mean(tf.square(centered), -1, keepdims=True) + epsilon)
        normalized = centered * scale

        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            upstream = tf.cast(tf.reshape(upstream, [-1, size]), tf.float32)
            inner = upstream * gamma
            along = tf.reduce_mean(inner * normalized, -1, keepdims=True)
            downstream = scale * (inner - tf.reduce_mean(inner, -1, keepdims=True) - normalized * along)
            downstream = tf.reshape(tf.cast(downstream, x.dtype), tf.shape(x))
            return downstream, sum_rows(upstream * normalized), sum_rows(upstream)

        return tf.reshape(tf.cast(normalized * gamma + beta, x.dtype), tf.shape(x)), gradient

    return normalize(x, gamma, beta)


class FeedForward(keras.layers.Layer):
    """Two linear maps with a non-linearity between, at each position alike (Vaswani et al., 2017, §3.3).

    With swiglu the inside is swish(x W₁) ⊙ (x V) (Shazeer, 2020, §2).
    """

    def __init__(self, config: ModelConfig, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.gated, self.dropout_rate = config.activation == "swiglu", config.activation_dropout
        branches = 2 if self.gated else 1
        activation = ACTIVATIONS.get(config.activation)
        self.inner = Linear(config.d_model, branches * config.d_ff, config.d_ff, activation, name="inner")
        self.outer = Linear(config.d_ff, config.d_model, name="outer")

    def build(self, *_: Any) -> None:
        self.inner.build()
        self.outer.build()

    def call(self, x: tf.Tensor, dropout: Dropout | None = None) -> tf.Tensor:
        """[..., D] -> [..., D]."""
        inside = self.inner(x)
        if self.gated:
            gate, linear = tf.split(inside, 2, -1)
            inside = tf.nn.silu(gate) * linear
        return self.outer(dropout(inside, self.dropout_rate) if dropout else inside)


class Residual(keras.layers.Layer):
    """x + dropout(sublayer(norm(x))), or norm(x + dropout(sublayer(x))) as in the paper's §5.4.

    Split in two, because sublayers take and give more than x: `enter` before the sublayer, `leave` after it.
    """

    def __init__(self, config: ModelConfig, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.norm_first, self.dropout_rate = config.norm == "pre", config.dropout
        self.norm = LayerNormalization(config.d_model, config.layer_norm_epsilon, name="norm")

    def build(self, *_: Any) -> None:
        self.norm.build()

    def enter(self, x: tf.Tensor) -> tf.Tensor:
        """What the sublayer takes."""
        return self.norm(x) if self.norm_first else x

    def leave(self, x: tf.Tensor, output: tf.Tensor, dropout: Dropout | None) -> tf.Tensor:
        """The sum of x and the sublayer's output."""
        x = x + (dropout(output, self.dropout_rate) if dropout else output)
        return x if self.norm_first else self.norm(x)


class EncoderLayer(keras.layers.Layer):
    """Self-attention, then feed-forward (§3.1)."""

    def __init__(self, config: ModelConfig, index: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        sizes = config.d_model, config.num_heads, config.attention_dropout
        self.self_attention = SelfAttention(*sizes, parts_of(config, "encoder", index), name="self_attention")
        self.self_attention_residual = Residual(config, name="self_attention_residual")
        self.feed_forward = FeedForward(config, name="feed_forward")
        self.feed_forward_residual = Residual(config, name="feed_forward_residual")

    def build(self, *_: Any) -> None:
        build_all(self.self_attention, self.self_attention_residual, self.feed_forward, self.feed_forward_residual)

    def call(self, x: tf.Tensor, context: Context) -> Attended:
        """[B, S, D] -> [B, S, D], with the self-attention's weights."""
        dropout = context.dropout
        attended, _ = self.self_attention(self.self_attention_residual.enter(x), context=context)
        x = self.self_attention_residual.leave(x, attended.output, dropout)
        output = self.feed_forward(self.feed_forward_residual.enter(x), dropout=dropout)
        return Attended(self.feed_forward_residual.leave(x, output, dropout), attended.weights)


class Decoded(NamedTuple):
    """What a decoder layer gives."""

    output: tf.Tensor  # [B, T, D]
    self_weights: tf.Tensor  # [B, H, T, T]
    cross_weights: tf.Tensor  # [B, H, T, S]
    past: KeysValues  # of this layer's self-attention, this position included


class DecoderLayer(keras.layers.Layer):
    """Masked self-attention, attention to the encoder's output, then feed-forward (§3.1)."""

    def __init__(self, config: ModelConfig, index: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        sizes = config.d_model, config.num_heads, config.attention_dropout
        self.self_attention = SelfAttention(*sizes, parts_of(config, "decoder", index), name="self_attention")
        self.self_attention_residual = Residual(config, name="self_attention_residual")
        self.cross_attention = CrossAttention(*sizes, parts_of(config, "cross", index), name="cross_attention")
        self.cross_attention_residual = Residual(config, name="cross_attention_residual")
        self.feed_forward = FeedForward(config, name="feed_forward")
        self.feed_forward_residual = Residual(config, name="feed_forward_residual")

    def build(self, *_: Any) -> None:
        build_all(self.self_attention, self.self_attention_residual, self.cross_attention)
        build_all(self.cross_attention_residual, self.feed_forward, self.feed_forward_residual)

    def call(
        self,
        x: tf.Tensor,
        memory: KeysValues,
        target_context: Context,
        source_context: Context,
        past: KeysValues | None = None,
    ) -> Decoded:
        """Decodes x, [B, T, D], given the source's keys and values.

        In search x is [B · W, 1, D], W hypotheses for each of the B sentences, and the weights given back are
        [B · W, H, 1, t] and [B, H, W, S].

        Args:
            x: one vector for each target position.
            memory: of the cross-attention, for B sentences.
            target_context: of the self-attention; its dropout is the whole layer's.
            source_context: of the cross-attention.
            past: of the self-attention, when x only holds the positions after it.
        """
        dropout = target_context.dropout
        entered = self.self_attention_residual.enter(x)
        attended, past = self.self_attention(entered, context=target_context, past=past)
        x = self.self_attention_residual.leave(x, attended.output, dropout)
        entered = self.cross_attention_residual.enter(x)
        crossed = self.cross_attention(entered, memory=memory, context=source_context)
        x = self.cross_attention_residual.leave(x, crossed.output, dropout)
        output = self.feed_forward(self.feed_forward_residual.enter(x), dropout=dropout)
        x = self.feed_forward_residual.leave(x, output, dropout)
        return Decoded(x, attended.weights, crossed.weights, past)
