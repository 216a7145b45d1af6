"""A translation that goes on after an interruption: what is done stays beside the output, with what it was made of."""

import contextlib
import fcntl
import json
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from translator.errors import TranslatorError, shell_quoted
from translator.files import beside, flush_to_disk, open_file, require_writable, set_owner_and_mode, write_file

MOST_STATE_BYTES = 2**20
STATE_VERSION = 1
PARTIAL = ".partial"  # how the name of the finished part of an output ends


class ResumeError(TranslatorError):
    """A translation that cannot go on, since something has changed."""


class Unfinished:
    """The finished part of an output, whose name is the output's with `.partial` behind it.

    Beside it is its state, `.partial.json`: `version`; `lines`, how many are done; `bytes`, how many of the file are
    theirs; `input`, SHA-256 of what they are translations of; and `made_of`, which whatever goes on has to equal.

    Attributes:
        lines: how many are done.
        input: SHA-256 of the text that they are translations of, each line with its end; None if none is done.
    """

    def __init__(self, output: Path, made_of: Mapping[str, Any], file: BinaryIO) -> None:
        """Reads the state, and forgets what was written after it was. `file` is open for reading and writing."""
        self._output, self._file = output, file
        self._made_of = json.loads(json.dumps(made_of))  # as it will be read again
        self.lines, self.input = 0, None
        size = os.fstat(file.fileno()).st_size
        state = _read_state(output) if size else {}
        if size and not state:
            raise ResumeError(
                f"{partial_of(output)} does not belong to an interrupted translation; {_to_start_anew(output)}"
            )
        if state and state["lines"]:
            _require_same(output, state["made_of"], self._made_of)
            if size < state["bytes"]:
                raise ResumeError(f"{partial_of(output)} is shorter than it was; {_to_start_anew(output)}")
            self.lines, self.input = state["lines"], state["input"]
        file.truncate(state.get("bytes", 0))
        file.seek(0, os.SEEK_END)
        if not self.lines:  # before the first byte, so that whose file it is can always be told
            self._write_state("")

    def require_input(self, place: str, digest: str) -> None:
        """Raises a ResumeError unless the first `lines` of the input have that SHA-256."""
        if digest != self.input:
            raise ResumeError(
                f"{place} has changed in the {self.lines:,} lines that are translated already; "
                f"{_to_start_anew(self._output)}"
            )

    def add(self, content: bytes, lines: int, digest: str) -> None:
        """Adds translations, which no interruption takes away again.

        Args:
            content: what to write.
            lines: whose translations that is.
            digest: SHA-256 of all lines until the last of these.
        """
        self._file.write(content)
        self._file.flush()
        os.fsync(self._file.fileno())
        self.lines, self.input = self.lines + lines, digest
        self._write_state(digest)

    def _write_state(self, digest: str) -> None:
        state = {"version": STATE_VERSION, "lines": self.lines, "bytes": self._file.tell(), "input": digest}
        write_file(state_of(self._output), json.dumps({**state, "made_of": self._made_of}, indent=1).encode())

    def finish(self) -> None:
        """Puts the output in its place."""
        target = Path(os.path.realpath(self._output))
        with contextlib.suppress(FileNotFoundError):
            set_owner_and_mode(partial_of(self._output), target.stat())
        flush_to_disk(partial_of(self._output))
        partial_of(self._output).replace(target)
        state_of(self._output).unlink(missing_ok=True)


@contextlib.contextmanager
def unfinished(output: Path, made_of: Mapping[str, Any]) -> Iterator[Unfinished]:
    """Goes on with what an interruption left of an output, or begins it; no other process writes it meanwhile.

    Args:
        output: a file, or where one is to be.
        made_of: what the translations depend on beside their input: plain values, by name.

    Raises:
        ResumeError: it was made of something else; says of what.
        OSError: `output`, which the error names, cannot be written.
    """
    require_writable(output)
    path = partial_of(output)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    with os.fdopen(descriptor, "r+b") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ResumeError(f"{path} is not a regular file; delete it")
        with contextlib.suppress(OSError):  # a file system without locks
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ResumeError(
                    f"{path} is being written by another process; wait until that ends, or name another --output"
                ) from None
        # Between opening and locking it another process may have put it in its place, as the output.
        if not (path.exists() and os.path.samestat(os.fstat(descriptor), path.stat())):
            raise ResumeError(f"{path} has just been finished by another process; {output} is there")
        yield Unfinished(output, made_of, file)


def forget(output: Path) -> None:
    """Deletes what an interruption left of an output, which is whole now; not what no translation has left.

    What another process goes on with is left to it.
    """
    try:
        with open_file(partial_of(output)) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _read_state(output):
                partial_of(output).unlink()
                state_of(output).unlink()
    except (OSError, ResumeError):
        return


def partial_of(output: Path) -> Path:
    """Where the finished part of an output is kept: beside the file that it will replace."""
    return beside(output, PARTIAL)


def state_of(output: Path) -> Path:
    """Where the state of the finished part is kept."""
    return beside(output, f"{PARTIAL}.json")


def _read_state(output: Path) -> dict[str, Any]:
    """The state; empty if there is none, as before the first lines are done."""
    path = state_of(output)
    try:
        with open_file(path) as file:
            state = json.loads(file.read(MOST_STATE_BYTES))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise ResumeError(f"{path} cannot be read: {error}; {_to_start_anew(output)}") from None
    kinds = {"version": int, "lines": int, "bytes": int, "input": str, "made_of": dict}
    if not isinstance(state, dict) or not all(isinstance(state.get(name), kind) for name, kind in kinds.items()):
        raise ResumeError(f"{path} is not the state of a translation; {_to_start_anew(output)}")
    if state["version"] != STATE_VERSION or min(state["lines"], state["bytes"]) < 0:
        raise ResumeError(f"{path} is of another version of this program; {_to_start_anew(output)}")
    return state


def _require_same(output: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    if changed := list(_changes(before, now)):
        raise ResumeError(
            f"{partial_of(output)} was made otherwise than asked for now: {'; '.join(changed)}. "
            f"To go on, ask for the same; {_to_start_anew(output)}"
        )


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """What differs, by name: `beam_size was 4 and is 1`; of checksums only that they do."""
    for name in sorted({*before, *now}):
        one, other = before.get(name), now.get(name)
        if isinstance(one, dict) and isinstance(other, dict):
            yield from _changes(one, other)
        elif one != other:
            is_checksum = any(isinstance(value, str) and len(value) == 64 for value in (one, other))
            yield f"the {name} are others" if is_checksum else f"{name} was {one} and is {other}"


def _to_start_anew(output: Path) -> str:
    return f"to start anew, delete {shell_quoted(partial_of(output))}"
