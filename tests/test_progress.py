import io

import pytest
from rich.console import Console

from translator.progress import duration, progress


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (60, "1 min 00 s"), (754.2, "12 min 34 s"), (3900, "1 h 05 min")],
)
def test_durations_are_told_as_one_says_them(seconds: float, text: str):
    assert duration(seconds) == text


def test_where_there_is_no_terminal_lines_come_now_and_then(monkeypatch: pytest.MonkeyPatch):
    clock = iter([0.0, 10.0, 40.0, 50.0, 79.0, 100.0, 110.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    stream = io.StringIO()
    with progress(Console(file=stream, width=200), "reading") as show:
        show(1000, 10_000)
        show(4000, 10_000)  # 40 seconds from the start, and so the first line
        show(1, None, "writing")
        show(2000, None, "writing")
        show(3000, None, "writing")  # 50 seconds after the stage began
        show(3001, None, "writing")
    assert stream.getvalue().splitlines() == [
        "reading: 4,000 of 10,000, 100/s, 1 min 00 s left",
        "writing: 3,000, 60/s",
    ]


def test_what_is_not_to_be_seen_is_not():
    stream = io.StringIO()
    with progress(Console(file=stream), "reading", visible=False) as show:
        show(1, 2)
    assert stream.getvalue() == ""
