"""Lines to translate, in blocks: what a process takes at a time. With them come target prefixes, if there are any."""

import contextlib
import hashlib
import itertools
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from translator.data.arriving import arriving_lines, count_lines, is_a_file
from translator.data.corpora.lines import read_lines
from translator.decoding.unfinished import Unfinished
from translator.errors import TranslatorError
from translator.shard import Shard


class FilesError(TranslatorError):
    """Something asked of a translation of files that cannot be done with these files."""


class Block(NamedTuple):
    """Lines that one process translates together.

    Attributes:
        first_line: the number of the first in the file.
        lines: at least one.
        digest: SHA-256 of all lines of the input's part until the last of these, and of their target prefixes.
        target_prefixes: one for each line; None for none.
    """

    first_line: int
    lines: list[str]
    digest: str
    target_prefixes: list[str] | None = None


class Lines:
    """What is translated: all lines of a stream, or those of a part of a file.

    Attributes:
        source: the file; None for standard input.
        name: what messages call it.
        total: how many lines the file has; None for a stream.
        part: those of them to translate, from 0; None for all that arrive.
    """

    def __init__(
        self,
        source: Path | str | None,
        target_prefixes: Path | str | None = None,
        shard: Shard | None = None,
        name: str | None = None,
    ) -> None:
        """Counts lines, if that can be done.

        Args:
            source: the file, compressed or not; None, as a pipe or a device, for lines as they arrive.
            target_prefixes: a file with as many lines, how the translation of each begins.
            shard: the part of a file; None for all of it.
            name: what messages call the file; None for its path.

        Raises:
            CorpusError: a file cannot be read to its end.
            FilesError: a stream has no parts, or the two files have not as many lines.
        """
        self.source = None if source is None else Path(source)
        self.name = name or ("standard input" if source is None else str(source))
        self._prefixes = None if target_prefixes is None else Path(target_prefixes)
        self._shard = shard
        self.total: int | None = None
        self.part: range | None = None
        if shard:
            self.require_file("--shard")
        if self.is_file:
            self._count()

    @property
    def paths(self) -> list[Path]:
        """The files that are read."""
        return [path for path in (self.source, self._prefixes) if path]

    @property
    def is_file(self) -> bool:
        """Whether the lines can be counted, and read again."""
        return self.source is not None and is_a_file(self.source)

    def require_file(self, option: str) -> None:
        """Raises a FilesError for an option that a stream cannot follow."""
        if not self.is_file:
            given = self.name if self.source is None else f"{self.name}, a pipe or a device"
            raise FilesError(f"{option} needs a file as --input, which can be counted; found {given}")

    @property
    def made_of(self) -> dict[str, object]:
        """What the lines are of beside their text: the part, and whether there are target prefixes."""
        part = f"{self._shard} of {self.total} lines" if self._shard else "all lines"
        return {"part": part, "target_prefixes": bool(self._prefixes)}

    def blocks(self, most: int, begun: Unfinished | None = None) -> Generator[Block, None, None]:
        """Reads the lines, without those that are done.

        Args:
            most: lines of a block.
            begun: what is done.

        Raises:
            CorpusError: a line cannot be read; says which.
            FilesError: there are not as many target prefixes as lines.
            ResumeError: what is done is the translation of other lines.
        """
        with contextlib.ExitStack() as stack:
            reading = self._reading(stack, most)
            left, digest = begun.lines if begun else 0, ""
            while left and (block := reading.block(min(left, most))):
                left, digest = left - len(block.lines), block.digest
            if begun and begun.lines:
                begun.require_input(" or ".join(map(str, filter(None, (self.name, self._prefixes)))), digest)
            while block := reading.block(most):
                yield block
            if self._shard is None:
                reading.require_end()

    def _count(self) -> None:
        assert self.source
        self.total = count_lines(self.source)
        self.part = (self._shard or Shard(1, 1)).of(self.total)
        if self._prefixes and is_a_file(self._prefixes) and (count := count_lines(self._prefixes)) != self.total:
            raise _not_as_many(self._prefixes, self.total, count)

    def _reading(self, stack: contextlib.ExitStack, most: int) -> "_Reading":
        """The input opened, where its part begins."""
        prefixes = stack.enter_context(contextlib.closing(read_lines(self._prefixes))) if self._prefixes else None
        if self.part is None or self.source is None:
            groups = stack.enter_context(contextlib.closing(arriving_lines(self.source, most)))
            return _Reading(lambda _: next(groups, []), 1, self._prefixes, prefixes)
        lines = stack.enter_context(contextlib.closing(read_lines(self.source)))
        start, stop = self.part.start, self.part.stop if self._shard else None  # all of a file, though it may grow
        mine = itertools.islice(lines, start, stop)
        begins = itertools.islice(prefixes, start, None) if prefixes else None
        return _Reading(lambda count: list(itertools.islice(mine, count)), start + 1, self._prefixes, begins)


class _Reading:
    """An input while it is read, line by line, with its target prefixes."""

    def __init__(
        self, take: Callable[[int], list[str]], number: int, path: Path | None, prefixes: Iterator[str] | None
    ) -> None:
        """Takes what gives the next lines, at most so many, of which the first has a number, and the prefixes."""
        self._take, self._number, self._path, self._prefixes = take, number, path, prefixes
        self._digest = hashlib.sha256()

    def block(self, most: int) -> Block | None:
        """The next lines; None at the end."""
        if not (lines := self._take(most)):
            return None
        prefixes = None if self._prefixes is None else list(itertools.islice(self._prefixes, len(lines)))
        if prefixes is not None and len(prefixes) < len(lines):
            raise _not_as_many(self._path, self._number + len(lines) - 1, self._number + len(prefixes) - 1)
        alternating = lines if prefixes is None else itertools.chain(*zip(lines, prefixes, strict=True))
        self._digest.update(bytes_of(alternating))
        block = Block(self._number, lines, self._digest.hexdigest(), prefixes)
        self._number += len(lines)
        return block

    def require_end(self) -> None:
        """Raises a FilesError if there are prefixes left."""
        if self._prefixes and next(self._prefixes, None) is not None:
            raise _not_as_many(self._path, self._number - 1, self._number)


def bytes_of(lines: Iterable[str]) -> bytes:
    """Lines as they stand in a file."""
    return "".join(f"{line}\n" for line in lines).encode("utf-8")


def _not_as_many(path: Path | None, lines: int, prefixes: int) -> FilesError:
    if prefixes < lines:
        return FilesError(
            f"{path} has fewer lines than the input; give one for each line, empty where it begins freely"
        )
    return FilesError(f"{path} has more than the {lines:,} lines of the input; give one for each")
