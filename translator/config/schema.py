"""All settings: types, units, defaults and checks. Those of a section with many checks are in a module of their own.

A configuration is a YAML file. `extends: other.yaml` starts from another file, so a file lists only what differs.
`key=value` overrides are applied last. `translator config` prints the docstrings of the attributes as a reference; the
JSON schema shows them in editors.
"""

from typing import Literal

from pydantic import Field, model_validator

from translator.config.attention import AttentionsConfig
from translator.config.data import DataConfig
from translator.config.section import Always, Probability, Section, UntilCheckpoint
from translator.config.tokenizer import TokenizerConfig
from translator.config.training import TrainConfig
from translator.errors import TranslatorError
from translator.languages import LanguagePair, tag_of


class ConfigError(TranslatorError):
    """A configuration that cannot be read or is invalid; lists every problem found."""


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
        if tags := {tag_of(language) for language in self.data.tagged}.intersection(
            self.tokenizer.user_defined_symbols
        ):
            raise ValueError(
                f"tokenizer.user_defined_symbols: {', '.join(sorted(tags))} is the tag of a target language, which the "
                "vocabulary has without it; leave it out"
            )
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
