"""One file of JSON objects, one a line."""

import json
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from translator.config.corpora import CorpusConfig
from translator.config.data import DataConfig
from translator.data.corpora.base import CorpusError, InputFile, SentencePair, Side
from translator.data.corpora.lines import numbered_lines, one_line

MOST_NAMED = 10  # keys, in a message


@dataclass(frozen=True)
class JsonlCorpus:
    """Each line is an object with a source and a target (jsonlines.org); a blank line is a pair of empty sentences.

    Line breaks inside a text become spaces.

    Attributes:
        root: The folder that the name starts from.
        name: The file's name.
        columns: Keys of source and target; `a.b` is b inside a, unless there is a key `a.b`.
        key: The setting that names the file, for messages.
    """

    root: Path
    name: str
    columns: tuple[str, str]
    key: str

    @classmethod
    def of(cls, corpus: CorpusConfig, data: DataConfig, key: str) -> "JsonlCorpus":
        source, target = corpus.columns_of(data.source, data.target) or (data.source, data.target)
        return cls(data.root, str(corpus.jsonl), (str(source), str(target)), key)

    @property
    def description(self) -> str:
        return str(self.root / self.name)

    def pairs(self) -> Generator[SentencePair, None, None]:
        path = self.root / self.name
        with numbered_lines(path, self.key) as lines:
            for number, line in lines:
                record = _parsed(line, f"{path}:{number}") if line.strip() else None
                yield SentencePair(
                    *("" if record is None else _text(record, key, f"{path}:{number}") for key in self.columns)
                )

    def inputs(self) -> list[InputFile]:
        path = self.root / self.name
        return [InputFile(self.name, path)] if path.is_file() else []

    def place(self, number: int, side: Side = "source") -> str:
        return f"{self.root / self.name}:{number}"


def _parsed(line: str, where: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except RecursionError:
        raise CorpusError(f"{where}: the line is nested too deeply; a line is an object with two texts") from None
    except ValueError as error:
        message = getattr(error, "msg", "a number is too long")
        raise CorpusError(f"{where}: the line is not JSON: {message}; found {line!r:.60}") from None
    if not isinstance(record, dict):
        raise CorpusError(f'{where}: a line is an object, as in {{"en": "…", "de": "…"}}; found {line!r:.60}')
    return record


def _text(record: dict[str, Any], key: str, where: str) -> str:
    """The text by a key, on one line."""
    found: Any = record
    for part in [key] if key in record else key.split("."):
        if not isinstance(found, dict) or part not in found:
            keys = [repr(name)[:60] for name in list(record)[:MOST_NAMED]]
            raise CorpusError(
                f"{where}: there is no key {key}; the keys are {', '.join(keys) or 'none'}. Name the two that are "
                "meant, as in `columns: {en: translation.en, de: translation.de}`"
            )
        found = found[part]
    if not isinstance(found, str):
        raise CorpusError(f"{where}: {key} is not text; found {found!r:.60}")
    try:
        found.encode()
    except UnicodeEncodeError:
        raise CorpusError(
            f"{where}: {key} has half of a surrogate pair, which is not text; found {found!a:.60}"
        ) from None
    return one_line(found)
