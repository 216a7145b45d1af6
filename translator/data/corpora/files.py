"""A pair of text files, one sentence per line."""

import contextlib
import itertools
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from translator.config.corpora import CorpusConfig
from translator.config.data import DataConfig
from translator.data.corpora.base import CorpusError, InputFile, SentencePair, Side
from translator.data.corpora.lines import read_lines, require_file


@dataclass(frozen=True)
class FilesCorpus:
    """Line n of one file is the translation of line n of the other.

    Attributes:
        root: The folder that the names start from.
        source: Name of the file of source sentences.
        target: Name of the file of target sentences.
        key: The setting that names them, for messages.
    """

    root: Path
    source: str
    target: str
    key: str

    @classmethod
    def of(cls, corpus: CorpusConfig, data: DataConfig, key: str) -> "FilesCorpus":
        source, target = (str(corpus.files).replace("{lang}", language) for language in (data.source, data.target))
        return cls(data.root, source, target, key)

    @property
    def description(self) -> str:
        return f"{self.root / self.source} and {self.root / self.target}"

    def pairs(self) -> Generator[SentencePair, None, None]:
        source, target = self.root / self.source, self.root / self.target
        for path in (source, target):
            require_file(path, self.key)
        with contextlib.closing(read_lines(source)) as sources, contextlib.closing(read_lines(target)) as targets:
            for number, (one, other) in enumerate(itertools.zip_longest(sources, targets)):
                if one is None or other is None:
                    n = number + (one is not None) + sum(1 for _ in sources)
                    m = number + (other is not None) + sum(1 for _ in targets)
                    raise CorpusError(
                        f"{source} has {n} lines but {target} has {m}; "
                        "a parallel corpus needs one target line for each source line"
                    )
                yield SentencePair(one, other)

    def inputs(self) -> list[InputFile]:
        files = [InputFile(name, self.root / name) for name in (self.source, self.target)]
        return [file for file in files if file.path.is_file()]

    def place(self, number: int, side: Side = "source") -> str:
        return f"{self.root / (self.source if side == 'source' else self.target)}:{number}"
