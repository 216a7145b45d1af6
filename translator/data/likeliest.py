"""The likeliest segmentations of sentences, among which subword regularization draws (Kudo, 2018).

Letters: R sentences, W words of all of them, N segmentations of a sentence, A segmentations of a word.
"""

import numpy as np

from translator.data.segmentations import FEW, Segmentation, Segmentations
from translator.data.tokenizer import Tokenizer
from translator.data.units import Units

NBEST = 64  # segmentations that a sentence's is drawn from (l of Kudo, 2018, §3.1)

# Sums of gaps are whole numbers of 19 bits, so fine that rounding hardly ever changes which are the smallest. The ranks
# that a sum is of stand in the bits behind it, so that one addition and one sort of 32 bits do.
RANK_BITS = 6
TOO_LARGE = 2**19 - 1
# Blocks of ranks i, j in two ascending lists that hold all whose sum may be among the NBEST smallest of all sums, as
# those with (i + 1)(j + 1) ≤ NBEST are: i below the first number, j from the second to the third.
_BLOCKS = [(NBEST >> k, 2**k - 1, 2 ** (k + 1) - 1) for k in range(RANK_BITS + 1)]
_RANKS = np.arange(NBEST, dtype=np.uint32)
_I_ENDS = 2 ** np.arange(RANK_BITS)  # where the ranks i that a block holds end


class Likeliest:
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
