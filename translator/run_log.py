"""The console's log of a run: every line that a start prints, with its time, in a file that resumes append to.

A line that is more than printed has its level before its text: `info`, `warning` or `error`. One that begins with a
space belongs to the line above it.

    2026-11-28 09:00:00+01:00  step 50  epoch 0.3  loss 4.000
    2026-11-28 09:00:07+01:00  warning: step 60: the loss or its gradient is NaN or infinite; skipped this update
    2026-11-28 09:00:07+01:00      a.en:1: one  |  eins
"""

import contextlib
import logging
import re
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from rich.console import Console, ConsoleRenderable, RenderHook
from rich.style import Style
from rich.text import Text

import translator
from translator.environment import command_line, record_start
from translator.errors import TRY_AGAIN, TranslatorError, one_line
from translator.files import append_to_file
from translator.run_folder import RunFolder

LEVEL = re.compile(r"(info|warning|error|critical): ")
TROUBLE = frozenset({"warning", "error", "critical"})


class LogLine(NamedTuple):
    """A line of the log."""

    time: str
    text: str

    @classmethod
    def of(cls, line: str) -> "LogLine":
        """From a line of the file."""
        time, _, text = line.partition("  ")
        return cls(time, text)

    @property
    def level(self) -> str | None:
        """None of a line that was printed and no more."""
        found = LEVEL.match(self.text)
        return found[1] if found else None

    @property
    def goes_on(self) -> bool:
        """Whether it belongs to the line above it."""
        return self.text.startswith(" ")


def warnings_and_errors(lines: Sequence[LogLine]) -> list[LogLine]:
    """The lines that say what was skipped or went wrong, each with those that belong to it."""
    found, of_trouble = [], False
    for line in lines:
        of_trouble = of_trouble if line.goes_on else line.level in TROUBLE
        if of_trouble:
            found.append(line)
    return found


def as_warning(message: str) -> Text:
    """What a console prints as it prints the message, and the log keeps as a warning."""
    return Text(message, Style(meta={"level": "warning"}))


class RunLog:
    """Appends lines to a file.

    The log never stops what it is about: lines that cannot be written, as on a full disk, are written with the next.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pending = b""
        self._lock = threading.Lock()

    def write(self, text: str, level: str | None = None) -> None:
        """Adds each line of the text, with the local time, its level if it has one, and no control characters."""
        now = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
        lines = [LogLine(now, one_line(line)) for line in text.splitlines()]
        marks = [f"{level}: " if level and not line.goes_on else "" for line in lines]
        with self._lock:
            self._pending += "".join(
                f"{line.time}  {mark}{line.text}\n" for line, mark in zip(lines, marks, strict=True)
            ).encode()
            with contextlib.suppress(OSError):
                append_to_file(self._path, self._pending)
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
        log.write(str(error), "warning" if error.exit_code in (0, TRY_AGAIN) else "error")
        raise
    except BaseException as error:
        log.write(f"{type(error).__name__}: {error}", "error")
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
                metas = (span.style.meta for span in renderable.spans if isinstance(span.style, Style))
                self._log.write(renderable.plain, next((meta["level"] for meta in metas if "level" in meta), None))
        return renderables


class _Warnings(logging.Handler):
    """Sees what is logged."""

    def __init__(self, log: RunLog) -> None:
        super().__init__(logging.INFO)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._log.write(record.getMessage(), record.levelname.lower())
        except Exception:
            self.handleError(record)
