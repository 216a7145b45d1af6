"""A folder that one process at a time works in."""

import contextlib
import fcntl
import logging
import os
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from translator.errors import TranslatorError

log = logging.getLogger(__name__)

LOCK = "lock"
TAKEN = (BlockingIOError, PermissionError)  # the latter from SMB
LOOK_SECONDS = 0.1  # that another process may have a lock only to look at it
LOOK_POLL_SECONDS, POLL_SECONDS = 0.05, 0.5


class LockedError(TranslatorError):
    """A folder that another process works in."""


@contextlib.contextmanager
def locked(folder: Path, *, advice: str = "", wait_seconds: float = 0.0) -> Iterator[None]:
    """Keeps other processes out of a folder until the block ends, or this process dies, in whatever way.

    The lock is one of `flock` on the file `lock`, which stays: between processes of one machine, and between those of
    all machines that mount a folder by NFSv4. Where the file system has no locks, a warning says so.

    Args:
        folder: which exists.
        advice: what one may do other than wait: `name another folder with --run`.
        wait_seconds: how long another process that is in there is waited for; may be infinite.

    Raises:
        LockedError: another process is in there, and stays; names it.
    """
    path = folder / LOCK
    if os.path.lexists(path) and not stat.S_ISREG(path.lstat().st_mode):  # a link may lead out of the folder
        raise LockedError(f"{path} is not a regular file; delete it")
    # NFS wants a file to be writable for an exclusive lock.
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    try:
        try:
            _take(file, wait_seconds)
        except TAKEN:
            instead = f", or {advice}" if advice else ""
            raise LockedError(f"{folder} is in use by {_holder(file)}. Wait until that ends{instead}") from None
        except OSError as error:
            log.warning(
                "%s: this file system has no locks (%s); see to it that nothing else works in this folder",
                folder, error.strerror,
            )  # fmt: skip
        os.ftruncate(file, 0)
        os.pwrite(file, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)
        os.fsync(file)
        yield
    finally:
        os.close(file)


def is_locked(folder: Path) -> bool:
    """Whether a process works in a folder, this one included, as far as the file system can tell."""
    try:
        file = os.open(folder / LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # until the file is closed, which is at once
    except TAKEN:
        return True
    except OSError:
        return False
    else:
        return False
    finally:
        os.close(file)


def _take(file: int, wait_seconds: float) -> None:
    """Locks a file for this process alone, as soon as no other has it; the error of `flock` if one keeps it."""
    with contextlib.suppress(*TAKEN):
        return _try(file, LOOK_SECONDS, LOOK_POLL_SECONDS)
    if wait_seconds:
        log.info("waiting for %s", _holder(file))
    return _try(file, wait_seconds, POLL_SECONDS)


def _try(file: int, seconds: float, poll_seconds: float) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except TAKEN:
            if time.monotonic() >= end:
                raise
        time.sleep(poll_seconds)


def _holder(file: int) -> str:
    """Whom the file names: `process 4711 on host`."""
    with contextlib.suppress(OSError):
        return os.pread(file, 300, 0).decode(errors="replace") or "another process"
    return "another process"
