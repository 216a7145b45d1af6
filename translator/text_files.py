"""Detects files that are not UTF-8 text, and gives the command that converts them."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from translator.errors import shell_quoted
from translator.files import free_path


class Compression(NamedTuple):
    """How a compressed file is recognized and decompressed."""

    name: str
    starts: tuple[bytes, ...]  # its first bytes: one of these
    command: str  # decompresses standard input to standard output


# By the ending of a file's name.
COMPRESSIONS: Mapping[str, Compression] = MappingProxyType(
    {
        ".gz": Compression("gzip", (b"\x1f\x8b",), "gunzip -c"),
        ".bz2": Compression("bzip2", tuple(b"BZh%d1AY&SY" % level for level in range(1, 10)), "bunzip2 -c"),
        ".xz": Compression("xz", (b"\xfd7zXZ\0",), "unxz -c"),
        ".zst": Compression("zstd", (b"\x28\xb5\x2f\xfd",), "unzstd -c"),
    }
)
# First bytes, what such a file is, and the command that converts it; of two with a common prefix, the longer first.
_STARTS: tuple[tuple[bytes | tuple[bytes, ...], str, str], ...] = (
    (b"\xff\xfe\0\0", "not UTF-8 but UTF-32", "iconv -f UTF-32 -t UTF-8"),
    (b"\0\0\xfe\xff", "not UTF-8 but UTF-32", "iconv -f UTF-32 -t UTF-8"),
    (b"\xff\xfe", "not UTF-8 but UTF-16", "iconv -f UTF-16 -t UTF-8"),
    (b"\xfe\xff", "not UTF-8 but UTF-16", "iconv -f UTF-16 -t UTF-8"),
    *((each.starts, f"compressed with {each.name}", each.command) for each in COMPRESSIONS.values()),
)
_TAR_MARK = 257  # bytes from the start of a tar archive to its "ustar"


def what_else_it_is(start: bytes, path: Path | None, unpacked_by: str = "") -> str | None:
    """Says what a file is that is not UTF-8 text, with the command that converts it; None if it may be such text.

    Args:
        start: Its first line, or more.
        path: The file, for the command; None for a stream.
        unpacked_by: The command that decompresses the file, if `start` has been decompressed; "" if not.
    """
    name = shell_quoted(path or "-")
    if start.startswith(b"PK\3\4") or start[_TAR_MARK:].startswith(b"ustar"):
        kind, command = ("ZIP", f"unzip {name}") if start.startswith(b"PK") else ("tar", f"tar -xkf {name}")
        return f"is a {kind} archive; unpack it" + (f": {command}" if path else " first")
    found = next(((kind, command) for mark, kind, command in _STARTS if start.startswith(mark)), None)
    if found is None and (encoding := _unmarked_encoding(start)):
        found = f"not UTF-8 but {encoding}", f"iconv -f {encoding} -t UTF-8"
    if found is None:
        return None
    kind, command = found
    if path is None:
        return f"is {kind}; pipe it through: {command}"
    commands = f"{unpacked_by} < {name} | {command}" if unpacked_by else f"{command} < {name}"
    return f"is {kind}; convert it: {commands} > {shell_quoted(free_path(Path(f'{path}.txt')))}"


def _unmarked_encoding(start: bytes) -> str | None:
    """UTF-16 or UTF-32 without a byte order mark, recognized by characters below U+0900.

    The high byte of each is below 9. UTF-8 text has hardly any such byte.
    """
    for encoding, width in (("UTF-32LE", 4), ("UTF-32BE", 4), ("UTF-16LE", 2), ("UTF-16BE", 2)):
        with contextlib.suppress(UnicodeDecodeError):
            text = start[: len(start) // width * width].decode(encoding)
            if sum(c < "\u0900" for c in text) > max(1, len(text) // 10) and "".join(text.split()).isprintable():
                return encoding
    return None
