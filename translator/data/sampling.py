"""A new segmentation of each training sentence in each epoch: subword regularization and BPE-dropout.

SentencePiece's own sampling cannot be used: its draws differ between processes, whatever the seed, and its n-best lists
are twenty times too slow. Subwords do not cross spaces, so the segmentations of a sentence are combinations of those of
its words. Words recur, so each is segmented once and cached.

Letters: R sentences, W words in all of them, N segmentations of a sentence, A segmentations of a word.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from translator.data.random_numbers import mixed, uniform, unit_interval
from translator.data.store import Sequences
from translator.data.tokenizer import Tokenizer, TokenizerError
from translator.data.words import NBEST, Words

ATTEMPTS = 4  # draws of a sentence that are tried for one that fits into its batch, before the plain segmentation

# Sums of gaps are integers of 19 bits, precise enough that rounding hardly ever changes which are the smallest. The two
# ranks that a sum is made of are in the bits below it, so one addition and one sort of 32-bit integers suffice.
RANK_BITS = 6
TOO_LARGE = 2**19 - 1
# Blocks of ranks i, j in two ascending lists that cover all sums which may be among the NBEST smallest, namely those
# with (i + 1)(j + 1) ≤ NBEST: i below the first number, j from the second up to the third.
_BLOCKS = [(NBEST >> k, 2**k - 1, 2 ** (k + 1) - 1) for k in range(RANK_BITS + 1)]
FEW = 7  # segmentations of a word; more of them seldom matter
_RANKS = np.arange(NBEST, dtype=np.uint32)
_I_ENDS = 2 ** np.arange(RANK_BITS)  # where the ranks i of a block end


class Drawn(NamedTuple):
    """Sentence pairs segmented at random."""

    source: Sequences
    target: Sequences
    plain: int  # sentences that got their plain segmentation because no draw fitted


@dataclass(frozen=True)
class Sampling:
    """Samples segmentations: a pure function of seed, epoch and row, whatever else is in the batch.

    With a unigram model, one x of the `NBEST` best segmentations of a sentence is drawn with probability ∝ P(x)^alpha
    (subword regularization; Kudo, 2018, §3): small values give more and shorter subwords. With a BPE model, each merge
    is skipped with probability alpha (BPE-dropout; Provilkov et al., 2020): large values give more and shorter
    subwords; each word gets one of `words.DROPOUT_DRAWS` such segmentations. Words with unknown characters keep theirs.

    Raises:
        TokenizerError: One side's model is unigram and the other's BPE, for which alpha means different things.
    """

    tokenizers: tuple[Tokenizer, Tokenizer]  # of the source and of the target
    alpha: float  # in (0, 1)
    _words: Words = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len({tokenizer.is_unigram for tokenizer in self.tokenizers}) > 1:
            raise TokenizerError(
                "tokenizer.sampling_alpha has different meanings for unigram and BPE models; set it to 0, or give both "
                "sides models of the same kind"
            )
        object.__setattr__(self, "_words", Words(self.tokenizers, self.alpha))

    def draw(
        self, plain: tuple[Sequences, Sequences], seeds: tuple[int, int], rows: np.ndarray, most: tuple[int, int]
    ) -> Drawn:
        """Samples a segmentation of each sentence pair.

        Args:
            plain: Their plain segmentations, source and target, none of them empty.
            seeds: The run's seed and the epoch.
            rows: int64 [R / 2], the row of each pair in the store.
            most: Maximum number of tokens of a source and of a target. No plain segmentation has more.
        """
        words, bounds = self._words.of(plain)
        sizes = np.diff(bounds)
        if self.tokenizers[0].is_unigram:
            segmentations: _Likeliest | _Independent = _Likeliest(self._words, words, bounds, self.alpha)
        else:
            segmentations = _Independent(self._words.counts[words], sizes)
        limits = np.repeat(most, len(rows))
        numbers = np.concatenate([2 * rows, 2 * rows + 1])
        chosen, pending = np.zeros(len(words), np.int64), np.ones(len(sizes), bool)
        for attempt in range(ATTEMPTS):
            segmentations.draw(uniform([*seeds, attempt], numbers), pending, chosen)
            pending = np.add.reduceat(self._words.lengths(words, chosen), bounds[:-1]) > limits
            if not pending.any():
                break
        chosen[np.repeat(pending, sizes)] = 0
        return Drawn(*self._words.spelled(words, chosen, bounds), int(pending.sum()))


class _Likeliest:
    """The N best segmentations of sentences, as combinations of the segmentations of their words.

    Words are combined one after the other, keeping the N smallest sums of gaps. Words with the smallest gaps come
    first; then most of the others turn out early not to contribute to any of the N.
    """

    def __init__(self, table: Words, words: np.ndarray, bounds: np.ndarray, alpha: float) -> None:
        """`words`: int64 [W], of all sentences, as numbers in the table; `bounds`: int64 [R + 1]."""
        R = len(bounds) - 1
        row_of = np.repeat(np.arange(R), np.diff(bounds))
        ambiguous = np.flatnonzero(table.counts[words] > 1)
        # By sentence, then by gap: the bits of non-negative floats, read as integers, are in the same order.
        gap = table.gaps[words[ambiguous], 1]
        ambiguous = ambiguous[np.argsort(row_of[ambiguous].astype(np.uint64) << np.uint64(32) | gap.view(np.uint32))]
        counts = np.bincount(row_of[ambiguous], minlength=R)
        starts = np.cumsum(counts) - counts
        # The value of one integer unit, chosen so that everything that may be among the N smallest fits.
        unit = _bound(table, words[ambiguous], row_of[ambiguous], starts, counts) / (TOO_LARGE - 2)
        per_unit = (1.0 / np.maximum(unit, np.finfo(np.float32).tiny)).astype(np.float32)
        # Of each round: its sentences, the word of each, and the sums with the ranks that they are made of.
        self._rounds: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        sums = np.full([R, NBEST], TOO_LARGE << 2 * RANK_BITS, np.uint32)
        sums[:, 0] = 0
        rows = np.flatnonzero(counts)
        for nth in range(int(counts.max(initial=0))):
            rows = rows[counts[rows] > nth]
            gaps = table.gaps[words[ambiguous[starts[rows] + nth]][:, None], [1, FEW]] * per_unit[rows, None]
            matters, many = (gaps < (sums[rows, -1:] >> np.uint32(2 * RANK_BITS))).T
            # Most words have few segmentations that matter; the others, which cost more, are handled separately.
            for some, width in ((rows[matters & ~many], FEW), (rows[many], NBEST)):
                if len(some):
                    places = ambiguous[starts[some] + nth]
                    gaps = np.minimum(
                        table.gaps[:, :width][words[places]] * per_unit[some, None], np.float32(TOO_LARGE)
                    )
                    ranked = _smallest_sums(sums[some], gaps.astype(np.uint32) << np.uint32(2 * RANK_BITS))
                    whole = np.minimum(ranked >> np.uint32(2 * RANK_BITS), np.uint32(TOO_LARGE))
                    sums[some, : whole.shape[1]] = whole << np.uint32(2 * RANK_BITS)
                    self._rounds.append((some, places, ranked))
            rows = rows[matters]
        sums >>= np.uint32(2 * RANK_BITS)
        weights = np.exp(sums.astype(np.float32) * (-alpha * unit).astype(np.float32)[:, None])
        self._cumulative = np.cumsum(weights * (sums < TOO_LARGE), 1)

    def draw(self, uniform: np.ndarray, pending: np.ndarray, chosen: np.ndarray) -> None:
        """Chooses segmentations, given a number in [0, 1) for each sentence. Words not in `_rounds` keep 0, plain."""
        drawn = np.flatnonzero(pending)
        rank = np.zeros(len(pending), np.int64)
        cumulative = self._cumulative[drawn]
        rank[drawn] = (cumulative <= (uniform[drawn] * cumulative[:, -1])[:, None]).sum(1)
        for rows, places, ranked in reversed(self._rounds):
            nth = np.flatnonzero(pending[rows])
            if len(nth):
                rows = rows[nth]
                pair = ranked[nth, rank[rows]] & np.uint32(NBEST**2 - 1)
                rank[rows], chosen[places[nth]] = pair >> np.uint32(RANK_BITS), pair & np.uint32(NBEST - 1)


class _Independent:
    """Segmentations that are drawn for each word independently and uniformly."""

    def __init__(self, counts: np.ndarray, sizes: np.ndarray) -> None:
        """`counts`: int64 [W], segmentations of each word; `sizes`: int64 [R], words of each sentence."""
        self._counts, self._sizes = counts, sizes
        self._nth = np.arange(len(counts)) - np.repeat(np.cumsum(sizes) - sizes, sizes)  # in its sentence

    def draw(self, uniform: np.ndarray, pending: np.ndarray, chosen: np.ndarray) -> None:
        """Chooses segmentations, given a number in [0, 1) for each sentence."""
        of_sentences = (uniform * 2.0**53).astype(np.uint64)
        of_words = unit_interval(mixed(np.repeat(of_sentences, self._sizes) + mixed(self._nth)))
        drawn = np.repeat(pending, self._sizes)
        chosen[drawn] = (of_words * self._counts)[drawn]


def _smallest_sums(sums: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    """The N smallest sums of two ascending lists, row by row, in ascending order.

    Args:
        sums: uint32 [R, N], integers above 2 · `RANK_BITS` zero bits.
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
        # NumPy is faster with a longer last axis.
        shorter, longer = sorted(block, key=lambda ranks: ranks.shape[1])
        end = start + shorter.shape[1] * longer.shape[1]
        place = totals[:, start:end].reshape(len(sums), shorter.shape[1], longer.shape[1])
        start = end
        np.add(shorter[:, :, None], longer[:, None, :], out=place)
    totals.sort(1)
    return totals[:, :NBEST]


def _bound(table: Words, words: np.ndarray, row_of: np.ndarray, starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """An upper bound of the N smallest sums of gaps of each sentence: float64 [R].

    With k · n = log₂ N, the first 2^k segmentations of n words give N sums, none of them above the sum of the words'
    last gaps. Nor is any sum above the sum of the largest gaps of all words.
    """
    bound = np.bincount(row_of, table.gaps[words, table.counts[words] - 1], len(counts))
    for few in (1, 2, 3, 6):
        rows = np.flatnonzero(counts >= few)
        last = table.gaps[words[starts[rows][:, None] + np.arange(few)], 2 ** (RANK_BITS // few) - 1]
        bound[rows] = np.minimum(bound[rows], last.sum(1, dtype=np.float64))
    return bound * (1 + 1e-5)  # sums are rounded
