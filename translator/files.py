"""Files that can be trusted: what they hold, that they are whole, and that they are on the disk."""

import contextlib
import errno
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from translator.errors import TranslatorError

STANDARD_OUTPUT = 1  # its descriptor
PARTIAL_NAME = re.compile(r"\.[0-9a-f]{8}\.partial$")  # how the name of a file ends that `replacing` has not finished


class NoRoomError(TranslatorError):
    """The disk is full, or a quota is; what was there before is what it was."""


def open_file(path: Path) -> BinaryIO:
    """Opens a regular file for reading: a pipe would keep one waiting, and a device may have no end.

    Raises:
        OSError: it cannot be opened, or is no regular file.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    return path.open("rb")


def read_file(path: Path, most_bytes: int = 2**26) -> bytes:
    """The content of a regular file; an OSError if it is none, or has more bytes."""
    with open_file(path) as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise OSError(errno.EFBIG, f"More than {most_bytes:,} bytes", str(path))
    return content


def sha256(path: Path) -> str:
    """The checksum of a file's content, in hexadecimal."""
    digest = hashlib.sha256()
    with open_file(path) as file:
        while chunk := file.read(2**20):
            digest.update(chunk)
    return digest.hexdigest()


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a place to write to, a neighbour that becomes `path` at the end of the block: whole, or not at all.

    After an error or an interrupt `path` is what it was, and the neighbour is gone. Where `path` is a link, the file
    that it leads to is replaced; its owner and permissions stay. A pipe or a device is written to as it is.

    Raises:
        OSError: `path`, which it names, cannot be written.
    """
    try:
        before = path.stat()
    except FileNotFoundError:
        before = None
    if before and not stat.S_ISREG(before.st_mode):
        yield path
        return
    if before and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    target = Path(os.path.realpath(path))
    # A name that nobody else has, and no longer than a name may be.
    partial = target.with_name(f"{target.name[:40]}.{secrets.token_hex(4)}.partial")
    try:
        partial.touch(exist_ok=False)
        if before:
            with contextlib.suppress(PermissionError):
                os.chown(partial, before.st_uid, before.st_gid)
            partial.chmod(stat.S_IMODE(before.st_mode))
        yield partial
        flush_to_disk(partial)
        partial.replace(target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        if isinstance(error, OSError) and error.filename == str(partial):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def is_standard_output(path: Path) -> bool:
    """Whether a path leads to where standard output goes, as `/dev/stdout` does: it is not to be replaced or cut."""
    try:
        return os.path.samestat(path.stat(), os.fstat(STANDARD_OUTPUT))
    except OSError:
        return False


def write_file(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all, as `replacing` has it."""
    with replacing(path) as place:
        place.write_bytes(content)


def flush_to_disk(path: Path) -> None:
    """Returns when a file, or the list of files in a folder, would outlive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def room_for(what: str, path: Path) -> Iterator[None]:
    """Where writing to the path finds no room, raises a NoRoomError that says for what."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise NoRoomError(f"{path}: no room on the disk for {what}") from error
