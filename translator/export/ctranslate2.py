"""A run as a CTranslate2 model, with its SentencePiece models beside it.

The specification is put together by hand: what CTranslate2's own helpers leave out is set here (its layer-norm
epsilon, its position table), as its C++ code reads it (version 4.8).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from translator.config.attention import AttentionConfig
from translator.config.schema import ModelConfig
from translator.decoding.engines.ctranslate2 import POSITIONS_KEY, import_ctranslate2, lacking
from translator.decoding.options import OPTIONS, SearchOptions
from translator.export.held import not_held
from translator.files import write_file
from translator.model.transformer import Transformer
from translator.model.weights import get_weights
from translator.vocabulary import BOS_ID, EOS_ID, UNK_ID

if TYPE_CHECKING:
    from translator.decoding.translator import Translator

# Without those in bfloat16, for whose conversion the library needs PyTorch.
QUANTIZATIONS = ("float32", "float16", "int8", "int8_float32", "int8_float16", "int16")
LEAST_POSITIONS = 2048  # rows of the position tables, past which a translation cannot grow

# The settings of `model` that a converted model holds, with the values; () for any. A setting that is not here must
# have its default.
HELD: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "d_model": (), "d_ff": (), "num_heads": (), "encoder_layers": (), "decoder_layers": (),
        "layer_norm_epsilon": (), "dropout": (), "attention_dropout": (), "activation_dropout": (),
        "norm": ("pre", "post"),
        "activation": ("relu", "gelu", "swiglu"),
        # Its T5 bias is that of the first layer in all layers; its ALiBi is for the decoder alone.
        "positions": ("learned", "sinusoidal", "rotary", "shaw", "none"),
        "tied_embeddings": ("all", "target", "none"),
    }
)  # fmt: skip
# The same of the settings in each place of `model.attention`; `chunk` is a way to compute what it computes in its own.
HELD_ATTENTION: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"score": ("scaled_dot_product", "dot_product"), "key_value_heads": (), "chunk": ()}
)

Weights = Mapping[str, np.ndarray]


def refusal(config: ModelConfig) -> str | None:
    """Why CTranslate2 cannot hold a model of this configuration; None if it can."""
    return not_held("CTranslate2", config, HELD, HELD_ATTENTION)


def checked_search(options: SearchOptions) -> SearchOptions:
    """Greedy search with those of a run's options that CTranslate2's search has: both do it alike."""
    return options.with_changes({"beam_size": 1, **{name: OPTIONS[name] for name in lacking(vars(options))}})


def write(
    translator: "Translator", folder: Path, quantization: str, taught_head: tuple[int, int] | None = None
) -> None:
    """Writes what `write_model` writes, and `source.spm` and `target.spm`."""
    write_model(translator, folder, quantization, taught_head)
    write_file(folder / "source.spm", translator.source.model)
    write_file(folder / "target.spm", translator.target.model)


def write_model(
    translator: "Translator", folder: Path, quantization: str, taught_head: tuple[int, int] | None = None
) -> None:
    """Writes a translator's model into a new folder: `model.bin`, its configuration and vocabularies.

    Args:
        translator: with the engine `transformer`.
        folder: a new one.
        quantization: one of `QUANTIZATIONS`.
        taught_head: see `specification`.

    Raises:
        CTranslate2Error: CTranslate2 is not installed.
        OSError: the folder cannot be written.
    """
    source, target = (side.pieces(range(side.vocabulary_size)) for side in (translator.source, translator.target))
    spec = specification(translator.transformer.model, source, target, positions_of(translator), taught_head)
    spec.optimize(quantization=None if quantization == "float32" else quantization)
    folder.mkdir(parents=True)
    spec.save(str(folder))


def positions_of(translator: "Translator") -> int:
    """How many positions an export needs, for the sources and translations that the translator's limits allow."""
    longest = translator.options.max_target_tokens(translator.max_source_tokens + 1)
    return max(LEAST_POSITIONS, longest, translator.max_source_tokens + 1)


def specification(
    model: Transformer,
    source: Sequence[str],
    target: Sequence[str],
    rows: int,
    taught_head: tuple[int, int] | None = None,
) -> Any:
    """CTranslate2's form of a model, to be quantized and saved.

    Args:
        model: of a configuration that there is no `refusal` of.
        source: the subwords by their ids, under whatever names.
        target: likewise.
        rows: of its position tables, past which neither a source nor a translation can grow.
        taught_head: layer and head, from 1 on, whose attention it returns; else the mean of the last layer's heads.

    Raises:
        CTranslate2Error: CTranslate2 is not installed.
    """
    import_ctranslate2()
    from ctranslate2.specs import common_spec, transformer_spec

    config, weights = model.config, _weights_of(model, taught_head)
    kinds = common_spec.Activation
    activation = {"relu": kinds.RELU, "gelu": kinds.GELU, "swiglu": kinds.SWISH}[config.activation]
    common: dict[str, Any] = {
        "num_heads": config.num_heads,
        "num_heads_kv": config.num_heads,  # `_set_parts` sets it for each place
        "pre_norm": config.norm == "pre",
        "activation": activation,
        "ffn_glu": config.activation == "swiglu",
        "relative_position": config.positions == "shaw",
        "rotary_dim": 0 if config.positions == "rotary" else None,  # all channels of a head
        "rotary_interleave": False,
    }
    spec = transformer_spec.TransformerSpec(
        transformer_spec.TransformerEncoderSpec(config.encoder_layers, **common),
        transformer_spec.TransformerDecoderSpec(
            config.decoder_layers,
            alignment_layer=(taught_head[0] if taught_head else config.decoder_layers) - 1,
            alignment_heads=1 if taught_head else config.num_heads,  # the first ones, whose mean it returns
            **common,
        ),
    )
    _set_layers(spec, config, weights)
    _set_tables(spec, model, rows)
    _set_vocabularies(spec, source, target)
    spec.config.layer_norm_epsilon = config.layer_norm_epsilon
    spec.config.add_attribute(POSITIONS_KEY, rows)
    spec.validate()
    return spec


def _weights_of(model: Transformer, first: tuple[int, int] | None) -> Weights:
    """The weights by name; with the heads of one cross-attention in another order, if one is to be its first.

    It is the same model in any order, as long as heads that share keys stay together.
    """
    weights = get_weights(model.named_weights())
    if first is None:
        return weights
    layer, head = first
    heads = model.decoder_layers[layer - 1].cross_attention.heads
    group, place = divmod(head - 1, heads.shared_by)
    by_group = np.arange(heads.number).reshape(heads.of_keys, heads.shared_by)
    order = np.roll(by_group, (-group, -place), (0, 1)).ravel()
    groups = np.roll(np.arange(heads.of_keys), -group)
    name = f"decoder.layers.{layer - 1}.cross_attention"

    def ordered(part: str, shape: tuple[int, ...], order: np.ndarray, axis: int) -> np.ndarray:
        array = weights[f"{name}.{part}"]
        return np.take(array.reshape(shape), order, axis).reshape(array.shape)

    number, of_keys, size = heads.number, heads.of_keys, heads.size
    changed = {
        "query.kernel": ordered("query.kernel", (-1, number, size), order, 1),
        "query.bias": ordered("query.bias", (number, size), order, 0),
        "key_value.kernel": ordered("key_value.kernel", (-1, 2, of_keys, size), groups, 2),
        "key_value.bias": ordered("key_value.bias", (2, of_keys, size), groups, 1),
        "output_projection.kernel": ordered("output_projection.kernel", (number, size, -1), order, 0),
    }
    return {**weights, **{f"{name}.{part}": array for part, array in changed.items()}}


def _set_tables(spec: Any, model: Transformer, rows: int) -> None:
    """Sets embeddings, output and positions."""
    embeddings = model.source_embedding, model.target_embedding, model.output_embedding
    tables = {id(each): each.table.numpy() for each in embeddings}  # one that is shared is one array, saved once
    spec.encoder.embeddings[0].weight = tables[id(model.source_embedding)]
    spec.decoder.embeddings.weight = tables[id(model.target_embedding)]
    spec.decoder.projection.weight = tables[id(model.output_embedding)]
    for part, positions in ((spec.encoder, model.source_positions), (spec.decoder, model.target_positions)):
        part.scale_embeddings = True
        if hasattr(part, "position_encodings"):
            # Its own table starts at position 1, with another denominator; it has one wherever it knows no other kind.
            vectors = tf.zeros([rows, model.config.d_model]) if positions is None else positions(tf.range(rows))
            part.position_encodings.encodings = np.asarray(vectors, np.float32)


def _set_layers(spec: Any, config: ModelConfig, weights: Weights) -> None:
    """Sets the layers of both sides, and the norms behind them."""
    for index, layer in enumerate(spec.encoder.layer):
        _set_layer(layer, weights, f"encoder.layers.{index}")
        _set_parts(layer.self_attention, config.attention.encoder, config.num_heads)
    for index, layer in enumerate(spec.decoder.layer):
        _set_layer(layer, weights, f"decoder.layers.{index}")
        _set_parts(layer.self_attention, config.attention.decoder, config.num_heads)
        _set_cross_attention(layer.attention, weights, f"decoder.layers.{index}.cross_attention")
        _set_parts(layer.attention, config.attention.cross, config.num_heads)
    if config.norm == "pre":
        _set_norm(spec.encoder.layer_norm, weights, "encoder.norm")
        _set_norm(spec.decoder.layer_norm, weights, "decoder.norm")


def _set_layer(layer: Any, weights: Weights, name: str) -> None:
    """Sets what encoder and decoder layers have in common."""
    _set_linear(layer.self_attention.linear[0], weights, f"{name}.self_attention.query_key_value")
    _set_linear(layer.self_attention.linear[1], weights, f"{name}.self_attention.output_projection")
    _set_norm(layer.self_attention.layer_norm, weights, f"{name}.self_attention_residual.norm")
    if hasattr(layer.self_attention, "relative_position_keys"):
        table = weights[f"{name}.self_attention.positions.table"]
        layer.self_attention.relative_position_keys = table
        layer.self_attention.relative_position_values = np.zeros_like(table)  # which ours has not
    inner = f"{name}.feed_forward.inner"
    if hasattr(layer.ffn, "linear_0_noact"):  # gated: the gate, then what it is multiplied with
        kernels, biases = np.split(weights[f"{inner}.kernel"], 2, 1), np.split(weights[f"{inner}.bias"], 2)
        for part, kernel, bias in zip((layer.ffn.linear_0, layer.ffn.linear_0_noact), kernels, biases, strict=True):
            part.weight, part.bias = _transposed(kernel), bias
    else:
        _set_linear(layer.ffn.linear_0, weights, inner)
    _set_linear(layer.ffn.linear_1, weights, f"{name}.feed_forward.outer")
    _set_norm(layer.ffn.layer_norm, weights, f"{name}.feed_forward_residual.norm")


def _set_parts(attention: Any, config: AttentionConfig, num_heads: int) -> None:
    """Sets what an attention is told beside its weights."""
    if config.score == "dot_product":
        attention.queries_scale = np.float32(1.0)
    attention.num_heads_kv = np.int32(config.key_value_heads or num_heads)


def _set_cross_attention(attention: Any, weights: Weights, name: str) -> None:
    for linear, part in zip(attention.linear, ("query", "key_value", "output_projection"), strict=True):
        _set_linear(linear, weights, f"{name}.{part}")
    _set_norm(attention.layer_norm, weights, f"{name}_residual.norm")


def _set_linear(linear: Any, weights: Weights, name: str) -> None:
    linear.weight, linear.bias = _transposed(weights[f"{name}.kernel"]), weights[f"{name}.bias"]


def _transposed(kernel: np.ndarray) -> np.ndarray:
    """[in, out] -> [out, in], contiguous."""
    return np.ascontiguousarray(kernel.T)


def _set_norm(norm: Any, weights: Weights, name: str) -> None:
    norm.gamma, norm.beta = weights[f"{name}.gamma"], weights[f"{name}.beta"]


def _set_vocabularies(spec: Any, source: Sequence[str], target: Sequence[str]) -> None:
    spec.register_source_vocabulary(list(source))
    spec.register_target_vocabulary(list(target))
    bos, eos, unk = (target[each] for each in (BOS_ID, EOS_ID, UNK_ID))
    spec.config.bos_token, spec.config.eos_token, spec.config.unk_token = bos, eos, unk
    spec.config.decoder_start_token = bos
    spec.config.add_source_bos, spec.config.add_source_eos = False, True
