import errno
import io
import logging
import re
from pathlib import Path

import pytest
from rich.console import Console

from translator.errors import TranslatorError
from translator.progress import progress
from translator.run_log import LogLine, RunLog, as_warning, logged, warnings_and_errors
from translator.training.errors import Interrupted

TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d  ")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.txt"


@pytest.fixture
def console() -> Console:
    """A terminal, which bars and spinners are drawn on."""
    return Console(file=io.StringIO(), force_terminal=True, width=80)


def texts(path: Path) -> list[str]:
    """The lines without their times."""
    lines = path.read_text(encoding="utf-8").splitlines()
    assert all(TIME.match(line) for line in lines)
    return [TIME.sub("", line) for line in lines]


def test_what_is_printed_is_kept_and_each_start_appends(path: Path, console: Console):
    for start in ("first", "second"):
        with logged(console, path, start):
            console.print("step [1]: loss\tof " + "ü" * 100, markup=False, soft_wrap=True)
        console.print("after the block")
    line = "step [1]: loss\\tof " + "ü" * 100
    assert texts(path) == ["first", line, "second", line]


def test_bars_spinners_and_control_characters_are_left_out(path: Path, console: Console):
    with logged(console, path, "start"), progress(console, "reading") as show, console.status("waiting"):
        show(1, 2)
        console.print("a line\x1b[2J between", markup=False)
        console.print("[bold]styled[/bold]")
    assert texts(path) == ["start", "a line\\x1b[2J between", "styled"]


def test_warnings_are_kept(path: Path, console: Console):
    with logged(console, path, "start"):
        logging.getLogger("translator.anything").warning("%s is odd", "this")
    logging.getLogger("translator.anything").warning("after the block")
    assert texts(path) == ["start", "warning: this is odd"]


def test_a_printed_warning_has_its_level_in_the_log_alone_and_once_for_all_its_lines(path: Path):
    printed = io.StringIO()
    console = Console(file=printed, width=80)
    with logged(console, path, "start"):
        for line in ("step [6]: skipped this update by 2 pairs", "    a.en:1: one " + "x" * 100, "    a.en:2: [two]"):
            console.print(as_warning(line), soft_wrap=True)
        console.print("step 7", soft_wrap=True)
    skipped = ["warning: step [6]: skipped this update by 2 pairs", "    a.en:1: one " + "x" * 100, "    a.en:2: [two]"]
    assert texts(path) == ["start", *skipped, "step 7"]
    assert printed.getvalue().splitlines() == [skipped[0].removeprefix("warning: "), *skipped[1:], "step 7"]
    lines = [LogLine.of(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [line.text for line in warnings_and_errors(lines)] == skipped


def test_warnings_and_errors_are_told_by_their_level_and_other_lines_are_not():
    texts = [
        "translator 1: train",
        "info: using",
        "warning: odd",
        "    of it",
        "step 1",
        "    of it",
        "error: one",
        "x",
    ]
    found = warnings_and_errors([LogLine("", text) for text in texts])
    assert [line.text for line in found] == ["warning: odd", "    of it", "error: one"]


@pytest.mark.parametrize(
    ("error", "lines"),
    [
        (TranslatorError("one", "two"), ["error: one", "error: two"]),
        (Interrupted("stopped after step 5"), ["warning: stopped after step 5"]),
        (KeyError("name"), ["error: KeyError: 'name'"]),
        (KeyboardInterrupt(), ["error: KeyboardInterrupt: "]),
    ],
)
def test_the_error_that_ends_the_block_is_kept(path: Path, console: Console, error: BaseException, lines: list[str]):
    with pytest.raises(type(error)), logged(console, path, "start"):
        raise error
    assert texts(path) == ["start", *lines]
    assert not console._render_hooks


def test_lines_that_could_not_be_written_are_written_with_the_next(path: Path):
    log = RunLog(path)
    log.write("one")
    path.rename(path.with_suffix(".kept"))
    path.mkdir()  # nothing can be appended to a folder
    log.write("two")
    path.rmdir()
    path.with_suffix(".kept").rename(path)
    log.write("three")
    assert texts(path) == ["one", "two", "three"]


def test_a_full_disk_leaves_no_line_in_part(path: Path, monkeypatch: pytest.MonkeyPatch):
    log = RunLog(path)
    log.write("one")
    size = path.stat().st_size
    written = io.FileIO.write
    room = [7]

    class Full(io.FileIO):
        def write(self, content: bytes) -> int:  # type: ignore[override]
            if not room:
                raise OSError(errno.ENOSPC, "full")
            return written(self, content[: room.pop()])

    monkeypatch.setattr(Path, "open", lambda self, *_, **__: Full(self, "ab"))
    log.write("two")
    assert path.stat().st_size == size
    monkeypatch.undo()
    log.write("three")
    assert texts(path) == ["one", "two", "three"]
