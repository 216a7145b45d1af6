"""The command line, called in the process of the test."""

import sys

import pytest

from translator.cli import main


def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str, str]:
    """The exit code, what was printed, and what was said on standard error."""
    monkeypatch.setattr(sys, "argv", ["translator", *arguments])
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code, *capsys.readouterr()
