"""One file of tab-separated lines."""

import contextlib
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from translator.config.corpora import CorpusConfig
from translator.config.schema import DataConfig
from translator.data.corpora.base import CorpusError, InputFile, SentencePair
from translator.data.corpora.lines import read_lines, require_file


@dataclass(frozen=True)
class TsvCorpus:
    """Each line is source, tab, target. Quotes are text; a blank line is a pair of empty sentences.

    Attributes:
        root: The folder that the name starts from.
        name: The file's name.
        key: The setting that names it, for messages.
    """

    root: Path
    name: str
    key: str

    @classmethod
    def of(cls, corpus: CorpusConfig, data: DataConfig, key: str) -> "TsvCorpus":
        return cls(data.root, str(corpus.tsv), key)

    @property
    def description(self) -> str:
        return str(self.root / self.name)

    def pairs(self) -> Generator[SentencePair, None, None]:
        path = self.root / self.name
        require_file(path, self.key)
        with contextlib.closing(read_lines(path)) as lines:
            for number, line in enumerate(lines, 1):
                sides = line.split("\t") if line.strip() else ["", ""]
                if len(sides) != 2:
                    hint = "; keep two of the columns, as `cut -f 1,2` does the first two" if len(sides) > 2 else ""
                    raise CorpusError(
                        f"{path}:{number}: a line is source, tab, target; "
                        f"found {len(sides) - 1} tabs in {line!r:.60}{hint}"
                    )
                yield SentencePair(*sides)

    def inputs(self) -> list[InputFile]:
        path = self.root / self.name
        return [InputFile(self.name, path)] if path.is_file() else []

    def place(self, number: int) -> str:
        return f"{self.root / self.name}:{number}"
