import os
import subprocess
import sys
from pathlib import Path

import pytest

from translator.errors import MOST_CHARACTERS, TranslatorError, own_command, shell_quoted


def test_a_message_is_one_line_whatever_stands_in_it():
    assert str(TranslatorError("a\nb \x1b[2J \ud800 \u2028 ü 日本 \\n")) == "a\\nb \\x1b[2J \\ud800 \\u2028 ü 日本 \\n"


def test_several_problems_are_a_line_each():
    assert str(TranslatorError("one\n", "two")) == "one\\n\ntwo"


def test_the_middle_of_a_long_line_is_left_out():
    assert str(TranslatorError("a" * MOST_CHARACTERS)) == "a" * MOST_CHARACTERS
    half = MOST_CHARACTERS // 2
    assert str(TranslatorError("a" * half + "x" * 9 + "b" * half)) == "a" * half + " … " + "b" * half


@pytest.mark.parametrize(
    ("path", "quoted"),
    [
        ("runs/quickstart", "runs/quickstart"), ("runs/my run", "'runs/my run'"), ("a;rm -r $HOME", "'a;rm -r $HOME'"),
        ("it's", "'it'\"'\"'s'"), ("-rf", "./-rf"), ("ä\n'\\\x1b[2J", r"$'ä\x0a\x27\x5c\x1b[2J'"),
        ("\xa0", r"$'\xc2\xa0'"),
    ],
)  # fmt: skip
def test_a_path_in_a_suggested_command_is_one_word_of_it(path: str, quoted: str):
    assert shell_quoted(path) == quoted
    command = ["bash", "-c", f"printf %s\\\\0 {quoted}"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.removeprefix("./") == f"{path}\0"


@pytest.mark.parametrize(
    ("script", "installed", "called"),
    [
        ("/a b/translator", True, "translator"), ("/a b/translator", False, "'/a b/translator'"),
        ("/x/translator/__main__.py", True, "python -m translator"), ("my_script.py", True, "translator"),
        ("my_script.py", False, "python -m translator"), ("", False, "python -m translator"),
    ],
)  # fmt: skip
def test_a_suggested_command_can_be_found(
    script: str, installed: bool, called: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    if installed:
        (tmp_path / "translator").touch(0o755)
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    monkeypatch.setattr(sys, "argv", [script])
    assert own_command() == called
