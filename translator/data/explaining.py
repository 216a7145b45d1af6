"""Segmentations explained: which subwords a text becomes, and what each of them is."""

import dataclasses
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from translator.data.corpora.base import Side
from translator.data.prepare import load_tokenizers
from translator.data.sampling import Sampling
from translator.data.store import Sequences, open_store
from translator.data.tokenizer import Tokenizer
from translator.errors import TranslatorError
from translator.languages import writes_no_spaces
from translator.run_folder import RunFolder
from translator.vocabulary import UNK_ID

Kind = Literal["subword", "symbol", "byte", "unknown"]

SAMPLING_ALPHA = 0.1  # of a run that is trained without sampling
ENDLESS = 2**30  # tokens that no sample has
COUNTED_TOGETHER = 2**22  # ids


class ExplainError(TranslatorError):
    """A question about segmentations that has no answer."""


@dataclass(frozen=True)
class Subword:
    """One subword of a text.

    Attributes:
        piece: as the vocabulary writes it; "▁" is a space.
        id: in the vocabulary.
        text: what it stands for in the text as it was given; empty where normalization put it in, or it is one byte of
            a character that has several.
        kind: "unknown" is a character that the vocabulary lacks, "byte" one of the bytes that spell one, "symbol" a
            user-defined one.
        in_training: how often that side of the training corpus has it; None if the run has no encoded corpus.
    """

    piece: str
    id: int
    text: str
    kind: Kind
    in_training: int | None


@dataclass(frozen=True)
class Explained:
    """A text and its segmentation.

    Attributes:
        text: as it was given.
        read_as: what the subwords are decoded to.
        subwords: of the segmentation.
        words: what spaces separate; None in languages that write no spaces.
        samples: other segmentations as training draws them, each with how often it was drawn, the most frequent first.
    """

    text: str
    read_as: str
    subwords: tuple[Subword, ...]
    words: int | None
    samples: tuple[tuple[int, tuple[str, ...]], ...] = ()

    @property
    def subwords_a_word(self) -> float | None:
        """None where there are no words."""
        return len(self.subwords) / self.words if self.words else None

    @property
    def characters_a_subword(self) -> float | None:
        """Of the text without its spaces; None of a blank one."""
        return len("".join(self.text.split())) / len(self.subwords) if self.subwords else None

    def of_kind(self, kind: Kind) -> list[Subword]:
        """The subwords of one kind."""
        return [subword for subword in self.subwords if subword.kind == kind]

    @property
    def document(self) -> dict[str, Any]:
        """All of it, for JSON."""
        samples = [{"drawn": drawn, "pieces": pieces} for drawn, pieces in self.samples]
        figures = {"subwords_a_word": self.subwords_a_word, "characters_a_subword": self.characters_a_subword}
        return dataclasses.asdict(self) | figures | {"samples": samples}


class Explainer:
    """Explains the segmentations of one side's tokenizer."""

    def __init__(
        self, tokenizer: Tokenizer, *, spaceless: bool, alpha: float = SAMPLING_ALPHA, counts: np.ndarray | None = None
    ) -> None:
        """Takes a tokenizer.

        Args:
            tokenizer: of the side.
            spaceless: whether its language writes no spaces between words.
            alpha: of `Sampling`.
            counts: int64 [V], how often each subword is in training; None if that is not known.
        """
        self.tokenizer = tokenizer
        self._spaceless, self._alpha, self._counts = spaceless, alpha, counts

    @classmethod
    def load(cls, run: Path | str, side: Side = "source") -> "Explainer":
        """Opens the tokenizer of a run, which need not be trained.

        Raises:
            RunError: there is no run.
            TokenizerError: it has no vocabulary yet.
        """
        folder = RunFolder(Path(run))
        config = folder.load_config()
        number = int(side == "target")
        tokenizer, store = load_tokenizers(folder)[number], open_store(folder.data, None)
        counts = None
        if store is not None:
            counts = counts_of((store.source, store.target)[number], tokenizer.vocabulary_size)
        language = (config.data.source, config.data.target)[number]
        alpha = config.tokenizer.sampling_alpha or SAMPLING_ALPHA
        return cls(tokenizer, spaceless=writes_no_spaces(language), alpha=alpha, counts=counts)

    def explain(self, texts: Sequence[str], samples: int = 0, seed: int = 1, first_row: int = 0) -> list[Explained]:
        """Explains texts.

        Args:
            texts: any; blank ones have no subwords.
            samples: how many segmentations are drawn of each.
            seed: of the draws.
            first_row: the number of the first text among all, on which what is drawn depends.

        Raises:
            TokenizerError: the vocabulary is of a kind that has one segmentation of each text.
        """
        found = self.tokenizer.encode_in_place(texts)
        read_as = self.tokenizer.decode([ids for ids, _ in found])
        drawn = self._drawn([ids for ids, _ in found], samples, seed, first_row)
        return [
            Explained(text, read, self._subwords(text, *each), None if self._spaceless else len(text.split()), others)
            for text, read, each, others in zip(texts, read_as, found, drawn, strict=True)
        ]

    def ids_of(self, line: str) -> list[int]:
        """Reads ids between spaces; an ExplainError names what is not an id."""
        for given in line.split():
            if not re.fullmatch("[0-9]{1,9}", given) or int(given) >= self.tokenizer.vocabulary_size:
                last = self.tokenizer.vocabulary_size - 1
                raise ExplainError(
                    f"{given!r:.80} is not an id of this vocabulary; expected numbers from 0 to {last:,}"
                )
        return list(map(int, line.split()))

    def _subwords(self, text: str, ids: list[int], spans: list[tuple[int, int]]) -> tuple[Subword, ...]:
        pieces = self.tokenizer.pieces(ids)
        return tuple(
            Subword(
                piece, id_, text[start:end], self._kind(piece, id_),
                None if self._counts is None else int(self._counts[id_]),
            )
            for piece, id_, (start, end) in zip(pieces, ids, spans, strict=True)
        )  # fmt: skip

    def _kind(self, piece: str, id_: int) -> Kind:
        if id_ == UNK_ID:
            return "unknown"
        if piece in self.tokenizer.symbols:
            return "symbol"
        return "byte" if self.tokenizer.is_byte(id_) else "subword"

    def _drawn(
        self, plain: list[list[int]], samples: int, seed: int, first_row: int
    ) -> list[tuple[tuple[int, tuple[str, ...]], ...]]:
        counters: list[Counter[tuple[str, ...]]] = [Counter() for _ in plain]
        rows = np.array([row for row, ids in enumerate(plain) if ids], np.int64)
        if samples and len(rows):
            sampling = Sampling((self.tokenizer, self.tokenizer), self._alpha)
            sides = Sequences.of([plain[row] for row in rows])
            for epoch in range(samples):
                found = sampling.draw((sides, sides), (seed, epoch), first_row + rows, (ENDLESS, ENDLESS)).source
                for row, ids in zip(rows, found, strict=True):
                    counters[row][tuple(self.tokenizer.pieces(ids.tolist()))] += 1
        return [tuple((count, pieces) for pieces, count in counter.most_common()) for counter in counters]


def counts_of(sequences: Sequences, vocabulary_size: int) -> np.ndarray:
    """How often each id is in sequences, whatever their size: int64 [V]."""
    counts = np.zeros(vocabulary_size, np.int64)
    for start in range(0, len(sequences.ids), COUNTED_TOGETHER):
        counts += np.bincount(sequences.ids[start : start + COUNTED_TOGETHER], minlength=vocabulary_size)
    return counts
