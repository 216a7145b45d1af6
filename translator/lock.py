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
TRIES, SECONDS_BETWEEN = 3, 0.05  # to take a lock that another process may have had only to look at it


class LockedError(TranslatorError):
    """A folder that another process works in."""


@contextlib.contextmanager
def locked(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Keeps other processes out of a folder until the block ends, or this process dies, in whatever way.

    With `wait`, another process that is in there is waited for.

    The lock is one of `flock` on the file `lock`, which stays: between processes of one machine, and between those of
    all machines that mount a folder by NFSv4. Where the file system has no locks, a warning says so.

    Raises:
        LockedError: another process is in there; names it.
    """
    path = folder / LOCK
    if os.path.lexists(path) and not stat.S_ISREG(path.lstat().st_mode):  # a link may lead out of the folder
        raise LockedError(f"{path} is not a regular file; delete it")
    # NFS wants a file to be writable for an exclusive lock.
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    try:
        try:
            _take(file, wait)
        except (BlockingIOError, PermissionError):  # the latter from SMB
            raise LockedError(
                f"{folder} is in use by {_holder(file)}. Wait until that ends, or name another folder with --run"
            ) from None
        except OSError as error:
            log.warning(
                "%s: this file system has no locks (%s); see to it that nothing else trains in this folder",
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
    except (BlockingIOError, PermissionError):
        return True
    except OSError:
        return False
    else:
        return False
    finally:
        os.close(file)


def _take(file: int, wait: bool) -> None:
    """Locks a file for this process alone; `is_locked` of another one may have it for an instant."""
    for _ in range(TRIES - 1):
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(SECONDS_BETWEEN)
    if wait:
        log.info("waiting for %s", _holder(file))
        return fcntl.flock(file, fcntl.LOCK_EX)
    return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _holder(file: int) -> str:
    """Whom the file names: `process 4711 on host`."""
    with contextlib.suppress(OSError):
        return os.pread(file, 300, 0).decode(errors="replace") or "another process"
    return "another process"
