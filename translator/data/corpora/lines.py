"""Lines of text files, plain or compressed, with each problem named by file and line."""

import codecs
import contextlib
import difflib
import functools
import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Protocol

from translator.data.corpora.base import CorpusError
from translator.data.corpora.compression import UNREADABLE, opened
from translator.errors import shell_quoted
from translator.files import free_path, open_file
from translator.text_files import COMPRESSIONS, what_else_it_is

# Of a line, its end included. A longer line is not a sentence, and one without an end would fill the memory.
MOST_LINE_BYTES = 2**20


class ByteLines(Protocol):
    """The part of a binary file that `read_lines` uses: the next line with its end, at most `size` bytes of it."""

    def readline(self, size: int, /) -> bytes: ...


def read_lines(path: Path, stream: ByteLines | None = None) -> Generator[str, None, None]:
    r"""Streams the lines of a UTF-8 text file without their ends; a compressed one is decompressed.

    A line ends at "\n" or "\r\n" and nowhere else. U+2028, U+0085, form feeds and lone carriage returns are text, as
    they are for `wc` and `paste`, so that line n of one file stays aligned with line n of the other. A byte order
    mark at the start is dropped.

    Args:
        path: The file; with `stream`, only a name for messages.
        stream: What to read in the file's place. It is left open.

    Raises:
        CorpusError: For a missing file, a broken archive, an endless line or a byte that is not UTF-8.
    """
    number = 0
    try:
        with opened(path) if stream is None else contextlib.nullcontext(stream) as file:
            for number, line in enumerate(iter(functools.partial(file.readline, MOST_LINE_BYTES + 1), b""), 1):
                if number == 1 and (what := _what_else(line, path, stream is None)):
                    raise CorpusError(f"{path} {what}")
                if len(line) > MOST_LINE_BYTES:
                    raise CorpusError(
                        f"{path}:{number}: the line has more than {MOST_LINE_BYTES:,} bytes; write one sentence a line"
                    )
                if number == 1 and line == codecs.BOM_UTF8:
                    continue  # some editors write an empty file so
                if line.endswith(b"\n"):
                    line = line[:-1].removesuffix(b"\r")
                text = decoded(line, path, number)
                yield text.removeprefix("\ufeff") if number == 1 else text
    except FileNotFoundError:
        raise _missing(path) from None
    except UNREADABLE as error:
        raise unreadable(path, error, number) from error


def unreadable(path: Path, error: BaseException, line: int) -> CorpusError:
    """The error for a file that can be read no further than a line; 0 is not at all."""
    if not line and path.suffix in COMPRESSIONS and (what := _instead_of_archive(path)):
        return CorpusError(f"{path}, despite its name, {what}")
    if isinstance(error, IsADirectoryError):
        return CorpusError(f"{path} is a folder; name a file")
    reached = f"past line {line}" if line else "at all"
    return CorpusError(f"{path} cannot be read {reached}: {getattr(error, 'strerror', None) or error}")


def one_line(text: str) -> str:
    """Text of a format whose sentences may be broken into lines, as one line; any other is not changed."""
    return re.sub(r"[ \t]*[\r\n][ \t\r\n]*", " ", text).strip() if "\n" in text or "\r" in text else text


@contextlib.contextmanager
def numbered_lines(path: Path, key: str) -> Iterator[Iterator[tuple[int, str]]]:
    """The lines of a file with their numbers, from 1 on.

    Args:
        path: The file.
        key: The setting that names it, for messages.

    Raises:
        CorpusError: As `require_file` and `read_lines`.
    """
    require_file(path, key)
    with contextlib.closing(read_lines(path)) as lines:
        yield enumerate(lines, 1)


def require_file(path: Path, key: str) -> None:
    """Raises a CorpusError unless there is something at the path that can be read more than once.

    Args:
        path: What a corpus is to be read from.
        key: The setting that names it.
    """
    require_lasting(path)
    if not path.exists():
        raise _missing(path, key)


def require_lasting(path: Path) -> None:
    """Raises a CorpusError for a pipe or a device.

    The vocabulary, the store and each start of a run read a corpus again.
    """
    try:
        if path.is_file() or path.is_dir() or not path.exists():
            return
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror}") from error
    raise CorpusError(f"{path} is a pipe or a device; a corpus of a configuration is read more than once: name a file")


def decoded(line: bytes, path: Path | str, number: int) -> str:
    """A line of UTF-8 as text; a CorpusError names its file, its number and the first wrong byte."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{path}:{number}: byte {error.start + 1} of the line, 0x{line[error.start]:02x}, is not UTF-8; "
            "convert the file to UTF-8, as `iconv -f LATIN1 -t UTF-8` does for Latin-1"
        ) from None


def _what_else(first_line: bytes, path: Path, is_file: bool) -> str | None:
    unpacked_by = COMPRESSIONS[path.suffix].command if path.suffix in COMPRESSIONS else ""
    return what_else_it_is(first_line, path if is_file else None, unpacked_by)


def _instead_of_archive(path: Path) -> str | None:
    """What a file is that its name calls compressed; None if it is, or is empty or cannot be read."""
    try:
        with open_file(path) as file:
            start = file.read(512)
    except OSError:
        return None
    compression = COMPRESSIONS[path.suffix]
    if not start or start.startswith(compression.starts):
        return None
    return what_else_it_is(start, path) or (
        f"is not compressed with {compression.name}; if it is text, rename it: "
        f"mv {shell_quoted(path)} {shell_quoted(free_path(path.with_suffix('')))}"
    )


def _missing(path: Path, key: str | None = None) -> CorpusError:
    """The error for a file that does not exist, with similar names in its folder."""
    named_by = f", which {key} names" if key else ""
    if not path.parent.is_dir():
        return CorpusError(f"there is no file {path}{named_by}; there is no folder {path.parent}")
    names = [neighbour.name for neighbour in path.parent.iterdir()]
    plain = path.name.removesuffix(path.suffix) if path.suffix in COMPRESSIONS else path.name
    twins = [name for name in (plain, *(f"{plain}{suffix}" for suffix in COMPRESSIONS)) if name in names]
    near = dict.fromkeys(twins + difflib.get_close_matches(path.name, names))
    return CorpusError(f"there is no file {path}{named_by}" + (f"; similar names: {', '.join(near)}" if near else ""))
