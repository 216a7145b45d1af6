"""The options of `translator translate` for large files."""

import sys
from pathlib import Path

import pytest

from tests.decoding.scripted import upside
from tests.hostile import standard_input
from tests.report.recorded import make_run
from translator import cli
from translator.decoding.translator import Translator


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Translator, "load", lambda *_: upside())
    monkeypatch.chdir(tmp_path)
    Path("in").write_text("one\ntwo\nsix\n")
    make_run(Path("run"))


def called(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["translator", "translate", "run", *arguments])
    with standard_input(b"one\n"), pytest.raises(SystemExit) as ended:
        cli.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_a_part_is_translated(monkeypatch: pytest.MonkeyPatch):
    assert called(monkeypatch, "--input=in", "--output=out", "--shard=2/2") == 0
    assert Path("out").read_text() == "owt\nxis\n"


def test_what_is_done_is_gone_on_with(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
):
    caplog.set_level("INFO", "translator")
    Path("in").write_bytes(b"one\n" * 4096 + b"\xff\n")
    assert called(monkeypatch, "--input=in", "--output=out", "--resume") == 2
    assert capsys.readouterr().err.startswith("in:4097: byte 1 of the line, 0xff, is not UTF-8")
    Path("in").write_bytes(b"one\n" * 4096 + b"two\n")
    assert called(monkeypatch, "--input=in", "--output=out", "--resume") == 0
    assert "out.partial: 4,096 lines are done already; going on from there" in caplog.text
    assert Path("out").read_text() == "eno\n" * 4096 + "owt\n"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--processes=2"], "--processes needs a file as --input, which can be counted; found standard input\n"),
        (["--resume", "--input=in"], "--resume needs a file as --output; found standard output\n"),
        (
            ["--input=in", "--shard=4/3"],
            "--shard 4/3: expected the number of a part and of all, as in 3/8; there is no part 4 of 3\n",
        ),
        (["--input=in", "--output=in"], "--output in would overwrite in, which is read; name another file\n"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], given: list[str], said: str
):
    assert called(monkeypatch, *given) == 2
    shown = capsys.readouterr().err
    assert shown.startswith(said)
    assert shown.count("\n") == 1
