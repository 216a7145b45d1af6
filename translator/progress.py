"""What one sees while waiting."""

import contextlib
import time
from collections.abc import Iterator
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

# Where nobody looks at a bar, as in a log file, a line comes so often.
LINE_EVERY_SECONDS = 30.0


class Show(Protocol):
    """Takes note of how much is done, of how much if that is known, and of what is being done if that changes."""

    def __call__(self, done: int, total: int | None = None, what: str | None = None) -> None: ...


def show_nothing(done: int, total: int | None = None, what: str | None = None) -> None:
    """For callers who need no progress."""


@contextlib.contextmanager
def progress(console: Console, what: str, *, visible: bool = True) -> Iterator[Show]:
    """A bar with rate and time left on a terminal, and lines elsewhere; it goes when it is done."""
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
    """How many a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "", style="progress.data.speed")


def duration(seconds: float) -> str:
    """Hours, minutes and seconds as one says them: `1 h 05 min`, `12 min 30 s`, `8 s`."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 60} min {whole % 60:02d} s" if whole >= 60 else f"{whole} s"
