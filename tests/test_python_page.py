"""docs/python.md: its sessions run from top to bottom, and print what the page shows, but for words and numbers.

    python tests/test_python_page.py FOLDER   # with a trained runs/quickstart: prints the page with that run's output

Tests have no trained run: `configs/quickstart.yaml` is cut short there, so that a translation is any text.
"""

import doctest
import os
import re
import sys
from pathlib import Path

import pytest

from tests.documentation import ROOT, parts

PAGE = ROOT / "docs" / "python.md"
SHORT = """
extends: {config}
data:
  train: {{grammar: train, pairs: 300}}
  validation: {{grammar: validation, pairs: 20}}
  test: {{grammar: test, pairs: 20}}
tokenizer: {{vocabulary_size: 300}}
model: {{d_model: 8, d_ff: 8, num_heads: 2, encoder_layers: 1, decoder_layers: 1}}
train: {{max_epochs: 1, max_steps: 2, warmup_steps: 1, schedule: cosine, validate_every_steps: 2}}
"""


def form(printed: str) -> str:
    """Output without its strings and numbers, and without how many alike stand in a row."""
    printed = re.sub(r"""'[^']*'|"[^"]*\"""", "'…'", printed)
    printed = re.sub(r"-?\d[\d,]*(\.\d+)?(e-?\d+)?", "0", printed)
    for _ in range(2):  # items first, then tuples of them
        printed = re.sub(r"(\([^()]*\)|'…'|\b0\b)(,? \1)*", r"\1", printed)
    return printed.strip()


class OfOneForm(doctest.OutputChecker):
    """Compares outputs by their form."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        return form(want) == form(got)


def session(page: Path = PAGE) -> doctest.DocTest:
    """All sessions of the page as one."""
    text = "\n".join(block.text for block in parts(page)[0] if block.language == "pycon")
    return doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)


def test_the_form_of_an_output_leaves_words_numbers_and_their_count():
    assert form("['Ein Hund.', 'Zwei.']") == form("['']")
    assert form("[(0, 0), (1, 12)]") == form("[(3, 0)]")
    assert form("-1.5e-07") == form("3")
    assert form("['Ein Hund.']") != form("('Ein Hund.',)")
    assert form("(1, 'a')") != form("('a', 1)")
    assert form("[(1, 'a'), (2, 'b')]") == form("[(0, 'c')]")
    assert form("RunError no such run") != form("RunError no such folder")


def test_a_session_that_prints_something_else_is_seen():
    parsed = doctest.DocTestParser().get_doctest(">>> [1, 2]\n('a',)\n", {}, "x", "x", 0)
    runner = doctest.DocTestRunner(OfOneForm(), verbose=False)
    assert runner.run(parsed, out=lambda _: None).failed == 1


def test_the_sessions_of_the_page_print_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "configs").mkdir()
    quickstart = (ROOT / "configs" / "quickstart.yaml").as_posix()
    (tmp_path / "configs" / "quickstart.yaml").write_text(SHORT.format(config=quickstart), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    runner = doctest.DocTestRunner(OfOneForm(), verbose=False)
    result = runner.run(session(), out=said.append)
    assert result.attempted > 20
    assert not result.failed, "".join(said)


def page_as_run(page: Path) -> str:
    """The page with the output of its sessions as they run now, in this folder."""
    text = page.read_text(encoding="utf-8")
    printed: list[str] = []

    class Recorder(doctest.OutputChecker):
        def check_output(self, want: str, got: str, optionflags: int) -> bool:
            printed.append(got)
            return True

    doctest.DocTestRunner(Recorder(), verbose=False).run(session(page))
    shown, blocks = iter(printed), iter(block for block in parts(page)[0] if block.language == "pycon")

    def rewritten(match: "re.Match[str]") -> str:
        lines = []
        for example in doctest.DocTestParser().get_examples(next(blocks).text):
            source = example.source.splitlines()
            lines += [f"{'>>>' if i == 0 else '...'} {line}" for i, line in enumerate(source)]
            lines += next(shown).splitlines()
        return "```pycon\n" + "\n".join(lines) + "\n```"

    return re.sub(r"```pycon\n.*?\n```", rewritten, text, flags=re.DOTALL)


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    sys.stdout.write(page_as_run(PAGE))
