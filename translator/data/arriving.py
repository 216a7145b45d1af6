"""Lines as they arrive: from a file in large groups, from a pipe or a terminal as soon as they can be read."""

import codecs
import contextlib
import os
import select
import stat
from collections.abc import Generator
from pathlib import Path

from translator.data.corpora.compression import UNREADABLE, opened
from translator.data.corpora.lines import MOST_LINE_BYTES, read_lines

STANDARD_INPUT = 0  # its descriptor
READ_BYTES = 2**16
COUNTED_BYTES = 2**20  # at a time


def arriving_lines(path: Path | None, most: int) -> Generator[list[str], None, None]:
    """Streams lines as `read_lines` does, in groups of all lines, but at most `most`, that can be read without waiting.

    A regular file gives groups of `most` lines; only the last may be smaller.

    Args:
        path: A file, a pipe or a device; None for standard input.
        most: Lines in a group.

    Raises:
        CorpusError: As `read_lines`.
    """
    with contextlib.ExitStack() as stack:
        if path is None:
            stream = _Arriving(STANDARD_INPUT)
        elif is_a_file(path):
            stream = None
        else:
            stream = stack.enter_context(contextlib.closing(_Arriving(os.open(path, os.O_RDONLY))))
        lines = stack.enter_context(contextlib.closing(read_lines(path or Path("standard input"), stream)))
        for line in lines:
            group = [line]
            while len(group) < most and (stream is None or stream.ready()):
                if (following := next(lines, None)) is None:
                    break
                group.append(following)
            yield group


def count_lines(path: Path) -> int:
    """The number of lines that `read_lines` gives of a file, without a look at what they hold.

    Raises:
        CorpusError: As `read_lines`, for a file that cannot be read to its end.
    """
    count, size, tail = 0, 0, b""
    try:
        with opened(path) as file:
            while chunk := file.read(COUNTED_BYTES):
                count, size, tail = count + chunk.count(b"\n"), size + len(chunk), chunk
    except UNREADABLE:
        return sum(1 for _ in read_lines(path))  # which says what is wrong, and where
    if size == len(codecs.BOM_UTF8) and tail == codecs.BOM_UTF8:
        return 0
    return count + (tail[-1:] not in (b"", b"\n"))


def is_a_file(path: Path) -> bool:
    """Whether to read the path as a file. A missing path is one, so that the error is that of a missing file."""
    try:
        return not stat.S_ISFIFO(mode := path.stat().st_mode) and not stat.S_ISCHR(mode)
    except OSError:
        return True


class _Arriving:
    """The lines of a descriptor. Python's buffered files do not tell whether a whole line is buffered."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._held, self._looked_at, self._ended = descriptor, bytearray(), 0, False
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)

    def readline(self, size: int, /) -> bytes:
        """Waits for the next line; returns it with its end, or its first `size` bytes; empty at the end."""
        while not self._holds_line(size) and not self._ended:
            self._poll.poll()
            self._read()
        end = self._held.find(b"\n", 0, size) + 1 or size
        line = bytes(self._held[:end])
        del self._held[:end]
        self._looked_at = 0
        return line

    def ready(self) -> bool:
        """Whether `readline` returns, or raises, without waiting."""
        with contextlib.suppress(OSError):  # `readline` raises it again
            while not self._holds_line(MOST_LINE_BYTES + 1) and not self._ended:
                if not self._poll.poll(0):
                    return False
                self._read()
        return True

    def close(self) -> None:
        os.close(self._descriptor)

    def _holds_line(self, size: int) -> bool:
        found = self._held.find(b"\n", self._looked_at) >= 0
        self._looked_at = self._looked_at if found else len(self._held)
        return found or len(self._held) >= size

    def _read(self) -> None:
        content = os.read(self._descriptor, READ_BYTES)
        self._held += content
        self._ended = not content
