"""Reading regular files only, and writing files whole or not at all."""

import contextlib
import errno
import hashlib
import itertools
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from translator.errors import TranslatorError, shell_quoted

STANDARD_OUTPUT = 1  # its descriptor
MOST_NAME_BYTES = 255  # of a file, on every usual file system
PARTIAL_NAME = re.compile(r"\.[0-9a-f]{8}\.partial$")  # how the name of a file ends that `replacing` has not finished


class NoRoomError(TranslatorError):
    """The disk, or a quota, is full; existing files are unchanged."""


class OverwriteError(TranslatorError):
    """An output that would replace a file that is read."""


def open_file(path: Path) -> BinaryIO:
    """Opens a regular file for reading: a pipe may block, and a device may be endless.

    Raises:
        OSError: It cannot be opened, or is not a regular file.
    """
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise _is_a_folder(path)
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    return path.open("rb")


def read_file(path: Path, most_bytes: int = 2**26) -> bytes:
    """The content of a regular file; an OSError if it is not one, or has more bytes."""
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
    """Gives a temporary file in the same folder, which becomes `path` at the end of the block: whole or not at all.

    After an error or an interrupt `path` is unchanged and the temporary file is deleted. If `path` is a symbolic link,
    its target is replaced; owner and permissions are kept. A pipe or a device is written to directly.

    Raises:
        OSError: `path`, which the error names, cannot be written.
    """
    require_writable(path)
    before = path.stat() if path.exists() else None
    if before and not stat.S_ISREG(before.st_mode):
        yield path
        return
    target = Path(os.path.realpath(path))
    # A name that no other process has, within the length that a file name may have.
    partial = target.with_name(f"{target.name[:40]}.{secrets.token_hex(4)}.partial")
    try:
        partial.touch(exist_ok=False)
        own = before or partial.stat()
        set_owner_and_mode(partial, own)
        yield partial
        set_owner_and_mode(partial, own)  # again: some libraries replace the file by one of theirs
        flush_to_disk(partial)
        partial.replace(target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        if isinstance(error, OSError) and error.filename == str(partial):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def require_writable(path: Path) -> None:
    """Raises an OSError, which says what to do, unless a file can be written there: before work is done for it."""
    if path.is_dir():
        raise _is_a_folder(path)
    if path.exists():
        if not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return
    folder = Path(os.path.realpath(path)).parent
    if not folder.is_dir():
        what = f"there is no such folder; make it first:  mkdir -p {shell_quoted(folder)}"
        raise FileNotFoundError(errno.ENOENT, what, str(path))
    if not os.access(folder, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def _is_a_folder(path: Path) -> IsADirectoryError:
    return IsADirectoryError(errno.EISDIR, "is a folder; name a file", str(path))


def require_not_read(
    output: Path, read: Iterable[Path], option: str = "--output", beside_it: Sequence[Path] = ()
) -> None:
    """Raises an OverwriteError if a file that is read is an output, by this name or another, as links give it.

    Args:
        output: what is written.
        read: what is read.
        option: what names the output.
        beside_it: further files that are written.
    """
    written = [path for path in (output, *beside_it) if path.exists()]
    for path in read:
        if path.exists() and any(each.samefile(path) for each in written):
            raise OverwriteError(f"{option} {output} would overwrite {path}, which is read; name another file")


def beside(path: Path, ending: str) -> Path:
    """A file's name with an ending, in the folder of what a symbolic link leads to; of a name too long, a digest."""
    target = Path(os.path.realpath(path))
    name = f"{target.name}{ending}"
    if len(os.fsencode(name)) > MOST_NAME_BYTES:
        name = f"{target.name[:40]}.{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]}{ending}"
    return target.with_name(name)


def free_path(path: Path) -> Path:
    """A path for a file that a message suggests to write: this one, or `a-2.txt` and so on if there is an `a.txt`."""
    numbered = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in itertools.count(2))
    return next(each for each in itertools.chain([path], numbered) if not os.path.lexists(each))


def set_owner_and_mode(path: Path, of: os.stat_result) -> None:
    with contextlib.suppress(PermissionError):
        os.chown(path, of.st_uid, of.st_gid)
    path.chmod(stat.S_IMODE(of.st_mode))


def is_standard_output(path: Path) -> bool:
    """Whether a path is standard output, as `/dev/stdout` is, which must not be replaced or truncated."""
    try:
        return os.path.samestat(path.stat(), os.fstat(STANDARD_OUTPUT))
    except OSError:
        return False


def write_file(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all, as `replacing` does."""
    with replacing(path) as place:
        place.write_bytes(content)


def append_to_file(path: Path, content: bytes) -> None:
    """Appends to a file, whole or not at all, what then would survive a power failure."""
    whole = None
    try:
        with path.open("ab", buffering=0) as file:
            whole = file.tell()
            while content:
                content = content[file.write(content) :]
            os.fsync(file.fileno())
    except OSError:
        if whole is not None:
            with contextlib.suppress(OSError):
                os.truncate(path, whole)
        raise


def flush_to_disk(path: Path) -> None:
    """Returns when a file, or the entries of a folder, would survive a power failure."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def room_for(what: str, path: Path) -> Iterator[None]:
    """Turns an OSError for a full disk into a NoRoomError that says what was to be written."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise NoRoomError(f"{path}: no space left on the disk for {what}") from error
