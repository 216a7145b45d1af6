"""Pairs that stand in the training corpora more than once."""

import itertools
from collections.abc import Iterator

import numpy as np

from translator.data.checks.blocks import Block
from translator.data.checks.findings import MOST_EXAMPLES, Example, Finding, counted, graded, shortened
from translator.data.corpora.base import Corpus

HASHES_TOGETHER = 2**20
PARTS = 32  # in which hashes are sorted, one after the other


class Duplicates:
    """Finds equal pairs by hashes of 64 bits: 8 bytes for each pair, and less than one more at the end.

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
        hashes = np.fromiter(map(hash, zip(block.source.lines, block.target.lines, strict=True)), np.int64, len(block))
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
            for first, second in itertools.islice(self._again(repeated), MOST_EXAMPLES)
        )
        return [Finding("duplicate", severity, f"train: {description}", count, self._count, message, examples)]

    def _hashes(self) -> Iterator[np.ndarray]:
        """Those of all pairs, piece by piece."""
        for start, piece in zip(range(0, self._count, HASHES_TOGETHER), self._pieces, strict=True):
            yield piece[: self._count - start]

    def _repeated(self) -> tuple[np.ndarray, int]:
        """The hashes that come more than once, in ascending order, and how many pairs have one that came before."""
        found, count = [], 0
        for part in range(PARTS):
            hashes = np.concatenate(
                [np.empty(0, np.int64), *(piece[piece % PARTS == part] for piece in self._hashes())]
            )
            hashes.sort()  # equal ones come together
            again = hashes[1:][hashes[1:] == hashes[:-1]]
            count += len(again)
            found.append(np.unique(again))
        return np.sort(np.concatenate(found)), count

    def _again(self, repeated: np.ndarray) -> Iterator[tuple[int, int]]:
        """Pairs that came before, in order: the number, from 0 on, of the first that is equal, and their own."""
        firsts: dict[int, int] = {}
        for piece_number, piece in enumerate(self._hashes()):
            nearest = repeated[np.minimum(np.searchsorted(repeated, piece), len(repeated) - 1)]
            for row in np.flatnonzero(nearest == piece).tolist():
                number = piece_number * HASHES_TOGETHER + row
                first = firsts.setdefault(int(piece[row]), number)
                if first != number:
                    yield first, number

    def _place(self, number: int) -> str:
        start, corpus = next(each for each in reversed(self._corpora) if each[0] <= number)
        return corpus.place(number - start + 1)
