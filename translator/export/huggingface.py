"""A run as a model of Hugging Face's `transformers`: Pegasus if it is pre-norm, Marian if it is post-norm.

Their sinusoids stand sines first, then cosines, where the paper's alternate: so the channels of all that is as wide as
the model are in that order here. It is the same model in any order. Their layer normalization has a fixed ε.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import safetensors.numpy

import translator as this_program
from translator.config.schema import Config, ModelConfig
from translator.decoding.engines.assembly import NEVER_WRITTEN
from translator.decoding.translator import Translator
from translator.errors import TranslatorError, needs_extra
from translator.export import tokenizer_json
from translator.export.comparisons import ExportError
from translator.export.ctranslate2 import positions_of
from translator.export.held import not_held
from translator.files import write_file
from translator.model.transformer import weight_shapes
from translator.model.weights import get_weights
from translator.vocabulary import BOS_ID, EOS_ID, PAD_ID, UNK_ID

# What they hold, as in `translator.export.ctranslate2`.
HELD: Mapping[str, tuple[Any, ...]] = MappingProxyType(
    {
        "d_model": (), "d_ff": (), "num_heads": (), "encoder_layers": (), "decoder_layers": (),
        "dropout": (), "attention_dropout": (), "activation_dropout": (),
        "norm": ("pre", "post"), "activation": ("relu", "gelu"), "layer_norm_epsilon": (1e-5,),
        "positions": ("sinusoidal",), "tied_embeddings": ("all",),
    }
)  # fmt: skip
HELD_ATTENTION: Mapping[str, tuple[Any, ...]] = MappingProxyType({"chunk": ()})
CLASSES = {"pre": ("pegasus", "PegasusForConditionalGeneration"), "post": ("marian", "MarianMTModel")}
STOPPING = {"ahead": False, "finished": True, "exact": "never"}
Weights = dict[str, np.ndarray]


class HuggingFaceError(TranslatorError):
    """What the export needs is not installed."""


def import_tokenizers() -> Any:
    """The library `tokenizers`, by which the export is checked.

    Raises:
        HuggingFaceError: it is not installed; says how to install it.
    """
    try:
        import tokenizers
    except ImportError as error:
        what = f"tokenizers cannot be imported ({error})"
        raise HuggingFaceError(needs_extra(what, "huggingface", "tokenizers")) from error
    return tokenizers


def refusal(config: Config) -> str | None:
    """Why Pegasus and Marian cannot hold a run of this configuration; None if they can."""
    return not_held("Hugging Face's Pegasus or Marian", config.model, HELD, HELD_ATTENTION)


def write(translator: Translator, folder: Path) -> None:
    """Writes `config.json`, `generation_config.json`, `model.safetensors`, and the tokenizer's files.

    Args:
        translator: with the engine `transformer`, of a configuration that there is no `refusal` of.
        folder: a new one.

    Raises:
        ExportError: `tokenizer.json` cannot hold the vocabulary.
        OSError: the folder cannot be written.
    """
    if reason := tokenizer_json.refusal(translator.source):
        raise ExportError(reason)
    model, positions = translator.transformer.model, positions_of(translator)
    weights = converted(get_weights(model.named_weights()), model.config)
    weights["final_logits_bias"] = np.zeros([1, translator.target.vocabulary_size], np.float32)
    names = translator.source.pieces((PAD_ID, BOS_ID, EOS_ID, UNK_ID))
    tokens = dict(zip(("pad_token", "bos_token", "eos_token", "unk_token"), names, strict=True))
    tokenizer = tokens | {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": translator.max_source_tokens + 1,
        "clean_up_tokenization_spaces": False,
        "split_special_tokens": True,  # in a text they are ordinary text
    }
    files = {
        "config.json": _config(model.config, translator.target.vocabulary_size, positions),
        "generation_config.json": _generation(translator, positions),
        "tokenizer_config.json": tokenizer,
        "special_tokens_map.json": tokens,
    }
    folder.mkdir(parents=True)
    for name, content in files.items():
        write_file(folder / name, f"{json.dumps(content, indent=1, ensure_ascii=False)}\n".encode())
    write_file(folder / "tokenizer.json", tokenizer_json.converted(translator.source))
    safetensors.numpy.save_file(weights, folder / "model.safetensors", {"format": "pt"})


def converted(weights: Mapping[str, np.ndarray], config: ModelConfig) -> Weights:
    """Weights by their names and in their order; every number of them is one of ours, and the other way round."""
    order = np.concatenate([np.arange(0, config.d_model, 2), np.arange(1, config.d_model, 2)])
    found = {"model.shared.weight": weights["target_embedding.table"][:, order]}

    def set_linear(name: str, kernel: np.ndarray, bias: np.ndarray) -> None:
        found[f"{name}.weight"], found[f"{name}.bias"] = kernel.T, bias

    def set_norm(name: str, ours: str) -> None:
        found[f"{name}.weight"], found[f"{name}.bias"] = (weights[f"{ours}.{x}"][order] for x in ("gamma", "beta"))

    def set_in(ours: str, *names: str) -> None:
        """A map from all channels to those of several projections side by side."""
        kernels = np.split(weights[f"{ours}.kernel"][order], len(names), 1)
        for name, kernel, bias in zip(names, kernels, np.split(weights[f"{ours}.bias"], len(names)), strict=True):
            set_linear(name, kernel, bias)

    def set_out(ours: str, name: str) -> None:
        set_linear(name, weights[f"{ours}.kernel"][:, order], weights[f"{ours}.bias"][order])

    for side, layers in (("encoder", config.encoder_layers), ("decoder", config.decoder_layers)):
        for ours, name in ((f"{side}.layers.{i}", f"model.{side}.layers.{i}") for i in range(layers)):
            own = f"{name}.self_attn"
            set_in(f"{ours}.self_attention.query_key_value", f"{own}.q_proj", f"{own}.k_proj", f"{own}.v_proj")
            set_out(f"{ours}.self_attention.output_projection", f"{own}.out_proj")
            set_norm(f"{own}_layer_norm", f"{ours}.self_attention_residual.norm")
            if side == "decoder":
                cross = f"{name}.encoder_attn"
                set_in(f"{ours}.cross_attention.query", f"{cross}.q_proj")
                set_in(f"{ours}.cross_attention.key_value", f"{cross}.k_proj", f"{cross}.v_proj")
                set_out(f"{ours}.cross_attention.output_projection", f"{cross}.out_proj")
                set_norm(f"{cross}_layer_norm", f"{ours}.cross_attention_residual.norm")
            set_in(f"{ours}.feed_forward.inner", f"{name}.fc1")
            set_out(f"{ours}.feed_forward.outer", f"{name}.fc2")
            set_norm(f"{name}.final_layer_norm", f"{ours}.feed_forward_residual.norm")
        if config.norm == "pre":
            set_norm(f"model.{side}.layer_norm", f"{side}.norm")
    return {name: np.ascontiguousarray(array) for name, array in found.items()}


def read_back(folder: Path) -> tuple[ModelConfig, int, Weights]:
    """The model that an export's own files describe: its configuration, its vocabulary's size, and our weights."""
    theirs = json.loads((folder / "config.json").read_bytes())
    config = ModelConfig(
        d_model=theirs["d_model"], d_ff=theirs["encoder_ffn_dim"], num_heads=theirs["encoder_attention_heads"],
        encoder_layers=theirs["encoder_layers"], decoder_layers=theirs["decoder_layers"],
        activation=theirs["activation_function"], norm="pre" if theirs["model_type"] == "pegasus" else "post",
    )  # fmt: skip
    vocabulary = theirs["vocab_size"]
    numbers, count = {}, 0
    for name, shape in weight_shapes(config, vocabulary, vocabulary, 1).items():
        numbers[name] = np.arange(count, count + int(np.prod(shape))).reshape(shape)
        count += numbers[name].size
    # Which number of ours each of theirs is.
    values, stored = np.zeros(count, np.float32), safetensors.numpy.load_file(folder / "model.safetensors")
    for name, places in converted(numbers, config).items():
        values[places] = stored[name]
    return config, vocabulary, {name: values[places] for name, places in numbers.items()}


def _config(model: ModelConfig, vocabulary: int, positions: int) -> dict[str, Any]:
    kind, name = CLASSES[model.norm]
    of_marian = {"decoder_vocab_size": vocabulary, "share_encoder_decoder_embeddings": True}
    return {
        "architectures": [name], "model_type": kind, "is_encoder_decoder": True, "dtype": "float32",
        "torch_dtype": "float32",
        "vocab_size": vocabulary, "max_position_embeddings": positions, "d_model": model.d_model,
        "encoder_layers": model.encoder_layers, "decoder_layers": model.decoder_layers,
        "encoder_ffn_dim": model.d_ff, "decoder_ffn_dim": model.d_ff,
        "encoder_attention_heads": model.num_heads, "decoder_attention_heads": model.num_heads,
        "activation_function": model.activation, "scale_embedding": True, "tie_word_embeddings": True,
        "dropout": model.dropout, "attention_dropout": model.attention_dropout,
        "activation_dropout": model.activation_dropout,
        "pad_token_id": PAD_ID, "bos_token_id": BOS_ID, "eos_token_id": EOS_ID, "decoder_start_token_id": BOS_ID,
        "forced_eos_token_id": None, "translator_version": this_program.__version__,
        **(of_marian if kind == "marian" else {}),
    }  # fmt: skip


def _generation(translator: Translator, positions: int) -> dict[str, Any]:
    """As near to the run's own search as theirs comes: what is never written here is not written there either."""
    options = translator.options
    longest = options.max_target_tokens(translator.max_source_tokens + 1)
    return {
        "pad_token_id": PAD_ID, "bos_token_id": BOS_ID, "eos_token_id": EOS_ID, "decoder_start_token_id": BOS_ID,
        "bad_words_ids": [[number] for number in NEVER_WRITTEN],
        "max_length": min(longest + 1, positions), "num_beams": options.beam_size,
        "length_penalty": options.length_penalty, "early_stopping": STOPPING[options.stopping],
        "repetition_penalty": options.repetition_penalty, "no_repeat_ngram_size": options.no_repeat_ngram_size,
    }  # fmt: skip
