"""Translation memories in TMX (LISA OSCAR, TMX 1.4b), streamed."""

import array
import collections
import functools
import itertools
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.parsers import expat

from translator.config.corpora import CorpusConfig
from translator.config.data import DataConfig
from translator.data.corpora.base import CorpusError, InputFile, SentencePair, Side
from translator.data.corpora.compression import UNREADABLE, opened
from translator.data.corpora.lines import MOST_LINE_BYTES, one_line, require_file, unreadable
from translator.languages import normalized, primary
from translator.text_files import what_else_it_is

READ_BYTES = 2**16
MOST_LANGUAGES = 20  # in a message
MOST_NESTED = 1000  # elements inside one another; a parser remembers those that are open
# Elements inside a segment whose text is mark-up of the document that the segment comes from (TMX 1.4b, §3.3).
CODES = {"bpt", "ept", "it", "ph", "ut"}


@dataclass(frozen=True)
class TmxCorpus:
    """The translation units that have both languages; of several variants of a language the first that is not empty.

    A variant is of a language if the primary subtags agree. One with all subtags alike goes before others. If source
    and target have the same primary subtag, all subtags must agree.

    Attributes:
        root: The folder that the name starts from.
        name: The file's name.
        source: The language of the source.
        target: The language of the target.
        key: The setting that names the file, for messages.
    """

    root: Path
    name: str
    source: str
    target: str
    key: str

    @classmethod
    def of(cls, corpus: CorpusConfig, data: DataConfig, key: str) -> "TmxCorpus":
        return cls(data.root, str(corpus.tmx), data.source, data.target, key)

    @property
    def description(self) -> str:
        return str(self.root / self.name)

    def pairs(self) -> Generator[SentencePair, None, None]:
        for number, (line, pair) in enumerate(self._units()):
            if number == len(self._lines):
                self._lines.append(line)
            yield pair

    def inputs(self) -> list[InputFile]:
        path = self.root / self.name
        return [InputFile(self.name, path)] if path.is_file() else []

    def place(self, number: int, side: Side = "source") -> str:
        if number > len(self._lines):
            collections.deque(itertools.islice(self.pairs(), number), maxlen=0)  # reads no further than to that pair
        return f"{self.root / self.name}:{self._lines[number - 1]}"

    @functools.cached_property
    def _lines(self) -> "array.array[int]":
        """The line on which each pair's unit starts, of those that have been read so far."""
        return array.array("q")

    def _units(self) -> Generator[tuple[int, SentencePair], None, None]:
        """The pairs, each with the line on which its unit starts."""
        path = self.root / self.name
        require_file(path, self.key)
        reader = _Reader(path, (self.source, self.target))
        start = b""
        try:
            with opened(path) as file:
                while chunk := file.read(READ_BYTES):
                    start = start or chunk
                    yield from reader.read(chunk)
                yield from reader.read(b"")
        except UNREADABLE as error:
            raise unreadable(path, error, reader.line) from error
        except (expat.ExpatError, LookupError, ValueError) as error:
            # Of an archive, or of UTF-16 without its mark, nothing can be parsed.
            if not reader.found and (what := what_else_it_is(start, path)):
                raise CorpusError(f"{path} {what}") from None
            raise CorpusError(f"{path}:{reader.line}: not well-formed XML: {_message(error)}") from None
        reader.require_languages()


class _Reader:
    """Finds units while a parser goes through a file, which it never holds as a whole.

    Expat fetches nothing. Declarations of entities, by which a short file could expand without end, are refused.
    """

    def __init__(self, path: Path, languages: tuple[str, str]) -> None:
        self.found = 0
        self._path, self._languages = path, languages
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler, self._parser.EndElementHandler = self._start, self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.CommentHandler = self._parser.ProcessingInstructionHandler = self._passed
        self._parser.EntityDeclHandler, self._parser.SkippedEntityHandler = self._entity_declared, self._entity_skipped
        self._units: list[tuple[int, SentencePair]] = []  # that have not been taken yet
        self._quiet = 0  # bytes since the last event
        self._depth = 0
        self._unit_line = 0
        self._best: list[tuple[int, str]] = []  # of source and target: how well the variant fits, and its text
        self._fits = (0, 0)  # of the variant at hand
        self._segment: list[str] | None = None
        self._characters = self._codes = 0  # in the segment, and around the text at hand
        self._seen: dict[str, None] = {}  # languages of the file

    @property
    def line(self) -> int:
        """The line that has been reached."""
        return self._parser.CurrentLineNumber

    def read(self, chunk: bytes) -> Iterator[tuple[int, SentencePair]]:
        """The units that end in the next bytes; no bytes are the end of the file."""
        self._quiet += len(chunk)
        self._parser.Parse(chunk, not chunk)
        if self._quiet > MOST_LINE_BYTES:
            raise self._error(f"a tag or a comment has more than {MOST_LINE_BYTES:,} bytes")
        units, self._units = self._units, []
        yield from units

    def require_languages(self) -> None:
        """Raises a CorpusError if there were units, and none of them had both languages."""
        if self._seen and not self.found:
            languages = ", ".join(filter(None, self._seen))
            raise CorpusError(
                f"{self._path} has no unit with both {' and '.join(self._languages)} (data.source, data.target); "
                + (
                    f"its languages are {languages}"
                    if languages
                    else "its variants (tuv) do not name theirs by xml:lang"
                )
            )

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._quiet = 0
        self._depth += 1
        if self._depth > MOST_NESTED:
            raise self._error(f"more than {MOST_NESTED:,} elements are nested")
        if tag == "tu":
            self._unit_line, self._best = self.line, [(0, ""), (0, "")]
        elif tag == "tuv":
            code = attributes.get("xml:lang") or attributes.get("lang") or ""
            if len(self._seen) < MOST_LANGUAGES:
                self._seen[code[:20]] = None
            self._fits = _fits(code, *self._languages), _fits(code, *self._languages[::-1])
        elif tag == "seg":
            self._segment, self._characters, self._codes = [], 0, 0
        elif tag in CODES:
            self._codes += 1

    def _end(self, tag: str) -> None:
        self._quiet = 0
        self._depth -= 1
        if tag == "seg" and self._segment is not None:
            text, self._segment = one_line("".join(self._segment)), None
            # A second variant that fits as well replaces the first only if that is empty.
            self._best = [
                (fits, text) if (fits, bool(text.strip())) > (best[0], bool(best[1].strip())) else best
                for fits, best in zip(self._fits, self._best, strict=False)
            ]
        elif tag == "tuv":
            self._fits = (0, 0)
        elif tag == "tu" and self._best:
            (source_fits, source), (target_fits, target) = self._best
            if source_fits and target_fits:
                self._units.append((self._unit_line, SentencePair(source, target)))
                self.found += 1
            self._best = []
        elif tag in CODES:
            self._codes -= 1

    def _text(self, text: str) -> None:
        self._quiet = 0
        if self._segment is not None and self._codes <= 0:
            self._segment.append(text)
            self._characters += len(text)
            if self._characters > MOST_LINE_BYTES:
                raise self._error(
                    f"the segment has more than {MOST_LINE_BYTES:,} characters; write one sentence a unit"
                )

    def _passed(self, *_: str) -> None:
        self._quiet = 0

    def _entity_declared(self, name: str, *_: object) -> None:
        raise self._error(f"the entity {name:.60} is declared, which is refused; write out what it stands for")

    def _entity_skipped(self, name: str, _: bool) -> None:
        raise self._error(f"the entity &{name:.60}; has no meaning in this file; write out what it stands for")

    def _error(self, what: str) -> CorpusError:
        return CorpusError(f"{self._path}:{self.line}: {what}")


@functools.lru_cache(1024)
def _fits(code: str, language: str, other: str) -> int:
    """How well a variant's language fits the one that is wanted, beside another: 0 is not at all."""
    if normalized(code) == normalized(language):
        return 2
    return int(primary(code) == primary(language) != primary(other))


def _message(error: Exception) -> str:
    return expat.ErrorString(error.code) if isinstance(error, expat.ExpatError) else str(error)
