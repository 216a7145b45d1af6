"""How progress is shown: a bar on a terminal, a line now and then elsewhere."""

import contextlib
import time
from collections.abc import Iterator
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

# Where there is no terminal, as in a log file, a line is printed this often.
LINE_EVERY_SECONDS = 30.0


class Show(Protocol):
    """Called with how much is done, the total if it is known, and the stage if that changes."""

    def __call__(self, done: int, total: int | None = None, what: str | None = None) -> None: ...


def show_nothing(done: int, total: int | None = None, what: str | None = None) -> None:
    """Shows nothing: the default of functions that report progress."""


@contextlib.contextmanager
def progress(console: Console, what: str, *, visible: bool = True) -> Iterator[Show]:
    """Shows a bar with rate and time left on a terminal, and lines elsewhere; the bar is removed at the end."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), RateColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not (visible and console.is_terminal)) as bar:
        task = bar.add_task(what, total=None)
        stage, began = what, time.monotonic()
        line_due = began + LINE_EVERY_SECONDS

        def show(done: int, total: int | None = None, what: str | None = None) -> None:
            nonlocal stage, began, line_due
            now = time.monotonic()
            if what and what != stage:
                stage, began, line_due = what, now, now + LINE_EVERY_SECONDS
                bar.reset(task, description=what)
            bar.update(task, completed=done, total=total)
            if visible and not console.is_terminal and now >= line_due:
                line_due = now + LINE_EVERY_SECONDS
                rate = done / max(now - began, 1e-9)
                left = f", {duration((total - done) / rate)} left" if total and rate else ""
                of = f" of {total:,}" if total else ""
                console.print(f"{stage}: {done:,}{of}, {rate:,.0f}/s{left}", markup=False, soft_wrap=True)

        yield show


class RateColumn(ProgressColumn):
    """Items a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "", style="progress.data.speed")


def duration(seconds: float) -> str:
    """Formats a duration for reading: `1 h 05 min`, `12 min 30 s`, `8 s`."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 60} min {whole % 60:02d} s" if whole >= 60 else f"{whole} s"
