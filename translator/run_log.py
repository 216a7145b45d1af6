"""The console's log of a run: every line that a start prints, with its time, in a file that resumes append to."""

import contextlib
import logging
import os
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console, ConsoleRenderable, RenderHook
from rich.text import Text

import translator
from translator.environment import command_line, record_start
from translator.errors import TranslatorError, one_line
from translator.run_folder import RunFolder


class RunLog:
    """Appends lines to a file.

    The log never stops what it is about: lines that cannot be written, as on a full disk, are written with the next.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pending = b""
        self._lock = threading.Lock()

    def write(self, text: str) -> None:
        """Adds each line of the text, with the local time and without control characters."""
        now = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
        with self._lock:
            self._pending += "".join(f"{now}  {one_line(line)}\n" for line in text.splitlines()).encode()
            self._append_pending()

    def _append_pending(self) -> None:
        """Appends the pending lines whole or not at all."""
        whole = None
        try:
            with self._path.open("ab", buffering=0) as file:
                whole = file.tell()
                if file.write(self._pending) != len(self._pending):
                    raise OSError("written in part")
        except OSError:
            if whole is not None:
                with contextlib.suppress(OSError):
                    os.truncate(self._path, whole)
        else:
            self._pending = b""


@contextlib.contextmanager
def logged(console: Console, path: Path, first_line: str) -> Iterator[None]:
    """Appends to `path` what is printed on the console as text, warnings, and the error that ends the block, if any.

    Bars and spinners, which a terminal draws again and again, are left out.
    """
    log = RunLog(path)
    log.write(first_line)
    handler = _Warnings(log)
    logging.getLogger().addHandler(handler)
    console.push_render_hook(_PrintedText(log))
    try:
        yield
    except TranslatorError as error:
        log.write(str(error))
        raise
    except BaseException as error:
        log.write(f"{type(error).__name__}: {error}")
        raise
    finally:
        console.pop_render_hook()
        logging.getLogger().removeHandler(handler)


@contextlib.contextmanager
def start_recorded(run: RunFolder, console: Console, gpus: Sequence[str] | None = None) -> Iterator[None]:
    """Records a start in the run's folder, which has been claimed: its environment, and the console's log of the block.

    Args:
        run: the folder.
        console: where the block prints.
        gpus: as for `record_start`.

    Raises:
        NoRoomError: there is no space for the environment.
    """
    with logged(console, run.log, f"translator {translator.__version__}: {command_line()}"):
        record_start(run.environment, gpus)
        yield


class _PrintedText(RenderHook):
    """Sees what a console is about to print."""

    def __init__(self, log: RunLog) -> None:
        self._log = log

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        for renderable in renderables:
            if isinstance(renderable, Text):
                self._log.write(renderable.plain)
        return renderables


class _Warnings(logging.Handler):
    """Sees what is logged."""

    def __init__(self, log: RunLog) -> None:
        super().__init__(logging.INFO)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._log.write(f"{record.levelname.lower()}: {record.getMessage()}")
        except Exception:
            self.handleError(record)
