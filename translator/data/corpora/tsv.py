"""One file of tab-separated lines."""

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from translator.config.corpora import CorpusConfig
from translator.config.data import DataConfig
from translator.data.corpora.base import CorpusError, InputFile, SentencePair, Side
from translator.data.corpora.lines import numbered_lines


@dataclass(frozen=True)
class TsvCorpus:
    """Each line has a source and a target between tabs. Quotes are text; a blank line is a pair of empty sentences.

    Attributes:
        root: The folder that the name starts from.
        name: The file's name.
        columns: Numbers of the columns of source and target, from 1 on; None for the only two.
        key: The setting that names it, for messages.
    """

    root: Path
    name: str
    columns: tuple[int, int] | None
    key: str

    @classmethod
    def of(cls, corpus: CorpusConfig, data: DataConfig, key: str) -> "TsvCorpus":
        columns = corpus.columns_of(data.source, data.target)
        return cls(data.root, str(corpus.tsv), columns and (int(columns[0]), int(columns[1])), key)

    @property
    def description(self) -> str:
        return str(self.root / self.name)

    def pairs(self) -> Generator[SentencePair, None, None]:
        path = self.root / self.name
        with numbered_lines(path, self.key) as lines:
            for number, line in lines:
                cells = line.split("\t") if line.strip() else []
                if not cells:
                    yield SentencePair("", "")
                elif self.columns is None:
                    if len(cells) != 2:
                        hint = "; say which columns are meant, as in `columns: [1, 2]`" if len(cells) > 2 else ""
                        raise CorpusError(
                            f"{path}:{number}: a line is source, tab, target; "
                            f"found {len(cells) - 1} tabs in {line!r:.60}{hint}"
                        )
                    yield SentencePair(*cells)
                else:
                    if len(cells) < max(self.columns):
                        raise CorpusError(
                            f"{path}:{number}: there is no column {max(self.columns)}, which columns names; "
                            f"found {len(cells) - 1} tabs in {line!r:.60}"
                        )
                    yield SentencePair(*(cells[column - 1] for column in self.columns))

    def inputs(self) -> list[InputFile]:
        path = self.root / self.name
        return [InputFile(self.name, path)] if path.is_file() else []

    def place(self, number: int, side: Side = "source") -> str:
        return f"{self.root / self.name}:{number}"
