"""One process at a time in a folder; the operating system lets go of it whatever becomes of that process."""

import errno
import fcntl
import logging
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from translator.lock import LockedError, locked

HOLD = """
import sys
from pathlib import Path
from translator.lock import locked

with locked(Path(sys.argv[1])):
    print(flush=True)
    sys.stdin.read()
"""


def test_a_folder_is_refused_with_its_holder_and_free_as_soon_as_that_is_killed(tmp_path: Path):
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdin=-1, stdout=-1) as holder:
        assert holder.stdout
        holder.stdout.readline()
        with pytest.raises(LockedError) as caught, locked(tmp_path):
            pass
        assert f"{tmp_path} is in use by process {holder.pid} on {socket.gethostname()}. Wait" in str(caught.value)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with locked(tmp_path):
            assert (tmp_path / "lock").read_text() == f"process {os.getpid()} on {socket.gethostname()}"


def test_a_holder_that_is_waited_for_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdin=-1, stdout=-1) as holder:
        assert holder.stdout
        assert holder.stdin
        holder.stdout.readline()
        let_go = threading.Timer(0.3, holder.stdin.close)
        let_go.start()
        with locked(tmp_path, wait_seconds=math.inf):
            assert holder.wait() == 0
            assert (tmp_path / "lock").read_text() == f"process {os.getpid()} on {socket.gethostname()}"
    assert caplog.messages == [f"waiting for process {holder.pid} on {socket.gethostname()}"]


def test_what_one_may_do_other_than_wait_is_what_the_caller_knows(tmp_path: Path):
    here = rf"{tmp_path} is in use by process {os.getpid()} on \S+\. Wait until that ends"
    with locked(tmp_path):
        with pytest.raises(LockedError, match=f"^{here}$"), locked(tmp_path):
            pass
        with pytest.raises(LockedError, match=f"^{here}, or name another$"), locked(tmp_path, advice="name another"):
            pass


def test_a_holder_that_stays_is_waited_for_so_long_and_no_longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    with locked(tmp_path), pytest.raises(LockedError), locked(tmp_path, wait_seconds=60.0):
        pass
    assert 60.0 <= now[0] < 61.0


def test_a_folder_is_free_again_after_the_block_however_it_ends(tmp_path: Path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path):
        raise ZeroDivisionError
    with locked(tmp_path):
        pass


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_where_there_are_no_locks_a_warning_says_so(
    tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def no_locks(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with locked(tmp_path):
        (record,) = caplog.records
    assert record.getMessage().startswith(f"{tmp_path}: this file system has no locks ({os.strerror(code)}); see to it")


def test_a_link_in_the_locks_place_is_not_written_through(tmp_path: Path):
    (tmp_path / "thesis.tex").write_text("mine")
    (tmp_path / "lock").symlink_to("thesis.tex")
    with pytest.raises(LockedError, match=f"^{tmp_path / 'lock'} is not a regular file; delete it"), locked(tmp_path):
        pass
    assert (tmp_path / "thesis.tex").read_text() == "mine"
