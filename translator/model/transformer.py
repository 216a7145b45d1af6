"""The Transformer (Vaswani et al., 2017): source ids and target ids in, logits over the vocabulary out.

Letters: B batch, S source length, T target length, D model, V vocabulary, W hypotheses a sentence, t steps so far.
"""

import contextlib
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from translator.config.schema import ModelConfig
from translator.model.attention import KeysValues, causal_mask, padding_mask
from translator.model.dropout import Dropout
from translator.model.layers import Decoded, DecoderLayer, EncoderLayer, LayerNormalization, build_all
from translator.model.positions import LearnedPositions, SinusoidalPositions
from translator.vocabulary import PAD_ID


class Encoded(NamedTuple):
    """Source sentences as the decoder sees them."""

    memories: tuple[KeysValues, ...]  # for each decoder layer, [B, H, S, K] twice
    mask: tf.Tensor  # bool [B, 1, 1, S], True at real tokens
    weights: tuple[tf.Tensor, ...]  # for each encoder layer, [B, H, S, S]


class States(NamedTuple):
    """What the decoder says of each target position."""

    output: tf.Tensor  # [B, T, D]; `Transformer.logits` takes any rows of it
    layers: tuple[Decoded, ...]  # with their attention weights and pasts


class DecoderStep(NamedTuple):
    """What the decoder says after one token more of each hypothesis."""

    logits: tf.Tensor  # float32 [B · W, V], of the next token
    cache: tuple[KeysValues, ...]  # of each decoder layer, with this token in it
    attention: tuple[tf.Tensor, ...]  # of each decoder layer, over the source: [B, H, W, S]


class Embedding(keras.layers.Layer):
    """One vector for each token, scaled by √D (§3.4)."""

    def __init__(self, vocabulary_size: int, d_model: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.vocabulary_size, self.d_model = vocabulary_size, d_model

    def build(self, *_: Any) -> None:
        # Variance 1/D: embeddings scaled by √D, and logits of normalized states, both begin with variance 1.
        initializer = keras.initializers.RandomNormal(stddev=self.d_model**-0.5)
        self.table = self.add_weight((self.vocabulary_size, self.d_model), initializer, name="table", autocast=False)

    def call(self, ids: tf.Tensor) -> tf.Tensor:
        """int32 [B, T] -> [B, T, D]."""
        return tf.cast(tf.gather(self.table.value, ids) * math.sqrt(self.d_model), self.compute_dtype)


class Transformer(keras.Model):
    """Encoder and decoder with their embeddings.

    Its weights exist from construction on, so that a checkpoint can be loaded before the first call.
    """

    def __init__(
        self,
        config: ModelConfig,
        source_vocabulary: int,
        target_vocabulary: int,
        max_positions: int,
        precision: str = "float32",
    ) -> None:
        """Creates a model with random weights, drawn from Keras' global seed (`keras.utils.set_random_seed`).

        Args:
            config: sizes and choices.
            source_vocabulary: number of source subwords.
            target_vocabulary: number of target subwords; the same with a joint vocabulary.
            max_positions: longest sequence, BOS or EOS included; learned positions have that many rows.
            precision: "float32", or "bfloat16" for matrix products and activations in bfloat16.
        """
        with _dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32"):
            super().__init__(name="transformer")
            self.config = config
            tied = config.tied_embeddings
            self.target_embedding = Embedding(target_vocabulary, config.d_model, name="target_embedding")
            self.source_embedding = (
                self.target_embedding
                if tied == "all"
                else Embedding(source_vocabulary, config.d_model, name="source_embedding")
            )
            self.output_embedding = (
                Embedding(target_vocabulary, config.d_model, name="output_embedding")
                if tied == "none"
                else self.target_embedding
            )
            self.source_positions = _positions(config, max_positions, "source_positions")
            self.target_positions = _positions(config, max_positions, "target_positions")
            self.encoder_layers = [EncoderLayer(config, name=f"encoder_{i}") for i in range(config.encoder_layers)]
            self.decoder_layers = [DecoderLayer(config, name=f"decoder_{i}") for i in range(config.decoder_layers)]
            # Pre-norm leaves the last residual sum as it is; post-norm has normalized it already.
            pre_norm = config.norm == "pre"
            self.encoder_norm = LayerNormalization(config.d_model, name="encoder_norm") if pre_norm else None
            self.decoder_norm = LayerNormalization(config.d_model, name="decoder_norm") if pre_norm else None
        self.build()

    def build(self, *_: Any) -> None:
        embeddings = {id(e): e for e in (self.target_embedding, self.source_embedding, self.output_embedding)}
        norms = [norm for norm in (self.encoder_norm, self.decoder_norm) if norm is not None]
        build_all(*embeddings.values(), self.source_positions, self.target_positions)
        build_all(*self.encoder_layers, *self.decoder_layers, *norms)
        self.built = True

    def call(self, source_ids: tf.Tensor, target_in: tf.Tensor) -> tf.Tensor:
        """Logits of the next token at each target position: int32 [B, S] and [B, T] -> float32 [B, T, V]."""
        states = self.decode(target_in, self.encode(source_ids)).output
        logits = self.logits(tf.reshape(states, [-1, self.config.d_model]))
        return tf.reshape(logits, tf.concat([tf.shape(target_in), [logits.shape[-1]]], 0))

    def encode(self, source_ids: tf.Tensor, dropout: Dropout | None = None) -> Encoded:
        """Reads source sentences: int32 [B, S], each ending with EOS_ID, padded with PAD_ID."""
        mask = padding_mask(source_ids, PAD_ID)
        x = self.source_embedding(source_ids) + self.source_positions(tf.range(tf.shape(source_ids)[1]))
        if dropout:
            x = dropout(x, self.config.dropout)
        weights = []
        for layer in self.encoder_layers:
            x, layer_weights = layer(x, may_attend=mask, dropout=dropout)
            weights.append(layer_weights)
        if self.encoder_norm is not None:
            x = self.encoder_norm(x)
        memories = tuple(layer.cross_attention.project_memory(x) for layer in self.decoder_layers)
        return Encoded(memories, mask, tuple(weights))

    def decode(self, target_in: tf.Tensor, encoded: Encoded, dropout: Dropout | None = None) -> States:
        """Reads the targets so far, int32 [B, T], each beginning with BOS_ID; all positions at once."""
        length = tf.shape(target_in)[1]
        mask = causal_mask(length)
        x = self.target_embedding(target_in) + self.target_positions(tf.range(length))
        if dropout:
            x = dropout(x, self.config.dropout)
        decoded = []
        for layer, memory in zip(self.decoder_layers, encoded.memories, strict=True):
            decoded.append(layer(x, memory=memory, source_mask=encoded.mask, target_mask=mask, dropout=dropout))
            x = decoded[-1].output
        return States(x if self.decoder_norm is None else self.decoder_norm(x), tuple(decoded))

    def decode_step(
        self, token_ids: tf.Tensor, position: tf.Tensor, encoded: Encoded, cache: tuple[KeysValues, ...]
    ) -> DecoderStep:
        """Reads one token more of each hypothesis.

        Args:
            token_ids: int32 [B · W], the hypotheses of a sentence side by side.
            position: int32 scalar t, the same for all.
            encoded: the B sentences.
            cache: of each decoder layer, [B · W, H, t, K] twice; `empty_cache` to begin with.
        """
        x = self.target_embedding(token_ids[:, None]) + self.target_positions(position[None])
        decoded = []
        for layer, memory, past in zip(self.decoder_layers, encoded.memories, cache, strict=True):
            decoded.append(layer(x, memory=memory, source_mask=encoded.mask, past=past))
            x = decoded[-1].output
        x = x if self.decoder_norm is None else self.decoder_norm(x)
        pasts, attention = tuple(d.past for d in decoded), tuple(d.cross_weights for d in decoded)
        return DecoderStep(self.logits(x[:, 0]), pasts, attention)

    def empty_cache(self, hypotheses: tf.Tensor) -> tuple[KeysValues, ...]:
        """What `decode_step` begins with, for so many hypotheses."""
        config = self.config
        nothing = tf.zeros([hypotheses, config.num_heads, 0, config.d_model // config.num_heads], self.compute_dtype)
        return tuple(KeysValues(nothing, nothing) for _ in self.decoder_layers)

    def cache_shapes(self) -> tuple[KeysValues, ...]:
        """The shapes of a cache as it is at any step: None where it grows, or has as many rows as hypotheses."""
        shape = tf.TensorShape([None, self.config.num_heads, None, self.config.d_model // self.config.num_heads])
        return tuple(KeysValues(shape, shape) for _ in self.decoder_layers)

    def logits(self, states: tf.Tensor) -> tf.Tensor:
        """Scores of every subword: [N, D] in the compute dtype -> float32 [N, V]."""
        return tf.cast(tf.matmul(states, tf.cast(self.output_table, states.dtype), transpose_b=True), tf.float32)

    @property
    def output_table(self) -> tf.Tensor:
        """The vector of each subword that a state is compared with: float32 [V, D]."""
        return self.output_embedding.table.value


def weight_shapes(
    config: ModelConfig, source_vocabulary: int, target_vocabulary: int, max_positions: int
) -> dict[str, tuple[int, ...]]:
    """The shapes of a `Transformer`'s weights by their paths, at no cost however large it would be.

    The arguments are those of `Transformer`.
    """
    layers = {"encoder": config.encoder_layers, "decoder": config.decoder_layers}
    # Layers of a kind are alike: one of each tells of all.
    one_of_each = config.model_copy(update={"encoder_layers": 1, "decoder_layers": 1})
    with keras.StatelessScope(initialize_variables=False):  # variables have names and shapes there, but no values
        weights = Transformer(one_of_each, source_vocabulary, target_vocabulary, max_positions).trainable_variables
    shapes: dict[str, tuple[int, ...]] = {}
    for weight in weights:
        model, part, *rest = weight.path.split("/")
        kind = part.removesuffix("_0")
        parts = [f"{kind}_{i}" for i in range(layers[kind])] if part != kind else [part]
        shapes |= {"/".join([model, name, *rest]): tuple(weight.shape) for name in parts}
    return shapes


def _positions(config: ModelConfig, max_positions: int, name: str) -> keras.layers.Layer:
    if config.positions == "learned":
        return LearnedPositions(max_positions, config.d_model, name=name)
    return SinusoidalPositions(config.d_model, name=name)


@contextlib.contextmanager
def _dtype_policy(name: str) -> Iterator[None]:
    """Lets the layers made inside take a dtype policy, without handing it through every constructor."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
