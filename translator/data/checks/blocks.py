"""Sentence pairs a block at a time, with what the checks share of them computed once, as arrays.

Letters: n lines of a block, N characters of them all.
"""

import contextlib
import functools
import itertools
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from translator.data.checks import characters
from translator.data.corpora.base import Corpus, CorpusError, SentencePair, Side

Section = Literal["train", "validation", "test"]
SIDES: tuple[Side, Side] = ("source", "target")
MOST_PAIRS = 10_000  # of a block
MOST_CHARACTERS = 2**22  # of a block, beside its last pair


class Texts:
    """One side of a block: lines, and all their characters in one array."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines

    def __len__(self) -> int:
        return len(self.lines)

    @functools.cached_property
    def codes(self) -> np.ndarray:
        """The code points of all lines, one after the other: uint32 [N]."""
        return np.frombuffer("".join(self.lines).encode("utf-32-le", "surrogatepass"), np.uint32)

    @functools.cached_property
    def lengths(self) -> np.ndarray:
        """Characters of each line: int64 [n]."""
        return np.fromiter(map(len, self.lines), np.int64, len(self.lines))

    @functools.cached_property
    def rows(self) -> np.ndarray:
        """The line of each character: int32 [N]."""
        return np.repeat(np.arange(len(self.lines), dtype=np.int32), self.lengths)

    @functools.cached_property
    def classes(self) -> np.ndarray:
        """The classes of each character, as bits of `characters`: uint8 [N]."""
        return characters.classes_of(self.codes)

    @functools.cached_property
    def words(self) -> "Letters":
        """Letters and digits in lower case."""
        kept = (self.classes & characters.WORD) > 0
        return Letters(characters.lowered(self.codes[kept]), self.rows[kept], len(self))

    def count(self, which: np.ndarray) -> np.ndarray:
        """How many characters of each line are among those given: int64 [n], from bool [N]."""
        return np.bincount(self.rows[which], minlength=len(self))


@dataclass(frozen=True, eq=False)
class Letters:
    """Characters of many lines with the rest left out.

    Attributes:
        codes: uint32 [M], ascending in their lines.
        rows: int32 [M], the line of each.
        count: the number of lines.
    """

    codes: np.ndarray
    rows: np.ndarray
    count: int

    @functools.cached_property
    def lengths(self) -> np.ndarray:
        """Characters of each line: int64 [n]."""
        return np.bincount(self.rows, minlength=self.count)

    @functools.cached_property
    def offsets(self) -> np.ndarray:
        """Where each line starts, and the end: int64 [n + 1]."""
        return np.concatenate([[0], np.cumsum(self.lengths)])

    @functools.cached_property
    def lines(self) -> list[str]:
        """What is left of each line."""
        text = self.codes.tobytes().decode("utf-32-le", "surrogatepass")
        offsets = self.offsets.tolist()
        return [text[start:end] for start, end in itertools.pairwise(offsets)]


@dataclass(frozen=True, eq=False)
class Block:
    """Consecutive pairs of a corpus.

    Attributes:
        section: which of `data.train`, `data.validation` and `data.test` has the corpus.
        corpus: where they are from.
        first: the number of the first one, counted from 1.
    """

    section: Section
    corpus: Corpus
    first: int
    source: Texts
    target: Texts

    @classmethod
    def of(cls, section: Section, corpus: Corpus, first: int, pairs: Sequence[SentencePair]) -> "Block":
        """The block of some pairs."""
        return cls(section, corpus, first, Texts([pair[0] for pair in pairs]), Texts([pair[1] for pair in pairs]))

    def __len__(self) -> int:
        return len(self.source)

    @property
    def sides(self) -> tuple[Texts, Texts]:
        return self.source, self.target

    def pairs(self) -> Iterator[SentencePair]:
        """Its pairs, in order."""
        return map(SentencePair, self.source.lines, self.target.lines)

    def place(self, row: int, side: Side = "source") -> str:
        """Where a pair, or one side of it, stands."""
        return self.corpus.place(self.first + row, side)

    def both(self, row: int) -> str:
        """A pair as it is shown."""
        return f"{self.source.lines[row]}  |  {self.target.lines[row]}"


def blocks_of(section: Section, corpus: Corpus) -> Generator[Block, None, None]:
    """Streams a corpus; raises its CorpusError after the block with the last pair that could be read."""
    pairs: list[SentencePair] = []
    first, size = 1, 0
    with contextlib.closing(corpus.pairs()) as opened:
        try:
            for pair in opened:
                pairs.append(pair)
                size += len(pair[0]) + len(pair[1])
                if len(pairs) == MOST_PAIRS or size > MOST_CHARACTERS:
                    yield Block.of(section, corpus, first, pairs)
                    first, size, pairs = first + len(pairs), 0, []
        except CorpusError:
            if pairs:
                yield Block.of(section, corpus, first, pairs)
            raise
    if pairs:
        yield Block.of(section, corpus, first, pairs)
