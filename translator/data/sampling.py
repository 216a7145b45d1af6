"""Another segmentation of each training sentence in each epoch: subword regularization and BPE-dropout.

SentencePiece's own sampling cannot be used: its draws differ between processes, whatever the seed, and its n-best lists
are twenty times too slow. No subword crosses a space, so that a sentence's segmentations are combinations of its words'
segmentations, and words recur: each is segmented once and remembered. What is called a word here is a unit of
`data.units`: what lies between two places that no subword crosses.

Letters: R sentences, W words of all of them, N segmentations of a sentence, A segmentations of a word.
"""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from translator.data.random_numbers import mixed, unit_interval
from translator.data.random_numbers import uniform as uniform_numbers
from translator.data.segmentations import FEW, Segmentation, Segmentations
from translator.data.store import Sequences
from translator.data.tokenizer import Tokenizer, TokenizerError
from translator.data.units import Splitter, Units, split

NBEST = 64  # likeliest segmentations that a sentence's is drawn from (l of Kudo, 2018, §3.1)
DROPOUT_DRAWS = 32  # segmentations of a word by BPE-dropout that its own is drawn from, beside its plain one
ATTEMPTS = 4  # draws of a sentence that must fit into its batch, before it takes its plain segmentation

# Sums of gaps are whole numbers of 19 bits, so fine that rounding hardly ever changes which are the smallest. The ranks
# that a sum is of stand in the bits behind it, so that one addition and one sort of 32 bits do.
RANK_BITS = 6
TOO_LARGE = 2**19 - 1
# Blocks of ranks i, j in two ascending lists that hold all whose sum may be among the NBEST smallest of all sums, as
# those with (i + 1)(j + 1) ≤ NBEST are: i below the first number, j from the second to the third.
_BLOCKS = [(NBEST >> k, 2**k - 1, 2 ** (k + 1) - 1) for k in range(RANK_BITS + 1)]
_RANKS = np.arange(NBEST, dtype=np.uint32)
_I_ENDS = 2 ** np.arange(RANK_BITS)  # where the ranks i that a block holds end


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
        kind = _Likeliest if self.tokenizers[0].kind == "unigram" else _Dropout
        words: _Likeliest | _Dropout = kind(self.tokenizers, self._remembered, units, self.alpha)
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


class _Likeliest:
    """The N likeliest segmentations of sentences, as combinations of their words'.

    Words are combined one after the other, keeping the N smallest sums of gaps. Those with the smallest gaps come
    first: the others are soon seen to have no part in any of the N.
    """

    def __init__(
        self, tokenizers: tuple[Tokenizer, Tokenizer], remembered: Segmentations, units: Units, alpha: float
    ) -> None:
        self._tokenizers, self._units = tokenizers, units
        words = remembered.numbers(units.keys, self._learn)
        gaps, bounds = remembered.gaps, units.bounds
        self._firsts, counts_of = remembered.firsts[words], remembered.counts[words]
        self._chosen = np.zeros(len(words), np.int64)
        R = len(bounds) - 1
        row_of = np.repeat(np.arange(R), np.diff(bounds))
        ambiguous = np.flatnonzero(counts_of > 1)
        # By sentence, then by gap: as whole numbers, non-negative floats have the order that they have as floats.
        gap = gaps[self._firsts[ambiguous] + 1]
        ambiguous = ambiguous[np.argsort(row_of[ambiguous].astype(np.uint64) << np.uint64(32) | gap.view(np.uint32))]
        counts = np.bincount(row_of[ambiguous], minlength=R)
        starts = np.cumsum(counts) - counts
        # What a unit of the whole numbers stands for: they suffice for what may be among the N smallest.
        unit = _bound(gaps, self._firsts[ambiguous], counts_of[ambiguous], row_of[ambiguous], starts, counts) / (
            TOO_LARGE - 2
        )
        per_unit = (1.0 / np.maximum(unit, np.finfo(np.float32).tiny)).astype(np.float32)
        # Of each round: its sentences, the word of each, and the sums with the ranks that they are of.
        self._rounds: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        sums = np.full([R, NBEST], TOO_LARGE << 2 * RANK_BITS, np.uint32)
        sums[:, 0] = 0
        rows = np.flatnonzero(counts)
        for nth in range(int(counts.max(initial=0))):
            rows = rows[counts[rows] > nth]
            first = self._firsts[ambiguous[starts[rows] + nth]]
            matters, many = (
                gaps[first[:, None] + [1, FEW]] * per_unit[rows, None] < (sums[rows, -1:] >> np.uint32(2 * RANK_BITS))
            ).T
            # Most words have few segmentations that matter; the others are done apart, at more work each.
            for some, width in ((rows[matters & ~many], FEW), (rows[many], NBEST)):
                if len(some):
                    places = ambiguous[starts[some] + nth]
                    own = gaps[self._firsts[places][:, None] + np.arange(width)] * per_unit[some, None]
                    own = np.minimum(own, np.float32(TOO_LARGE)).astype(np.uint32)
                    ranked = _smallest_sums(sums[some], own << np.uint32(2 * RANK_BITS))
                    whole = np.minimum(ranked >> np.uint32(2 * RANK_BITS), np.uint32(TOO_LARGE))
                    sums[some, : whole.shape[1]] = whole << np.uint32(2 * RANK_BITS)
                    self._rounds.append((some, places, ranked))
            rows = rows[matters]
        sums >>= np.uint32(2 * RANK_BITS)
        weights = np.exp(sums.astype(np.float32) * (-alpha * unit).astype(np.float32)[:, None])
        self._cumulative = np.cumsum(weights * (sums < TOO_LARGE), 1)

    def draw(self, uniform: np.ndarray, pending: np.ndarray) -> np.ndarray:
        """Chooses for a number in [0, 1) of each sentence that is pending; gives all words' segmentations: int64 [W].

        Words that are not in `_rounds` keep their plain one.
        """
        drawn = np.flatnonzero(pending)
        rank = np.zeros(len(pending), np.int64)
        cumulative = self._cumulative[drawn]
        rank[drawn] = (cumulative <= (uniform[drawn] * cumulative[:, -1])[:, None]).sum(1)
        for rows, places, ranked in reversed(self._rounds):
            nth = np.flatnonzero(pending[rows])
            if len(nth):
                rows = rows[nth]
                pair = ranked[nth, rank[rows]] & np.uint32(NBEST**2 - 1)
                rank[rows], self._chosen[places[nth]] = pair >> np.uint32(RANK_BITS), pair & np.uint32(NBEST - 1)
        return self._firsts + self._chosen

    def plain(self, words: np.ndarray) -> np.ndarray:
        """The plain segmentations of some words."""
        return self._firsts[words]

    def _learn(self, words: np.ndarray) -> list[list[Segmentation]]:
        source, target = self._tokenizers
        plain = [self._units.unit(word) for word in words]
        sources = np.searchsorted(words, self._units.sources)
        return [
            likeliest
            for tokenizer, of_side in ((source, plain[:sources]), (target, plain[sources:]))
            for likeliest in tokenizer.likeliest(of_side, NBEST)
        ]


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
        """Chooses for a number in [0, 1) of each sentence that is pending; gives all words' segmentations: int64 [W].

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


def _smallest_sums(sums: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    """The N smallest sums of two ascending lists, row by row, in ascending order.

    Args:
        sums: uint32 [R, N], whole numbers above 2 · `RANK_BITS` empty bits.
        gaps: uint32 [R, A], likewise.

    Returns:
        uint32 [R, at most N], likewise, with i · N + j in the low bits: the ranks in the two lists.
    """
    i_end = 2 ** int((sums[:, _I_ENDS] < TOO_LARGE << 2 * RANK_BITS).any(0).sum())
    j_end = 2 ** int((gaps[:, [j for _, j, _ in _BLOCKS if j < gaps.shape[1]]] < sums[:, -1:]).any(0).sum()) - 1
    one = sums[:, :i_end] | _RANKS[:i_end] << np.uint32(RANK_BITS)
    other = gaps[:, :j_end] | _RANKS[: min(j_end, gaps.shape[1])]
    blocks = [(one[:, :i], other[:, j:end]) for i, j, end in _BLOCKS if j < other.shape[1]]
    totals = np.empty([len(sums), sum(i.shape[1] * j.shape[1] for i, j in blocks)], np.uint32)
    start = 0
    for block in blocks:
        # NumPy is quicker where the last axis is longer.
        shorter, longer = sorted(block, key=lambda ranks: ranks.shape[1])
        end = start + shorter.shape[1] * longer.shape[1]
        place = totals[:, start:end].reshape(len(sums), shorter.shape[1], longer.shape[1])
        start = end
        np.add(shorter[:, :, None], longer[:, None, :], out=place)
    totals.sort(1)
    return totals[:, :NBEST]


def _bound(
    gaps: np.ndarray, firsts: np.ndarray, sizes: np.ndarray, row_of: np.ndarray, starts: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """What none of a sentence's N smallest sums of gaps passes: float64 [R].

    2^k segmentations of each of n words make N sums where k · n = log₂ N, none above the sum of the words' last gaps.
    Nor is any sum above that of all words' largest gaps.

    Args:
        gaps: float32, of all segmentations of all words.
        firsts: int64 [W], where each word's gaps begin.
        sizes: uint8 [W], how many it has.
        row_of: int64 [W], the sentence that it is in.
        starts: int64 [R], where each sentence's words begin.
        counts: int64 [R], how many it has.
    """
    bound = np.bincount(row_of, gaps[firsts + sizes - 1], len(counts))
    for few in (1, 2, 3, 6):
        needed = 2 ** (RANK_BITS // few)
        rows = np.flatnonzero(counts >= few)
        words = starts[rows][:, None] + np.arange(few)
        rows, words = rows[(sizes[words] >= needed).all(1)], words[(sizes[words] >= needed).all(1)]
        bound[rows] = np.minimum(bound[rows], gaps[firsts[words] + needed - 1].sum(1, dtype=np.float64))
    return bound * (1 + 1e-5)  # sums are rounded
