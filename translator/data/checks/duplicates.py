"""Pairs that stand in the training corpora more than once."""

from collections.abc import Iterator

import numpy as np

from translator.data.checks.blocks import Block
from translator.data.checks.findings import MOST_EXAMPLES, Example, Finding, counted, graded, shortened
from translator.data.corpora.base import Corpus, SentencePair
from translator.data.filters import has_text, key_of

BLANK = 0  # in the place of the hash of a pair with a blank side, which is no other's duplicate
HASHES_TOGETHER = 2**20
PART_BITS = 5  # the highest ones of a hash, by which hashes are sorted in parts, one after the other


class Duplicates:
    """Finds equal pairs, as `data.filters.duplicates` leaves them out, by hashes of 64 bits.

    They are 8 bytes for each pair; at the end, less than one more for each, and some 20 for each that is repeated.
    Among ten million pairs, two different ones have the same hash with a probability of 3 · 10⁻⁶.
    """

    def __init__(self) -> None:
        self._pieces: list[np.ndarray] = []  # int64 [HASHES_TOGETHER]; the last is filled up to `_count`
        self._corpora: list[tuple[int, Corpus]] = []  # with the number of pairs before each
        self._count = 0

    def look(self, block: Block) -> None:
        """Keeps the hash of each pair of the training corpora."""
        if block.section != "train":
            return
        if not self._corpora or self._corpora[-1][1] is not block.corpus:
            self._corpora.append((self._count, block.corpus))
        hashes = np.fromiter(map(_hash_of, block.pairs()), np.int64, len(block))
        while len(hashes):
            used = self._count % HASHES_TOGETHER
            if not used:
                self._pieces.append(np.empty(HASHES_TOGETHER, np.int64))
            taken = hashes[: HASHES_TOGETHER - used]
            self._pieces[-1][used : used + len(taken)] = taken
            self._count += len(taken)
            hashes = hashes[len(taken) :]

    def findings(self) -> list[Finding]:
        """A note below 5% of the pairs."""
        repeated, count = self._repeated()
        if not count:
            return []
        message = (
            f"{counted(count, 'pair stands', 'pairs stand')} in the training corpora once more; "
            "training sees them more often than others"
        )
        severity = graded(count, self._count, 0.05)
        description = ", ".join(dict.fromkeys(corpus.description for _, corpus in self._corpora))
        examples = tuple(
            Example(self._place(second), shortened(f"as {self._place(first)}"))
            for first, second in self._again(repeated)
        )
        return [Finding("duplicate", severity, f"train: {description}", count, self._count, message, examples)]

    def _hashes(self) -> Iterator[tuple[int, np.ndarray]]:
        """Those of all pairs, piece by piece, each with the number of its first pair."""
        for start, piece in zip(range(0, self._count, HASHES_TOGETHER), self._pieces, strict=True):
            yield start, piece[: self._count - start]

    def _repeated(self) -> tuple[np.ndarray, int]:
        """The hashes that come more than once, in ascending order, and how many pairs have one that came before."""
        found, count = [], 0
        for part in range(-(2 ** (PART_BITS - 1)), 2 ** (PART_BITS - 1)):
            hashes = np.concatenate(
                [np.empty(0, np.int64), *(piece[piece >> (64 - PART_BITS) == part] for _, piece in self._hashes())]
            )
            hashes.sort()  # equal ones come together
            again = hashes[1:][(hashes[1:] == hashes[:-1]) & (hashes[1:] != BLANK)]
            count += len(again)
            found.append(np.unique(again))
        return np.concatenate(found), count

    def _again(self, repeated: np.ndarray) -> Iterator[tuple[int, int]]:
        """The first pairs that came before, in order: the number, from 0 on, of the first that is equal, and their own.

        Args:
            repeated: int64, the hashes that come more than once, in ascending order.
        """
        met, again = np.zeros(len(repeated), bool), list[tuple[int, int]]()  # hash and number
        for start, piece in self._hashes():
            places = np.minimum(np.searchsorted(repeated, piece), len(repeated) - 1)
            rows = np.flatnonzero(repeated[places] == piece)
            places = places[rows]
            is_new = np.zeros(len(rows), bool)
            is_new[np.unique(places, return_index=True)[1]] = True
            is_new &= ~met[places]
            met[places] = True
            more = rows[~is_new][: MOST_EXAMPLES - len(again)]
            again += zip(piece[more].tolist(), (start + more).tolist(), strict=True)
            if len(again) == MOST_EXAMPLES:
                break
        for wanted, number in again:
            found = (start + np.flatnonzero(piece == wanted) for start, piece in self._hashes())
            yield next(int(numbers[0]) for numbers in found if len(numbers)), number

    def _place(self, number: int) -> str:
        start, corpus = next(each for each in reversed(self._corpora) if each[0] <= number)
        return corpus.place(number - start + 1)


def _hash_of(pair: SentencePair) -> int:
    return (hash(key_of(pair)) or 1) if has_text(pair) else BLANK
