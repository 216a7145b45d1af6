"""All settings: types, units, defaults and checks.

A configuration is a YAML file. `extends: other.yaml` starts from another file, so a file lists only what differs.
`key=value` overrides are applied last. `translator config` prints the docstrings of the attributes below as a
reference; the JSON schema shows them in editors.
"""

import itertools
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from translator.config.attention import AttentionsConfig
from translator.config.corpora import Corpora, CorpusConfig
from translator.config.filters import FiltersConfig
from translator.config.modifiers import ModifiersConfig
from translator.config.section import Always, Section, UntilCheckpoint
from translator.config.symbols import Symbols
from translator.errors import TranslatorError
from translator.languages import LanguagePair, writes_no_spaces
from translator.vocabulary import FIRST_FREE_ID

Normalization = Literal["nmt_nfkc", "nfkc", "nmt_nfkc_cf", "nfkc_cf", "keep"]
Probability = Annotated[float, Field(ge=0.0, lt=1.0)]


class ConfigError(TranslatorError):
    """A configuration that cannot be read or is invalid; lists every problem found."""


class DataConfig(Section):
    """The corpora for training, validation and test."""

    root: Always[Path] = Path()
    """The folder that `files`, `tsv`, `jsonl`, `tmx` and `tfds` paths are relative to; itself relative to the working
    directory."""
    source: str = "en"
    """The source language: replaces `{lang}` in file names, and is the name of the feature in a TFDS data set. A corpus
    may name another; then this is the one of those that do not."""
    target: str = "de"
    """The target language, with the same uses. Where training has several of them, the vocabulary has a tag for each,
    and a sentence begins with that of the language that it is translated into (Johnson et al., 2017)."""
    train: Corpora
    """The training corpus, or a list of several. The vocabulary is learned from it too."""
    temperature: UntilCheckpoint[float] = Field(1.0, ge=1.0, le=1000.0)
    """How evenly an epoch draws on several training corpora: on each in proportion to its weight and to size^(1/T)
    (Arivazhagan et al., 2019). 1 is by size, that is each pair once; a large T is nearly as often on each corpus."""
    filters: FiltersConfig = FiltersConfig()
    modifiers: ModifiersConfig = ModifiersConfig()
    validation: UntilCheckpoint[Corpora]
    """The validation corpus, or a list of several; used to select checkpoints and for early stopping."""
    test: Always[Corpora | None] = None
    """The test corpus, or a list of several, scored at the end of training and by `translator eval`. It is read before
    training only to report errors in it early; nothing is selected by it."""
    on_change: Always[Literal["refuse", "continue"]] = "refuse"
    """What to do when the training files of a run with checkpoints have changed: refuse to resume, or continue with the
    changed files from the start of the current epoch."""
    max_tokens: UntilCheckpoint[int] = Field(128, ge=2, le=2**20)
    """Maximum length of a training pair in subword tokens, on either side; longer pairs are left out. In translation,
    longer sentences are split into pieces."""

    @property
    def pairs(self) -> tuple[LanguagePair, ...]:
        """Source and target language of the training corpora, each pair once, in their order."""
        return tuple(dict.fromkeys(map(self.pair_of, self.train)))

    @property
    def targets(self) -> tuple[str, ...]:
        """The languages that training translates into, in the order of `pairs`."""
        return tuple(dict.fromkeys(target for _, target in self.pairs))

    @property
    def tagged(self) -> tuple[str, ...]:
        """The languages that have a tag: `targets`, if there are several."""
        return self.targets if len(self.targets) > 1 else ()

    def pair_of(self, corpus: CorpusConfig) -> LanguagePair:
        """Source and target language of one of the corpora."""
        return LanguagePair(corpus.source or self.source, corpus.target or self.target)

    def of_pair(self, pair: LanguagePair) -> "DataConfig":
        """As if this pair were the only one: its languages, and of all corpora those that are its own."""
        corpora = {name: getattr(self, name) or () for name in ("train", "validation", "test")}
        own = {name: tuple(c for c in each if self.pair_of(c) == pair) for name, each in corpora.items()}
        return self.model_copy(update={"source": pair.source, "target": pair.target, **own})

    @model_validator(mode="after")
    def _languages_differ(self) -> "DataConfig":
        if self.source == self.target:
            raise ValueError(f"source and target are both {self.source!r}; a parallel corpus needs two languages")
        for corpus in (*self.train, *self.validation, *(self.test or ())):
            pair = self.pair_of(corpus)
            if pair.source == pair.target:
                raise ValueError(f"a corpus has {pair.source!r} on both sides; a parallel corpus needs two languages")
            if pair.target not in self.targets:
                raise ValueError(
                    f"nothing is trained to translate into {pair.target}, as from {pair.source} to {pair.target}; "
                    f"training has {', '.join(map(str, self.pairs))}"
                )
            corpus.columns_of(*pair)
        if self.tagged and self.modifiers.shares:
            raise ValueError(
                f"modifiers are for one target language, and training has {', '.join(self.tagged)}; leave them out"
            )
        if (self.source, self.target) not in self.pairs:
            raise ValueError(
                f"source {self.source} and target {self.target} are no pair of the training corpora, which have "
                f"{', '.join(map(str, self.pairs))}; set them to one of those"
            )
        return self

    @model_validator(mode="after")
    def _filters_fit_the_languages(self) -> "DataConfig":
        languages, filters = list(dict.fromkeys(itertools.chain(*self.pairs))), self.filters
        if unknown := [language for language in filters.scripts or () if language not in languages]:
            raise ValueError(f"filters.scripts has {unknown[0]}, but the languages are {' and '.join(languages)}")
        by_length = filters.min_length > 1 or filters.max_length or filters.max_ratio
        if (
            by_length
            and filters.length_unit == "words"
            and (spaceless := next(filter(writes_no_spaces, languages), ""))
        ):
            raise ValueError(
                f"{spaceless} is written without spaces between words: set filters.length_unit: characters"
            )
        return self


class TokenizerConfig(Section):
    """The SentencePiece vocabulary (Kudo and Richardson, 2018), learned from the training corpus only."""

    kind: Literal["unigram", "bpe"] = "unigram"
    """Segmentation algorithm: unigram language model (Kudo, 2018) or byte-pair encoding (Sennrich et al., 2016)."""
    vocabulary_size: int = Field(8000, ge=16, le=2**24)
    """Number of subwords in each vocabulary, including the four special ones (padding, begin, end, unknown)."""
    joint: bool = True
    """One vocabulary shared by both languages; false learns a separate one for each."""
    character_coverage: float = Field(1.0, ge=0.98, le=1.0)
    """Fraction of the characters in the text that the vocabulary must cover; use 0.9995 for Japanese or Chinese."""
    training_sentences: int = Field(500_000, ge=1)
    """Maximum number of sentences that the vocabulary is learned from, drawn at random from the training corpus."""
    seed: int = Field(1, ge=0, lt=2**32)
    """Random seed for drawing and modifying these sentences; separate from `train.seed`, so that training with
    different seeds can use the same vocabulary."""
    model: Path | None = None
    """An existing SentencePiece model to use instead of learning one, relative to the working directory. It determines
    kind and vocabulary_size. With `joint: false`, `{lang}` is replaced by the language."""
    source_normalization: Normalization | None = None
    """Unicode normalization of source text, named as in SentencePiece: nfkc is NFKC; nmt_nfkc also normalizes spaces
    and control characters; …_cf also case-folds; keep changes only spaces and control characters. null is nmt_nfkc, or
    that of `model`."""
    target_normalization: Normalization | None = None
    """The same for target text, and so for translations. null is keep, or that of `model`."""
    byte_fallback: bool = False
    """Encode characters outside the vocabulary as UTF-8 bytes, for which 256 of the subwords are reserved."""
    user_defined_symbols: Symbols = ()
    """Strings that are one subword wherever they stand in a text, as in `["<tag>"]`: never split, joined with what is
    beside them or normalized. They count in vocabulary_size; to a `model` they are added."""
    sampling_alpha: UntilCheckpoint[float] = Field(0.0, ge=0.0, lt=1.0)
    """Sample a new segmentation of each training sentence in each epoch, to reduce overfitting. For unigram, the
    smoothing α of subword regularization with the 64 best segmentations (Kudo, 2018, §3); for bpe, the dropout rate of
    BPE-dropout (Provilkov et al., 2020). 0 is off."""
    extend_by: int = Field(0, ge=0, le=2**20)
    """With `train.init_from`: maximum number of subwords, learned from the training corpus, that are added to the
    vocabulary of that run. Those that it has keep their ids."""

    @model_validator(mode="after")
    def _model_serves_both_sides(self) -> "TokenizerConfig":
        if self.model and self.joint == ("{lang}" in str(self.model)):
            wanted = "one file" if self.joint else "a file for each language, as in `spm.{lang}.model`"
            raise ValueError(f"with joint {str(self.joint).lower()}, model names {wanted}; found {str(self.model)!r}")
        return self

    @model_validator(mode="after")
    def _symbols_leave_room(self) -> "TokenizerConfig":
        taken = FIRST_FREE_ID + 256 * self.byte_fallback + len(self.user_defined_symbols)
        if self.user_defined_symbols and not self.model and taken >= self.vocabulary_size:
            raise ValueError(
                f"vocabulary_size {self.vocabulary_size} has no room for text: {len(self.user_defined_symbols)} "
                f"user_defined_symbols and what else is reserved make {taken}"
            )
        return self


class ModelConfig(Section):
    """The Transformer (Vaswani et al., 2017). Names are the paper's."""

    d_model: int = Field(512, ge=2, le=2**16)
    """Width of the embeddings and of every layer's output."""
    d_ff: int = Field(2048, ge=1, le=2**20)
    """Inner width of the feed-forward layer."""
    num_heads: int = Field(8, ge=1)
    """Attention heads; d_model is divided evenly among them."""
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
    positions: Literal["sinusoidal", "learned", "rotary", "t5", "shaw", "alibi", "none"] = "sinusoidal"
    """How positions are encoded. As vectors added to the embeddings: by the paper's sinusoids, or by a learned table of
    `data.max_tokens` + 1 rows; positions that no training sentence reaches have the vector of the last one that is
    reached. Inside self-attention: by rotating queries and keys (Su et al., 2021), by a learned bias for each distance
    (t5; Raffel et al., 2020), by learned vectors of distances (Shaw et al., 2018), or by a penalty on distance (alibi;
    Press et al., 2022). none has no positions; the decoder then still knows what came before."""
    tied_embeddings: Literal["all", "target", "none"] = "all"
    """What shares a matrix: source, target and output (needs a joint vocabulary), target and output, or nothing."""
    dropout: Probability = 0.1
    """On the embeddings and on each sublayer's output, before it is added to the residual."""
    attention_dropout: Probability = 0.0
    """On the attention weights."""
    activation_dropout: Probability = 0.0
    """Inside the feed-forward layer, after the activation."""
    attention: AttentionsConfig = AttentionsConfig()
    """The parts that attention is put together from, in each of its three places."""

    @model_validator(mode="after")
    def _heads_divide_width(self) -> "ModelConfig":
        if self.d_model % self.num_heads:
            raise ValueError(
                f"d_model {self.d_model} is not divisible by num_heads {self.num_heads}; each head takes an equal share"
            )
        if self.d_model % 2 and self.positions == "sinusoidal":
            raise ValueError(f"sinusoidal positions pair up channels, so d_model must be even; found {self.d_model}")
        return self

    @model_validator(mode="after")
    def _attention_fits(self) -> "ModelConfig":
        for place, attention in self.attention.in_places():
            layers = self.encoder_layers if place == "encoder" else self.decoder_layers
            if problem := (
                attention.problem_with_heads(self.num_heads, layers)
                or attention.problem_with_dropout(self.attention_dropout)
                or (attention.problem_with_positions(self.positions) if place != "cross" else None)
            ):
                raise ValueError(f"attention.{place}: {problem}")
        if self.positions == "rotary" and self.d_model // self.num_heads % 2:
            raise ValueError(
                "rotary positions pair up the channels of a head, so d_model / num_heads must be even; found "
                f"{self.d_model // self.num_heads}"
            )
        return self


class TrainConfig(Section):
    """Optimization, checkpoints and limits. Training ends at the first of its limits that is reached."""

    init_from: Path | None = None
    """A run to begin with, relative to the working directory: its weights and its vocabulary, in place of random
    weights and a new vocabulary. Optimizer and steps begin anew. The folder is needed until the first checkpoint."""
    init_checkpoint: Literal["best", "last"] | None = None
    """Which of that run's weights: its best checkpoint by validation, or its last; null is its finished model."""
    freeze: tuple[str, ...] = ()
    """Weights that training leaves as they are: encoder, decoder, embeddings (with learned positions), and names of
    weights or of what they are in, such as `decoder.layers.0` and `*.cross_attention`; * stands for anything."""
    seed: int = Field(1, ge=0, lt=2**32)
    """Random seed for initial weights, order of batches, dropout, subword sampling and modifiers; not for the
    vocabulary."""
    max_steps: Always[int | None] = Field(None, ge=1)
    """Maximum number of updates."""
    max_epochs: Always[int | None] = Field(None, ge=1)
    """Maximum number of passes over the training corpus."""
    max_minutes: Always[float | None] = Field(None, gt=0.0)
    """Maximum training time in minutes, including validation, summed over all starts of the run."""
    batch_tokens: Annotated[int, Field(ge=8, le=2**24)] | Literal["auto"] = 4096
    """Batch size in tokens per update: positions including padding on the longer side, over all devices and
    micro-batches. auto finds the largest that fits into memory when a run starts, and writes it into the run's own
    configuration."""
    micro_batches: int = Field(1, ge=1, le=1024)
    """Gradient accumulation: number of parts that each device processes in turn for one update, to save memory."""
    label_smoothing: Probability = 0.1
    """The ε of label smoothing (Szegedy et al., 2016)."""
    guided_alignment: float = Field(0.0, ge=0.0, le=1000.0)
    """If not 0, one head of the decoder's cross-attention is taught to look at what each subword comes from (Garg et
    al., 2019), and this is the weight of its loss. The word alignment is that of the built-in corpus, or a corpus'
    `alignment`."""
    guided_layer: int | None = Field(None, ge=1)
    """The layer of that head, counted from 1; null is the last."""
    guided_head: int = Field(1, ge=1)
    """Which of the layer's heads it is, counted from 1."""
    optimizer_betas: tuple[Probability, Probability] = (0.9, 0.98)
    """Adam's decay rates β₁ and β₂ (Kingma and Ba, 2015)."""
    optimizer_epsilon: float = Field(1e-9, ge=1e-37)
    """The ε of Adam."""
    schedule: Literal["inverse_sqrt", "cosine", "constant"] = "inverse_sqrt"
    """Learning rate after warm-up: decays with 1/√step (Vaswani et al., 2017, §5.3), decays with a cosine to zero at
    the last step, or stays constant. With cosine, max_steps and max_epochs cannot change once there is a checkpoint."""
    learning_rate: float = Field(1e-3, gt=0.0)
    """Peak learning rate, reached at the end of warm-up."""
    warmup_steps: int = Field(1000, ge=0)
    """Number of updates in which the learning rate rises linearly from zero."""
    clip_norm: float | None = Field(1.0, gt=0.0)
    """Gradient clipping: gradients with a larger global norm are scaled down to this norm; null is no clipping."""
    max_skipped_steps: Always[int] = Field(3, ge=0)
    """Maximum number of consecutive updates that are skipped because the loss or the gradient is NaN or infinite. After
    one more, training restarts from its newest checkpoint with half the learning rate."""
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    """Number format of matrix products; weights and optimizer state are always float32."""
    xla: bool = False
    """Compile with XLA, for GPUs and TPUs. Batches then have few different shapes, with more padding."""
    devices: Always[list[str] | None] = None
    """Devices for data-parallel training, such as `["GPU:0", "GPU:1"]`; null uses all GPUs, or the CPU if there are
    none."""
    log_every_steps: Always[int] = Field(50, ge=1)
    """Number of updates between rows of metrics."""
    validate_every_steps: Always[int] = Field(500, ge=1)
    """Number of updates between validations, each of which is followed by a checkpoint."""
    validation_beam: Always[int] = Field(1, ge=1, le=1000)
    """Beam size in validation; 1 is greedy search."""
    trackers: Always[tuple[Literal["tensorboard", "wandb"], ...]] = ("tensorboard",)
    """What follows training beside `metrics.jsonl`: TensorBoard, and Weights & Biases (the extra wandb)."""
    attention_images: Always[int] = Field(0, ge=0, le=100)
    """Number of validation sentences, from the first on, whose attention is written to TensorBoard at each validation:
    pictures of all heads (with matplotlib, the extra plots), and the mean entropy of each head; 0 writes none."""
    save_every_steps: Always[int | None] = Field(None, ge=1)
    """Number of updates between additional checkpoints, without validation; null saves none."""
    keep_checkpoints: Always[int] = Field(2, ge=1)
    """Number of newest checkpoints kept in full, to resume from. Checkpoints to be averaged are kept too, as weights
    only."""
    average_checkpoints: Always[int] = Field(1, ge=1)
    """Number of validated checkpoints whose weights are averaged for the final model; 1 uses a single checkpoint."""
    average_by: Always[Literal["last", "bleu", "loss"]] = "last"
    """Which checkpoints are averaged: the last, or the best by validation BLEU or validation loss."""
    early_stopping: Always[Literal["bleu", "loss"] | None] = None
    """Stop training when this validation metric no longer improves; null trains until a limit is reached."""
    patience: Always[int] = Field(10, ge=1)
    """Early stopping: number of validations without improvement after which training stops."""

    @model_validator(mode="after")
    def _limits_make_sense(self) -> "TrainConfig":
        if self.max_steps is None and self.max_epochs is None and self.max_minutes is None:
            raise ValueError("training has no end: set max_steps, max_epochs or max_minutes")
        if self.schedule == "cosine" and self.max_steps is None and self.max_epochs is None:
            raise ValueError("the cosine schedule depends on the last step: set max_steps or max_epochs")
        return self

    @model_validator(mode="after")
    def _settings_that_need_others_have_them(self) -> "TrainConfig":
        for name, default in (("guided_layer", None), ("guided_head", 1)):
            if (value := getattr(self, name)) != default and not self.guided_alignment:
                raise ValueError(f"{name} {value} has no meaning without guided_alignment; leave it out")
        if self.init_checkpoint and not self.init_from:
            raise ValueError(f"init_checkpoint {self.init_checkpoint} has no meaning without init_from; leave it out")
        return self


class SearchConfig(Section):
    """Decoding: beam search and its limits."""

    beam_size: int = Field(5, ge=1, le=1000)
    """Number of hypotheses kept at each step; 1 is greedy search."""
    length_penalty: float = Field(1.0, ge=0.0)
    """The α of length normalization: the score of a hypothesis is its log-probability divided by lengthᵅ; 0 is none."""
    length_penalty_form: Literal["power", "gnmt"] = "power"
    """What α is the exponent of: the length, or GNMT's (5 + length) / 6 (Wu et al., 2016, §7)."""
    coverage_penalty: float = Field(0.0, ge=0.0)
    """The β of GNMT's coverage penalty (Wu et al., 2016, §7); 0 is none. Beam search only."""
    stopping: Literal["ahead", "finished", "exact"] = "ahead"
    """When beam search ends: when no prefix is ahead of the best finished hypothesis, when patience × beam_size have
    finished, or when none can become better than the worst of the beam_size best."""
    patience: float = Field(1.0, gt=0.0)
    """With stopping finished: the search ends with patience × beam_size finished hypotheses."""
    min_length_factor: float = Field(0.0, ge=0.0)
    """The minimum length of a translation in tokens is min_length_factor × source tokens; EOS counts in both."""
    max_length_factor: float = Field(2.0, ge=0.0, le=1000.0)
    """The maximum length of a translation in tokens is max_length_factor × source tokens + max_length_margin."""
    max_length_margin: int = Field(20, ge=1, le=2**20)
    """Added to the maximum length of a translation, in tokens; see max_length_factor."""
    repetition_penalty: float = Field(1.0, gt=0.0)
    """Above 1, tokens that a hypothesis holds already become less likely (Keskar et al., 2019); 1 changes nothing."""
    no_repeat_ngram_size: int = Field(0, ge=0)
    """Number of tokens in a row that no translation holds twice; 0 forbids nothing."""
    batch_sentences: int = Field(64, ge=1)
    """Number of sentences translated in one batch."""
    xla: bool = False
    """Compile the search with XLA, for each shape of batch that comes: faster where few sentences come at a time, after
    some seconds for each shape."""

    @model_validator(mode="after")
    def _settings_go_together(self) -> "SearchConfig":
        if self.patience != 1 and self.stopping != "finished":
            raise ValueError(f"patience {self.patience} needs stopping finished, not {self.stopping}")
        if self.min_length_factor > self.max_length_factor:
            raise ValueError(
                f"min_length_factor {self.min_length_factor} is above max_length_factor {self.max_length_factor}"
            )
        return self


class Config(Section):
    """The configuration of a run."""

    data: DataConfig
    tokenizer: TokenizerConfig = TokenizerConfig()
    model: UntilCheckpoint[ModelConfig] = ModelConfig()
    train: UntilCheckpoint[TrainConfig]
    search: Always[SearchConfig] = SearchConfig()

    def with_batch_tokens(self, batch_tokens: int | Literal["auto"]) -> "Config":
        """This configuration with another value of `train.batch_tokens`."""
        return self.model_copy(update={"train": self.train.model_copy(update={"batch_tokens": batch_tokens})})

    def of_pair(self, pair: LanguagePair) -> "Config":
        """This configuration as if one pair of languages were its only one; see `DataConfig.of_pair`."""
        return self if self.data.pairs == (pair,) else self.model_copy(update={"data": self.data.of_pair(pair)})

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
                "a sentence of that length plus EOS would not fit into a batch"
            )
        if self.train.init_from and self.tokenizer.model:
            raise ValueError("train.init_from brings a vocabulary of its own; leave tokenizer.model out (null)")
        if self.tokenizer.extend_by and not self.train.init_from:
            raise ValueError("tokenizer.extend_by adds to the vocabulary of train.init_from; name a run there")
        if self.train.guided_alignment:
            self._alignment_can_be_guided()
        return self

    @property
    def taught_head(self) -> tuple[int, int] | None:
        """The layer of the decoder and its head that guided alignment teaches, from 1 on; None if it teaches none."""
        if not self.train.guided_alignment:
            return None
        return self.train.guided_layer or self.model.decoder_layers, self.train.guided_head

    def _alignment_can_be_guided(self) -> None:
        """Raises a ValueError where it cannot."""
        train, model = self.train, self.model
        if (train.guided_layer or 1) > model.decoder_layers or train.guided_head > model.num_heads:
            raise ValueError(
                f"train.guided_layer {train.guided_layer} and train.guided_head {train.guided_head} are not in a model "
                f"of {model.decoder_layers} decoder layers with {model.num_heads} heads"
            )
        if (selection := model.attention.cross.selection) not in ("softmax", "sigmoid"):
            raise ValueError(
                "train.guided_alignment takes the logarithm of weights, so they have to be above 0: set "
                f"model.attention.cross.selection to softmax or sigmoid; found {selection}"
            )
        if self.tokenizer.sampling_alpha:
            raise ValueError("train.guided_alignment needs fixed subwords: leave tokenizer.sampling_alpha out")
        if self.data.modifiers.shares:
            raise ValueError("train.guided_alignment needs the corpus' own sentences: leave data.modifiers out")
        if self.data.max_tokens > 2**15 - 2:
            raise ValueError(f"train.guided_alignment needs data.max_tokens below 32,767; found {self.data.max_tokens}")
        for corpus in self.data.train:
            if corpus.alignment is None and corpus.grammar is None:
                raise ValueError("train.guided_alignment needs an alignment of each training corpus: set `alignment`")
