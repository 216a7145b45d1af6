"""What every corpus offers, whatever its format."""

import contextlib
import itertools
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from translator.data.alignment import Link
from translator.errors import TranslatorError

Side = Literal["source", "target"]


class CorpusError(TranslatorError):
    """A corpus that is missing, unreadable, or not parallel; names the file and, where there is one, the line."""


class SentencePair(NamedTuple):
    """A sentence and its translation, exactly as they stand in the corpus."""

    source: str
    target: str


class InputFile(NamedTuple):
    """A file that a corpus is read from."""

    name: str  # within the corpus; stays the same when the data is moved
    path: Path


class Corpus(Protocol):
    """A parallel corpus: its pairs, the files that they are read from, and where each pair stands.

    The pairs come in the same order each time. They are streamed, so memory does not grow with the corpus. Nothing is
    opened before the first pair is asked for. Everything is closed after the last pair, at an error, and when the
    generator is closed. Blank lines are sentences too, because the two sides must stay aligned; the training store
    leaves out pairs with an empty side.
    """

    @property
    def description(self) -> str:
        """The corpus in an error message, such as `data/val.en and data/val.de`."""
        ...

    def pairs(self) -> Generator[SentencePair, None, None]:
        """Streams the pairs; raises a CorpusError at the first pair that cannot be read."""
        ...

    def inputs(self) -> list[InputFile]:
        """The files whose content the pairs, or their alignments, depend on, as far as they exist."""
        ...

    def place(self, number: int, side: Side = "source") -> str:
        """Where a pair, or one side of it, stands, such as `data/train.en.gz:17`; pairs are counted from 1."""
        ...


@runtime_checkable
class Aligned(Protocol):
    """A corpus whose pairs have word alignments."""

    def aligned_pairs(self) -> Generator[tuple[SentencePair, list[Link]], None, None]:
        """Streams the pairs, each with the links of its words, source first; raises a CorpusError as `pairs` does."""
        ...


def aligned_pairs(corpus: Corpus) -> Generator[tuple[SentencePair, list[Link]], None, None]:
    """See `Aligned.aligned_pairs`; a CorpusError if the corpus has no alignments."""
    if not isinstance(corpus, Aligned):
        raise CorpusError(f"{corpus.description} has no word alignment: name a file with `alignment`")
    return corpus.aligned_pairs()


@dataclass(frozen=True)
class FirstPairs:
    """The first pairs of another corpus."""

    corpus: Corpus
    count: int

    @property
    def description(self) -> str:
        return self.corpus.description

    def pairs(self) -> Generator[SentencePair, None, None]:
        with contextlib.closing(self.corpus.pairs()) as pairs:
            yield from itertools.islice(pairs, self.count)

    def aligned_pairs(self) -> Generator[tuple[SentencePair, list[Link]], None, None]:
        with contextlib.closing(aligned_pairs(self.corpus)) as pairs:
            yield from itertools.islice(pairs, self.count)

    def inputs(self) -> list[InputFile]:
        return self.corpus.inputs()

    def place(self, number: int, side: Side = "source") -> str:
        return self.corpus.place(number, side)
