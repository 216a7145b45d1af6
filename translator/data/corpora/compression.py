"""Files for reading in bytes, decompressed by the ending of their names."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

from backports import zstd  # `compression.zstd` of Python 3.14

# What reading a broken archive, or a file that cannot be read, raises.
UNREADABLE = (OSError, EOFError, zlib.error, lzma.LZMAError, zstd.ZstdError)

_OPENERS: Mapping[str, Callable[[Path], Any]] = MappingProxyType(
    {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open, ".zst": zstd.open}
)


def opened(path: Path) -> BinaryIO:
    """A file for reading in bytes; one that ends in `.gz`, `.bz2`, `.xz` or `.zst` is decompressed.

    Raises:
        OSError: it cannot be opened.
        EOFError: it is to be decompressed, and is empty.
    """
    if path.suffix not in _OPENERS:
        return path.open("rb")
    if path.is_file() and not path.stat().st_size:  # Python's gzip takes it for the archive of an empty file
        raise EOFError(f"a {path.suffix} file has more than 0 bytes; copy or write it again")
    return _OPENERS[path.suffix](path)
