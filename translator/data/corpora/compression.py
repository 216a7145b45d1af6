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
    """A file for reading in bytes; one that ends in `.gz`, `.bz2`, `.xz` or `.zst` is decompressed."""
    return _OPENERS[path.suffix](path) if path.suffix in _OPENERS else path.open("rb")
