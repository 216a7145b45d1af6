"""Pairs that stand in the training corpora more than once."""

import numpy as np

from translator.data.checks.blocks import Block
from translator.data.checks.findings import MOST_EXAMPLES, Example, Finding, counted, graded, shortened
from translator.data.corpora.base import Corpus

HASHES_TOGETHER = 2**20


class Duplicates:
    """Finds equal pairs by hashes of 64 bits: 8 bytes for each pair, 16 while they are sorted at the end.

    Among ten million pairs, two different ones have the same hash with a probability of 3 · 10⁻⁶.
    """

    def __init__(self) -> None:
        self._full: list[np.ndarray] = []
        self._last = np.empty(HASHES_TOGETHER, np.int64)
        self._used = 0
        self._corpora: list[tuple[int, Corpus]] = []  # with the number of pairs before each
        self._count = 0

    def look(self, block: Block) -> None:
        """Keeps the hash of each pair of the training corpora."""
        if block.section != "train":
            return
        if not self._corpora or self._corpora[-1][1] is not block.corpus:
            self._corpora.append((self._count, block.corpus))
        self._count += len(block)
        hashes = np.fromiter(map(hash, zip(block.source.lines, block.target.lines, strict=True)), np.int64, len(block))
        while len(hashes):
            if self._used == HASHES_TOGETHER:
                self._full.append(self._last)
                self._last, self._used = np.empty(HASHES_TOGETHER, np.int64), 0
            taken = hashes[: HASHES_TOGETHER - self._used]
            self._last[self._used : self._used + len(taken)] = taken
            self._used += len(taken)
            hashes = hashes[len(taken) :]

    def findings(self) -> list[Finding]:
        """A note below 5% of the pairs."""
        hashes = self._all_hashes()
        order = np.argsort(hashes)  # equal ones come together
        hashes.sort()
        again = _equal_to_next(hashes)
        del hashes
        count = len(again)
        if not count:
            return []
        message = (
            f"{counted(count, 'pair stands', 'pairs stand')} in the training corpora once more; "
            "training sees them more often than others"
        )
        severity = graded(count, self._count, 0.05)
        description = ", ".join(dict.fromkeys(corpus.description for _, corpus in self._corpora))
        examples = self._examples(order, again)
        return [Finding("duplicate", severity, f"train: {description}", count, self._count, message, examples)]

    def _all_hashes(self) -> np.ndarray:
        """The hashes of all pairs, which are given up piece by piece."""
        hashes = np.empty(self._count, np.int64)
        self._full.append(self._last[: self._used])
        for start in range(0, self._count, HASHES_TOGETHER):
            piece = self._full.pop(0)
            hashes[start : start + len(piece)] = piece
        return hashes

    def _examples(self, order: np.ndarray, again: np.ndarray) -> tuple[Example, ...]:
        """The first of the pairs that come again; those of one hash have their numbers in no order."""
        pairs = [sorted(map(int, order[place : place + 2])) for place in again[: 4 * MOST_EXAMPLES]]
        pairs.sort(key=lambda pair: pair[1])
        return tuple(
            Example(self._place(second), shortened(f"as {self._place(first)}"))
            for first, second in pairs[:MOST_EXAMPLES]
        )

    def _place(self, number: int) -> str:
        start, corpus = next(each for each in reversed(self._corpora) if each[0] <= number)
        return corpus.place(number - start + 1)


def _equal_to_next(numbers: np.ndarray) -> np.ndarray:
    """Where a number is followed by itself; in pieces, so that it takes no memory where that is rare."""
    found = [np.empty(0, np.int64)]
    for start in range(0, len(numbers) - 1, HASHES_TOGETHER):
        piece = numbers[start : start + HASHES_TOGETHER + 1]
        found.append(start + np.flatnonzero(piece[1:] == piece[:-1]))
    return np.concatenate(found)
