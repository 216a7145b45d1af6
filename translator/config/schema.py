"""Every setting, typed, documented with its unit, and checked before anything is loaded.

A configuration is a YAML file. `extends: other.yaml` starts from another file, so that a file lists only what differs;
`key=value` overrides come last. Each attribute's docstring below is the reference that `translator config` prints.
"""

import enum
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from translator.errors import TranslatorError

Normalization = Literal["nmt_nfkc", "nfkc", "nmt_nfkc_cf", "nfkc_cf", "keep"]
Probability = Annotated[float, Field(ge=0.0, lt=1.0)]

CORPORA = ("data.train", "data.validation", "data.test")


class MayChange(enum.IntEnum):
    """Until when a setting may change in the folder of a run, which gets first a vocabulary, then checkpoints."""

    UNTIL_VOCABULARY = 1
    UNTIL_CHECKPOINT = 2
    ALWAYS = 3


# A setting may change for as long as it, or a section that it is in, says; until the vocabulary where none does.
Setting = TypeVar("Setting")
UntilCheckpoint = Annotated[Setting, MayChange.UNTIL_CHECKPOINT]
Always = Annotated[Setting, MayChange.ALWAYS]


class ConfigError(TranslatorError):
    """A configuration that cannot be read or contradicts itself; lists every problem found."""


class Section(BaseModel):
    """A frozen group of settings that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    @field_validator("*", mode="before")
    @classmethod
    def _truth_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        annotation = cls.model_fields[str(info.field_name)].annotation
        if isinstance(value, bool) and annotation is not bool and not {int, float}.isdisjoint(types_in(annotation)):
            raise PydanticCustomError("number_type", "input should be a number")
        return value


def types_in(annotation: Any) -> Iterator[Any]:
    yield annotation
    for argument in typing.get_args(annotation):
        yield from types_in(argument)


class CorpusConfig(Section):
    """Where sentence pairs come from: exactly one of `files`, `tsv`, `tfds` and `grammar`.

    A bare string stands for `files`.
    """

    files: str | None = None
    """A pair of text files, one sentence a line; `{lang}` stands for the language, as in `train.{lang}.gz`. `.gz` is
    unzipped."""
    tsv: str | None = None
    """One file of tab-separated lines: source, target, and no more; quotes are text. `.gz` is unzipped."""
    tfds: str | None = None
    """A TensorFlow Datasets name (`wmt14_translate/de-en`) or the folder of a prepared data set."""
    grammar: Literal["train", "validation", "test"] | None = None
    """A split of the built-in English–German corpus."""
    split: str = "train"
    """The split of a `tfds` corpus, slices included: `train[:10%]`."""
    pairs: int | None = Field(None, ge=1)
    """Sentence pairs to take from the front; all of them when unset. The endless `grammar` needs it."""
    weight: UntilCheckpoint[float] = Field(1.0, gt=0.0, le=1000.0)
    """How often a training epoch goes through this corpus: 2 is twice, 0.5 another random half in each epoch."""

    @model_validator(mode="after")
    def _is_one_corpus(self) -> "CorpusConfig":
        given = [kind for kind in ("files", "tsv", "tfds", "grammar") if getattr(self, kind) is not None]
        if len(given) != 1:
            whole = ", and replaces another as a whole" if self.model_fields_set and not given else ""
            found = " and ".join(given) or "none"
            raise ValueError(f"a corpus is one of files, tsv, tfds and grammar{whole}; found {found}")
        if self.grammar and self.pairs is None:
            raise ValueError("the built-in grammar is endless: say how many pairs to take, as in `pairs: 30000`")
        if self.files and "{lang}" not in self.files:
            raise ValueError(f"files names both sides at once, as in `train.{{lang}}.gz`; found {self.files!r}")
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_unset(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in serialize(self).items() if value is not None}


def as_corpora(value: Any) -> Any:
    """Lets a corpus be written as a string or a mapping, and a single one without a list."""
    corpora = value if isinstance(value, list | tuple) else [value]
    return [{"files": corpus} if isinstance(corpus, str) else corpus for corpus in corpora]


Corpora = Annotated[tuple[CorpusConfig, ...], BeforeValidator(as_corpora), Field(min_length=1)]


class DataConfig(Section):
    """The parallel corpus."""

    root: Always[Path] = Path()
    """The folder that relative `files`, `tsv` and `tfds` paths start from; itself relative to the working folder."""
    source: str = "en"
    """The language translated from, as it stands for `{lang}` in file names and names a TFDS feature."""
    target: str = "de"
    """The language translated into."""
    train: Corpora
    """What the model and the vocabulary learn from: a corpus or a list of them."""
    validation: UntilCheckpoint[Corpora]
    """What the best checkpoint and early stopping are chosen by."""
    test: Always[Corpora | None] = None
    """What `translator eval` scores; read before training, for errors in it to be told then, but nothing is chosen by
    it."""
    on_change: Always[Literal["refuse", "continue"]] = "refuse"
    """What to do when files of `train` are no longer what a run with checkpoints was trained on: refuse to go on, or
    continue with what is there now, from the start of the epoch that training is in."""
    max_tokens: UntilCheckpoint[int] = Field(128, ge=2, le=2**20)
    """Subword tokens on either side past which a *training* pair is left out. Longer sentences are translated in
    pieces."""

    @model_validator(mode="after")
    def _languages_differ(self) -> "DataConfig":
        if self.source == self.target:
            raise ValueError(f"source and target are both {self.source!r}; a parallel corpus needs two languages")
        return self


class TokenizerConfig(Section):
    """The SentencePiece vocabulary (Kudo and Richardson, 2018), trained on the training corpus alone."""

    kind: Literal["unigram", "bpe"] = "unigram"
    """The segmentation: unigram language model (Kudo, 2018) or byte-pair encoding (Sennrich et al., 2016)."""
    vocabulary_size: int = Field(8000, ge=16, le=2**24)
    """Subwords, the four special ones included, of each vocabulary."""
    joint: bool = True
    """One vocabulary for both languages; false trains one for each."""
    character_coverage: float = Field(1.0, ge=0.98, le=1.0)
    """Share of the text's characters that get a subword of their own; 0.9995 suits Japanese or Chinese."""
    training_sentences: int = Field(500_000, ge=1)
    """Sentences, drawn at random from the training corpus, that the vocabulary is trained on at most."""
    seed: int = Field(1, ge=0, lt=2**32)
    """Decides which sentences those are, where the corpus has more; runs of one value share a vocabulary."""
    model: Path | None = None
    """An existing SentencePiece model to use instead of training one, from the working folder; with `joint: false`,
    `{lang}` in it stands for the language. It decides kind and vocabulary_size."""
    source_normalization: Normalization | None = None
    """What is done to source text first. SentencePiece's rules make compatibility characters plain (nfkc), also odd
    spaces and control characters (nmt_nfkc), also capitals small (…_cf); keep leaves characters as they are. null is
    nmt_nfkc, or what `model` does."""
    target_normalization: Normalization | None = None
    """The same for target text, which the model then learns to write. null is keep, or what `model` does."""
    byte_fallback: bool = False
    """Spells characters outside the vocabulary in UTF-8 bytes, for which 256 subwords are set aside."""
    sampling_alpha: UntilCheckpoint[float] = Field(0.0, ge=0.0, lt=1.0)
    """Another segmentation of each training sentence in each epoch, against overfitting: the smoothing α of subword
    regularization over the 64 likeliest (unigram; Kudo, 2018, §3) or the dropout of BPE-dropout (Provilkov et al.,
    2020). 0 is off."""

    @model_validator(mode="after")
    def _model_serves_both_sides(self) -> "TokenizerConfig":
        if self.model and self.joint == ("{lang}" in str(self.model)):
            wanted = "one file" if self.joint else "a file for each language, as in `spm.{lang}.model`"
            raise ValueError(f"with joint {str(self.joint).lower()}, model names {wanted}; found {str(self.model)!r}")
        return self


class ModelConfig(Section):
    """The Transformer (Vaswani et al., 2017). Names are the paper's."""

    d_model: int = Field(512, ge=2, le=2**16)
    """Width of the embeddings and of every layer's output."""
    d_ff: int = Field(2048, ge=1, le=2**20)
    """Width of the feed-forward layer's inside."""
    num_heads: int = Field(8, ge=1)
    """Attention heads; they share d_model out evenly."""
    encoder_layers: int = Field(6, ge=1, le=1000)
    """Layers of the encoder."""
    decoder_layers: int = Field(6, ge=1, le=1000)
    """Layers of the decoder."""
    norm: Literal["pre", "post"] = "pre"
    """Layer normalization before each sublayer (Xiong et al., 2020) or after its residual sum, as in the paper."""
    layer_norm_epsilon: float = Field(1e-5, gt=0.0, le=1.0)
    """ε of layer normalization, which is added to the variance (Ba et al., 2016)."""
    activation: Literal["relu", "gelu", "swiglu"] = "relu"
    """Non-linearity of the feed-forward layer; swiglu (Shazeer, 2020) has a third weight matrix."""
    positions: Literal["sinusoidal", "learned"] = "sinusoidal"
    """How a token's position is told: by the paper's sinusoids, or by a learned table of `data.max_tokens` + 1 rows,
    the last of which stands for all positions after it; `max_tokens` far above the corpus leaves rows untrained."""
    tied_embeddings: Literal["all", "target", "none"] = "all"
    """What shares a matrix: source, target and output (needs a joint vocabulary), target and output, or nothing."""
    dropout: Probability = 0.1
    """On the embeddings and on each sublayer's output, before it is added to the residual."""
    attention_dropout: Probability = 0.0
    """On the attention weights."""
    activation_dropout: Probability = 0.0
    """Inside the feed-forward layer, after the activation."""

    @model_validator(mode="after")
    def _heads_divide_width(self) -> "ModelConfig":
        if self.d_model % self.num_heads:
            raise ValueError(
                f"d_model {self.d_model} is not divisible by num_heads {self.num_heads}; each head takes an equal share"
            )
        if self.d_model % 2 and self.positions == "sinusoidal":
            raise ValueError(f"sinusoidal positions pair up channels, so d_model must be even; found {self.d_model}")
        return self


class TrainConfig(Section):
    """Optimization, its limits, and what is kept of it. Training ends at whichever limit comes first."""

    seed: int = Field(1, ge=0, lt=2**32)
    """Decides the initial weights, the order of the batches, dropout and subword sampling; not the vocabulary."""
    max_steps: Always[int | None] = Field(None, ge=1)
    """Updates of the weights."""
    max_epochs: Always[int | None] = Field(None, ge=1)
    """Passes over the training corpus."""
    max_minutes: Always[float | None] = Field(None, gt=0.0)
    """Minutes of training, validation included, over all the starts of a run."""
    batch_tokens: Annotated[int, Field(ge=8, le=2**24)] | Literal["auto"] = 4096
    """Tokens of one update on its longer side, padding included, over all devices and micro-batches; auto finds, at the
    start of a run, the most that fit into memory, which is what the run's own configuration then says."""
    micro_batches: int = Field(1, ge=1, le=1024)
    """Parts that a device works through one after the other for one update, to save memory (gradient accumulation)."""
    label_smoothing: Probability = 0.1
    """ε of label smoothing (Szegedy et al., 2016)."""
    optimizer_betas: tuple[Probability, Probability] = (0.9, 0.98)
    """Decay rates β₁, β₂ of Adam's two moments (Kingma and Ba, 2015)."""
    optimizer_epsilon: float = Field(1e-9, gt=0.0)
    """ε of Adam."""
    schedule: Literal["inverse_sqrt", "cosine", "constant"] = "inverse_sqrt"
    """The learning rate after warm-up: falling with 1/√step (the paper's §5.3), with a cosine to zero at the last step
    (which max_steps and max_epochs can then not move once there is a checkpoint), or constant."""
    learning_rate: float = Field(1e-3, gt=0.0)
    """The peak, reached at the end of the warm-up."""
    warmup_steps: int = Field(1000, ge=0)
    """Steps over which the learning rate rises linearly from zero."""
    clip_norm: float | None = Field(1.0, gt=0.0)
    """Global gradient norm past which gradients are scaled down to it; null never does."""
    max_skipped_steps: Always[int] = Field(3, ge=0)
    """Updates in a row that may be skipped because their loss or gradient is not a number. Past them, training goes
    back to its newest checkpoint and on with half the learning rate."""
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    """Arithmetic of the matrix products; weights and their updates are always float32."""
    xla: bool = False
    """Compile each shape of batch with XLA, for GPUs and TPUs: batches then come in few shapes, with more padding."""
    devices: Always[list[str] | None] = None
    """Devices to train on together, as `["GPU:0", "GPU:1"]`; null takes every GPU, or else the CPU."""
    log_every_steps: Always[int] = Field(50, ge=1)
    """Steps between two rows of metrics."""
    validate_every_steps: Always[int] = Field(500, ge=1)
    """Steps between two validations, each followed by a checkpoint."""
    validation_beam: Always[int] = Field(1, ge=1, le=1000)
    """Beam size in validation; 1 is greedy search."""
    save_every_steps: Always[int | None] = Field(None, ge=1)
    """Steps between two checkpoints beside those of the validations."""
    keep_checkpoints: Always[int] = Field(2, ge=1)
    """Newest checkpoints kept whole, to resume from. Those to be averaged are kept besides, as weights alone."""
    average_checkpoints: Always[int] = Field(1, ge=1)
    """Validated checkpoints whose mean weights become the run's model; 1 takes a single one."""
    average_by: Always[Literal["last", "bleu", "loss"]] = "last"
    """Which checkpoints are averaged: the last ones, or the best by validation BLEU or by validation loss."""
    early_stopping: Always[Literal["bleu", "loss"] | None] = None
    """The validation figure that must go on improving for training to go on; null trains to the limit."""
    patience: Always[int] = Field(10, ge=1)
    """Validations without improvement after which early stopping ends the training."""

    @model_validator(mode="after")
    def _limits_make_sense(self) -> "TrainConfig":
        if self.max_steps is None and self.max_epochs is None and self.max_minutes is None:
            raise ValueError("training has no end: set max_steps, max_epochs or max_minutes")
        if self.max_steps is not None and self.warmup_steps >= self.max_steps:
            raise ValueError(f"warmup_steps {self.warmup_steps} is not below max_steps {self.max_steps}")
        if self.schedule == "cosine" and self.max_steps is None and self.max_epochs is None:
            raise ValueError("the cosine schedule needs to know the last step: set max_steps or max_epochs")
        return self


class SearchConfig(Section):
    """How translations are searched for."""

    beam_size: int = Field(5, ge=1, le=1000)
    """Hypotheses kept at each step; 1 is greedy search."""
    length_penalty: float = Field(1.0, ge=0.0)
    """α of the length normalization: log-probabilities are divided by lengthᵅ. 0 leaves them as they are."""
    max_length_factor: float = Field(2.0, ge=0.0, le=1000.0)
    """A translation ends at the latest at max_length_factor × source tokens + max_length_margin tokens."""
    max_length_margin: int = Field(20, ge=1, le=2**20)
    """See max_length_factor; in tokens."""
    batch_sentences: int = Field(64, ge=1)
    """Sentences translated together."""


class Config(Section):
    """A whole run, from corpus to score."""

    data: DataConfig
    tokenizer: TokenizerConfig = TokenizerConfig()
    model: UntilCheckpoint[ModelConfig] = ModelConfig()
    train: UntilCheckpoint[TrainConfig]
    search: Always[SearchConfig] = SearchConfig()

    def with_batch_tokens(self, batch_tokens: int | Literal["auto"]) -> "Config":
        """The same but for `train.batch_tokens`, as that is found out."""
        return self.model_copy(update={"train": self.train.model_copy(update={"batch_tokens": batch_tokens})})

    @model_validator(mode="after")
    def _parts_agree(self) -> "Config":
        if self.model.tied_embeddings == "all" and not self.tokenizer.joint:
            raise ValueError(
                "model.tied_embeddings 'all' shares source and target embeddings, which needs tokenizer.joint true; "
                "with separate vocabularies use 'target'"
            )
        if self.train.batch_tokens != "auto" and self.data.max_tokens >= self.train.batch_tokens:
            raise ValueError(
                f"data.max_tokens {self.data.max_tokens} is not below train.batch_tokens {self.train.batch_tokens}; "
                "one sentence and its end would not fit into a batch"
            )
        return self


def keys_of(section: type[Section], prefix: str = "") -> Iterator[str]:
    """Every key of a section and of those in it, with dots."""
    for name, field in section.model_fields.items():
        yield f"{prefix}{name}"
        if inner := section_of(field.annotation):
            yield from keys_of(inner, f"{prefix}{name}.")


def may_change(field: FieldInfo, around: MayChange) -> MayChange:
    """Until when a setting may change that is in a section which may change until `around`."""
    return max([around, *(mark for mark in field.metadata if isinstance(mark, MayChange))])


def section_of(annotation: Any) -> type[Section] | None:
    """The section that an annotation holds, through optionals and tuples."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next(filter(None, map(section_of, typing.get_args(annotation))), None)
