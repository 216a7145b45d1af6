"""A corpus with a file of the word alignments of its pairs."""

import contextlib
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from translator.data.alignment import Link
from translator.data.corpora.base import Corpus, CorpusError, InputFile, SentencePair, Side
from translator.data.corpora.lines import read_lines


@dataclass(frozen=True)
class WithAlignment:
    """A corpus, and a file with a line of links for each of its pairs."""

    corpus: Corpus
    file: InputFile

    @property
    def description(self) -> str:
        return self.corpus.description

    def pairs(self) -> Generator[SentencePair, None, None]:
        return self.corpus.pairs()

    def aligned_pairs(self) -> Generator[tuple[SentencePair, list[Link]], None, None]:
        path = self.file.path
        with contextlib.closing(self.pairs()) as pairs, contextlib.closing(read_lines(path)) as lines:
            for number, pair in enumerate(pairs, 1):
                if (line := next(lines, None)) is None:
                    raise CorpusError(
                        f"{path} ends after line {number - 1:,}; it needs a line for each pair of the corpus"
                    )
                yield pair, parse_pharaoh(line, path, number)
            if next(lines, None) is not None:
                raise CorpusError(
                    f"{path} has more lines than {self.description} has pairs; it may be of another corpus"
                )

    def inputs(self) -> list[InputFile]:
        return self.corpus.inputs() + [self.file] * self.file.path.is_file()

    def place(self, number: int, side: Side = "source") -> str:
        return self.corpus.place(number, side)


def parse_pharaoh(line: str, path: Path, number: int) -> list[Link]:
    """Links as Pharaoh and Moses write them: `0-0 1-2`.

    Raises:
        CorpusError: the line is something else.
    """
    try:
        return [(int(i), int(j)) for i, j in (link.split("-") for link in line.split())]
    except ValueError:
        raise CorpusError(f"{path}:{number}: expected links such as 0-0 1-2, found {line!r:.80}") from None
