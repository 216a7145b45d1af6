"""Another segmentation of each training sentence in each epoch: subword regularization and BPE-dropout.

SentencePiece's own sampling cannot be used: its draws differ between processes, whatever the seed, and its n-best lists
are twenty times too slow. No subword crosses a space, so that a sentence's segmentations are combinations of its words'
segmentations, and words recur: each is segmented once and remembered. What is called a word here is a unit of
`data.units`: what lies between two places that no subword crosses.
"""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from translator.data.likeliest import Likeliest
from translator.data.random_numbers import mixed, unit_interval
from translator.data.random_numbers import uniform as uniform_numbers
from translator.data.segmentations import Segmentation, Segmentations
from translator.data.store import Sequences
from translator.data.tokenizer import Tokenizer, TokenizerError
from translator.data.units import Splitter, Units, split

DROPOUT_DRAWS = 32  # segmentations of a word by BPE-dropout that its own is drawn from, beside its plain one
ATTEMPTS = 4  # draws of a sentence that must fit into its batch, before it takes its plain segmentation


class Drawn(NamedTuple):
    """Sentence pairs segmented at random."""

    source: Sequences
    target: Sequences
    plain: int  # sentences that took their plain segmentation, because no draw fitted


@dataclass(frozen=True)
class Sampling:
    """Draws segmentations: a pure function of the seed, the epoch and the row, whatever else is in the batch.

    With a unigram model a sentence takes one x of its `NBEST` likeliest segmentations, with a probability ∝ P(x)^alpha
    (subword regularization; Kudo, 2018, §3): small values give more, and shorter, subwords. With a BPE model each merge
    is skipped with probability alpha (BPE-dropout; Provilkov et al., 2020), so there large values do; a word takes one
    of `DROPOUT_DRAWS` such segmentations. Words with characters that the vocabulary lacks stay as they are.

    Raises:
        TokenizerError: one side's model is unigram and the other's BPE, for which alpha means different things.
    """

    tokenizers: tuple[Tokenizer, Tokenizer]  # of the source and of the target
    alpha: float  # in (0, 1)
    _splitters: tuple[Splitter, Splitter] = field(init=False, repr=False, compare=False)
    _remembered: Segmentations = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_kinds(self.tokenizers)
        source, target = self.tokenizers
        object.__setattr__(self, "_splitters", (Splitter(source), Splitter(target)))
        object.__setattr__(self, "_remembered", Segmentations(max(source.vocabulary_size, target.vocabulary_size)))

    def draw(
        self, plain: tuple[Sequences, Sequences], seeds: tuple[int, int], rows: np.ndarray, most: tuple[int, int]
    ) -> Drawn:
        """Segments sentence pairs anew.

        Args:
            plain: their plain segmentations, source and target, none empty.
            seeds: the run's seed and the epoch.
            rows: int64, the number of each pair in the store.
            most: tokens of a source and of a target that no draw passes, nor a plain segmentation.
        """
        self._remembered.forget_rare()
        units = split(self._splitters, plain)
        sizes = np.diff(units.bounds)
        kind = Likeliest if self.tokenizers[0].kind == "unigram" else _Dropout
        words: Likeliest | _Dropout = kind(self.tokenizers, self._remembered, units, self.alpha)
        limits = np.repeat(most, len(rows))
        numbers = np.concatenate([2 * rows, 2 * rows + 1])
        chosen, pending = np.empty(len(units.keys), np.int64), np.ones(len(sizes), bool)
        for attempt in range(ATTEMPTS):
            drawn = np.repeat(pending, sizes)
            chosen[drawn] = words.draw(uniform_numbers([*seeds, attempt], numbers), pending)[drawn]
            pending = np.add.reduceat(self._remembered.lengths(chosen), units.bounds[:-1]) > limits
            if not pending.any():
                break
        drawn = np.repeat(pending, sizes)
        chosen[drawn] = words.plain(drawn)
        ids, offsets = self._remembered.spelled(chosen)
        ends = offsets[units.bounds[: len(rows) + 1]], offsets[units.bounds[len(rows) :]]
        source, target = (Sequences(ids[of[0] : of[-1]], of - of[0]) for of in ends)
        return Drawn(source, target, int(pending.sum()))


def check_kinds(tokenizers: tuple[Tokenizer, Tokenizer]) -> None:
    """A TokenizerError where segmentations cannot be drawn from models of these kinds."""
    kinds = [tokenizer.kind for tokenizer in tokenizers]
    for kind in kinds:
        if kind not in ("unigram", "bpe"):
            raise TokenizerError(
                f"tokenizer.sampling_alpha needs a unigram or BPE model; tokenizer.model is a {kind} model, which has "
                "one segmentation of each sentence; set sampling_alpha to 0, or give another model"
            )
    if kinds[0] != kinds[1]:
        raise TokenizerError(
            "tokenizer.sampling_alpha means one thing for a unigram model and another for BPE; set it to 0, or "
            "give both sides models of one kind"
        )


class _Dropout:
    """Segmentations of words by BPE-dropout, each word for itself: its plain one or one of `DROPOUT_DRAWS`.

    Each draw is a pure function of the word and the draw's number, made when it is first chosen.
    """

    def __init__(
        self, tokenizers: tuple[Tokenizer, Tokenizer], remembered: Segmentations, units: Units, alpha: float
    ) -> None:
        self._tokenizers, self._remembered, self._units, self._alpha = tokenizers, remembered, units, alpha
        sizes = np.diff(units.bounds)
        self._sizes = sizes
        self._nth = np.arange(len(units.keys)) - np.repeat(units.bounds[:-1], sizes)  # in its sentence

    def draw(self, uniform: np.ndarray, pending: np.ndarray) -> np.ndarray:
        """Chooses for a number in [0, 1) of each sentence that is pending; gives all words' segmentations: int64.

        Those of other sentences are without meaning.
        """
        drawn = np.flatnonzero(np.repeat(pending, self._sizes))
        of_sentences = np.repeat((uniform * 2.0**53).astype(np.uint64), self._sizes)[drawn]
        of_words = unit_interval(mixed(of_sentences + mixed(self._nth[drawn])))
        chosen = np.zeros(len(self._nth), np.int64)
        chosen[drawn] = self._segmentations(drawn, (of_words * (DROPOUT_DRAWS + 1)).astype(np.int64))
        return chosen

    def plain(self, words: np.ndarray) -> np.ndarray:
        """The plain segmentations of some words."""
        places = np.flatnonzero(words)
        return self._segmentations(places, np.zeros(len(places), np.int64))

    def _segmentations(self, words: np.ndarray, draws: np.ndarray) -> np.ndarray:
        keys = mixed(self._units.keys[words] + draws.astype(np.uint64))
        numbers = self._remembered.numbers(keys, lambda new: self._learn(words[new], draws[new], keys[new]))
        return self._remembered.firsts[numbers]

    def _learn(self, words: np.ndarray, draws: np.ndarray, keys: np.ndarray) -> list[list[Segmentation]]:
        plain = [self._units.unit(word) for word in words]
        tokenizers = [self._tokenizers[int(word >= self._units.sources)] for word in words]
        characters = [len(tokenizer.spelled(ids) or "") for tokenizer, ids in zip(tokenizers, plain, strict=True)]
        ends = np.cumsum(characters)
        nth = np.arange(ends[-1]) - np.repeat(ends - characters, characters)
        uniform = unit_interval(mixed(np.repeat(keys, characters) + mixed(nth)))
        # How many are left out before one is not: n or more with the probability alpha^n.
        skips = (np.log1p(-uniform) / math.log(self._alpha)).astype(np.int64).tolist()
        return [
            [(0.0, tokenizer.with_dropout(ids, skips[end - length : end]) if draw else ids)]
            for tokenizer, ids, draw, length, end in zip(tokenizers, plain, draws, characters, ends, strict=True)
        ]
