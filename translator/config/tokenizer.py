"""The settings of the vocabulary."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from translator.config.section import Section, UntilCheckpoint
from translator.config.symbols import Symbols
from translator.vocabulary import FIRST_FREE_ID

Normalization = Literal["nmt_nfkc", "nfkc", "nmt_nfkc_cf", "nfkc_cf", "keep"]


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

    @property
    def normalizations(self) -> tuple[Normalization, Normalization]:
        """Those of source and target in a vocabulary that is learned."""
        return self.source_normalization or "nmt_nfkc", self.target_normalization or "keep"

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
