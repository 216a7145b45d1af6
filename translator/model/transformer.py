"""The Transformer (Vaswani et al., 2017): source ids and target ids in, logits over the vocabulary out.

Letters: B batch, S source length, T target length, D model, V vocabulary, W hypotheses a sentence, t steps so far.
"""

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from translator.config.schema import ModelConfig
from translator.model.attention.cache import KeysValues
from translator.model.attention.context import Context
from translator.model.attention.kinds import POSITIONS
from translator.model.attention.positions import LearnedPositions
from translator.model.dropout import Dropout
from translator.model.embeddings import Embedding
from translator.model.layers import Decoded, DecoderLayer, EncoderLayer, LayerNormalization, build_all
from translator.model.weights import Shape, named_variables
from translator.vocabulary import PAD_ID


class Encoded(NamedTuple):
    """Source sentences as the decoder sees them."""

    memories: tuple[KeysValues, ...]  # for each decoder layer, [B, G, S, K] twice
    real: tf.Tensor  # bool [B, S], False at padding
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
        one_hot: bool = False,
    ) -> None:
        """Creates a model with random weights, drawn from Keras' global seed (`keras.utils.set_random_seed`).

        Args:
            config: sizes and choices.
            source_vocabulary: number of source subwords.
            target_vocabulary: number of target subwords; the same with a joint vocabulary.
            max_positions: longest sequence, BOS or EOS included; learned positions have that many rows.
            precision: "float32", or "bfloat16" for matrix products and activations in bfloat16.
            one_hot: take the gradients of tables of subwords by products with one-hot rows, for a compiler: see
                `translator.model.embeddings.sum_by_id`.
        """
        with _dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32"):
            super().__init__(name="transformer")
            self.config = config
            tied, self.one_hot = config.tied_embeddings, one_hot
            self.target_embedding = Embedding(target_vocabulary, config.d_model, one_hot, name="target_embedding")
            self.source_embedding = (
                self.target_embedding
                if tied == "all"
                else Embedding(source_vocabulary, config.d_model, one_hot, name="source_embedding")
            )
            self.output_embedding = (
                Embedding(target_vocabulary, config.d_model, one_hot, name="output_embedding")
                if tied == "none"
                else self.target_embedding
            )
            make_positions = POSITIONS[config.positions].at_embeddings
            self.source_positions, self.target_positions = (
                make_positions and make_positions(max_positions, config.d_model, f"{side}_positions")
                for side in ("source", "target")
            )
            self.encoder_layers = [EncoderLayer(config, i, name=f"encoder_{i}") for i in range(config.encoder_layers)]
            self.decoder_layers = [DecoderLayer(config, i, name=f"decoder_{i}") for i in range(config.decoder_layers)]
            # Pre-norm leaves the last residual sum as it is; post-norm has normalized it already.
            pre_norm = config.norm == "pre"
            norm = config.d_model, config.layer_norm_epsilon
            self.encoder_norm = LayerNormalization(*norm, name="encoder_norm") if pre_norm else None
            self.decoder_norm = LayerNormalization(*norm, name="decoder_norm") if pre_norm else None
        self.build()

    def build(self, *_: Any) -> None:
        build_all(*self._parts().values())
        self.built = True

    def repeat_last_positions(self, source: int, target: int) -> None:
        """Gives learned positions past those that training reaches, so many a side, the vector of the last of those."""
        for layer, reached in ((self.source_positions, source), (self.target_positions, target)):
            if isinstance(layer, LearnedPositions):
                layer.repeat_last(reached)

    def named_weights(self) -> dict[str, keras.Variable]:
        """All weights, by their place in the model: `encoder.layers.0.self_attention.query_key_value.kernel`.

        These are the names in files. A table that is shared goes by the first name it has, in the order of
        `target_embedding`, `source_embedding` and `output_embedding`.
        """
        return {
            f"{name}.{inner}": variable
            for name, layer in self._parts().items()
            for inner, variable in named_variables(layer).items()
        }

    def _parts(self) -> dict[str, keras.layers.Layer]:
        """The layers that the model is made of, each once, by the names that their weights begin with."""
        layers = {
            "target_embedding": self.target_embedding,
            "source_embedding": self.source_embedding,
            "output_embedding": self.output_embedding,
            "source_positions": self.source_positions,
            "target_positions": self.target_positions,
            **{f"encoder.layers.{i}": layer for i, layer in enumerate(self.encoder_layers)},
            **{f"decoder.layers.{i}": layer for i, layer in enumerate(self.decoder_layers)},
            "encoder.norm": self.encoder_norm,
            "decoder.norm": self.decoder_norm,
        }
        first_names = {id(layer): name for name, layer in reversed(layers.items()) if layer is not None}
        return {name: layer for name, layer in layers.items() if first_names.get(id(layer)) == name}

    def call(self, source_ids: tf.Tensor, target_in: tf.Tensor) -> tf.Tensor:
        """Logits of the next token at each target position: int32 [B, S] and [B, T] -> float32 [B, T, V]."""
        states = self.decode(target_in, self.encode(source_ids)).output
        logits = self.logits(tf.reshape(states, [-1, self.config.d_model]))
        return tf.reshape(logits, tf.concat([tf.shape(target_in), [logits.shape[-1]]], 0))

    def encode(self, source_ids: tf.Tensor, dropout: Dropout | None = None) -> Encoded:
        """Reads source sentences: int32 [B, S], each ending with EOS_ID, padded with PAD_ID."""
        positions = tf.range(tf.shape(source_ids)[1])
        context = Context(positions, positions, source_ids != PAD_ID, dropout=dropout)
        return self.encode_vectors(self.source_embedding(source_ids), context)

    def encode_vectors(self, vectors: tf.Tensor, context: Context) -> Encoded:
        """Reads source sentences as the vectors of their tokens, [B, S, D], positions not yet added.

        The context must have `real_keys`.
        """
        x = self._placed(vectors, self.source_positions, context)
        weights = []
        for layer in self.encoder_layers:
            x, layer_weights = layer(x, context=context)
            weights.append(layer_weights)
        if self.encoder_norm is not None:
            x = self.encoder_norm(x)
        memories = tuple(layer.cross_attention.project_memory(x) for layer in self.decoder_layers)
        return Encoded(memories, context.real_keys, tuple(weights))

    def decode(self, target_in: tf.Tensor, encoded: Encoded, dropout: Dropout | None = None) -> States:
        """Reads the targets so far, int32 [B, T], each beginning with BOS_ID; all positions at once."""
        positions = tf.range(tf.shape(target_in)[1])
        context = Context(positions, positions, dropout=dropout)
        return self.decode_vectors(self.target_embedding(target_in), context, encoded)

    def decode_step(
        self,
        token_ids: tf.Tensor,
        position: tf.Tensor,
        encoded: Encoded,
        cache: tuple[KeysValues, ...],
        output_kernel: tf.Tensor | None = None,
        cache_length: int = 0,
    ) -> DecoderStep:
        """Reads one token more of each hypothesis.

        Args:
            token_ids: int32 [B · W], the hypotheses of a sentence side by side.
            position: int32 scalar t, the same for all.
            encoded: the B sentences.
            cache: of each decoder layer, t positions; `empty_cache` to begin with.
            output_kernel: see `logits`.
            cache_length: of a cache that has a fixed length, more than t; 0 for one that grows.
        """
        if cache_length:
            context = Context(position[None], tf.range(cache_length), fixed_cache=True)
        else:
            context = Context(position[None], tf.range(position + 1), keys_ahead=False)
        states = self.decode_vectors(self.target_embedding(token_ids[:, None]), context, encoded, cache)
        pasts, attention = tuple(d.past for d in states.layers), tuple(d.cross_weights for d in states.layers)
        return DecoderStep(self.logits(states.output[:, 0], output_kernel), pasts, attention)

    def empty_cache(self, hypotheses: tf.Tensor, length: int = 0) -> tuple[KeysValues, ...]:
        """What `decode_step` begins with, for so many hypotheses; of a fixed length if one is given."""
        return tuple(layer.self_attention.empty_cache(hypotheses, length) for layer in self.decoder_layers)

    def cache_shapes(self) -> tuple[KeysValues, ...]:
        """The shapes of a cache at any step: None where it grows, and for the number of hypotheses."""
        return tuple(layer.self_attention.cache_shapes() for layer in self.decoder_layers)

    def decode_vectors(
        self,
        vectors: tf.Tensor,
        context: Context,
        encoded: Encoded,
        pasts: tuple[KeysValues, ...] | None = None,
    ) -> States:
        """Reads targets as the vectors of their tokens, [B, T, D], positions not yet added, which follow the pasts."""
        source_positions = tf.range(tf.shape(encoded.real)[1])
        source = Context(context.query_positions, source_positions, encoded.real, dropout=context.dropout)
        x = self._placed(vectors, self.target_positions, context)
        decoded = []
        for layer, memory, past in zip(
            self.decoder_layers, encoded.memories, pasts or [None] * len(self.decoder_layers), strict=True
        ):
            decoded.append(layer(x, memory=memory, target_context=context, source_context=source, past=past))
            x = decoded[-1].output
        return States(x if self.decoder_norm is None else self.decoder_norm(x), tuple(decoded))

    def _placed(self, vectors: tf.Tensor, positions: keras.layers.Layer | None, context: Context) -> tf.Tensor:
        """What the first layer takes: [B, T, D] -> [B, T, D]."""
        x = vectors if positions is None else vectors + positions(context.query_positions)
        return context.dropout(x, self.config.dropout) if context.dropout else x

    def logits(self, states: tf.Tensor, output_kernel: tf.Tensor | None = None) -> tf.Tensor:
        """Scores of every subword: [N, D] in the compute dtype -> float32 [N, V].

        A search, which needs them at every step, gives the `output_kernel` that it made before the first: few rows
        times a transposed table take up to twice the time.
        """
        if output_kernel is None:
            table = tf.cast(self.output_table, states.dtype)
            return tf.cast(tf.matmul(states, table, transpose_b=True), tf.float32)
        return tf.cast(tf.matmul(states, output_kernel), tf.float32)

    def output_kernel(self) -> tf.Tensor:
        """`output_table` as products with many states take it: [D, V] in the compute dtype."""
        return tf.transpose(tf.cast(self.output_table, self.compute_dtype))

    @property
    def output_table(self) -> tf.Tensor:
        """The vector of each subword that a state is compared with: float32 [V, D]."""
        return self.output_embedding.table.value


def weight_shapes(
    config: ModelConfig, source_vocabulary: int, target_vocabulary: int, max_positions: int
) -> dict[str, Shape]:
    """The shapes of a `Transformer`'s weights by their names, at no cost however large it would be.

    The arguments are those of `Transformer`.
    """
    # Layers of a kind are alike: one of each tells of all.
    one_of_each = config.model_copy(update={"encoder_layers": 1, "decoder_layers": 1})
    with tf.Graph().as_default():  # variables have names and shapes there, but no values
        weights = Transformer(one_of_each, source_vocabulary, target_vocabulary, max_positions).named_weights()
    layers = {"encoder.layers.0.": config.encoder_layers, "decoder.layers.0.": config.decoder_layers}
    shapes: dict[str, Shape] = {}
    for name, weight in weights.items():
        stack = next((prefix for prefix in layers if name.startswith(prefix)), None)
        names = [name.replace(".0.", f".{i}.", 1) for i in range(layers[stack])] if stack else [name]
        shapes |= dict.fromkeys(names, tuple(weight.shape))
    return shapes


@contextlib.contextmanager
def _dtype_policy(name: str) -> Iterator[None]:
    """Lets the layers made inside take a dtype policy, without handing it through every constructor."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
