"""What is written to standard error: progress, warnings, errors, and what to do next."""

import contextlib
import logging
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.logging import RichHandler

from translator.config.data import DataConfig
from translator.errors import own_command, shell_quoted

console = Console(stderr=True, highlight=False, emoji=False)


def say(message: str, to: Console = console) -> None:
    """Prints a line as it stands."""
    to.print(message, markup=False, soft_wrap=True)


def start_logging() -> None:
    """Shows warnings of all libraries, and what this package logs; off a terminal each is one line, however long."""
    if console.is_terminal:
        handler: logging.Handler = RichHandler(console=console, show_time=False, show_path=False)
        handler.setFormatter(logging.Formatter("%(message)s"))
    else:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(levelname)-8s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("translator").setLevel(logging.INFO)


def command_to_translate(run: Path, data: DataConfig) -> str:
    """A command that translates a sentence with a run; of several target languages into `data.target`."""
    to = f" --to {shell_quoted(data.target)}" if data.tagged else ""
    return f"echo 'A sentence.' | {own_command()} translate {shell_quoted(run)}{to}"


@contextlib.contextmanager
def exiting_when_terminated() -> Iterator[None]:
    """Makes SIGTERM end the command as Ctrl-C does, so that unfinished files are removed."""
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
