import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.script_modules import load_script

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "plot_training.py"
ROWS = [
    {"step": 50, "loss": 4.0},
    {"step": 50, "validation_loss": 3.5, "validation_bleu": 12.0},
    {"step": 100, "loss": 3.0},
    {"step": 150},  # all updates were skipped
]


@pytest.fixture
def script() -> ModuleType:
    return load_script("plot_training")


def run_with_metrics(folder: Path, rows=ROWS, end: str = "") -> Path:
    folder.mkdir()
    (folder / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows) + end, encoding="utf-8")
    return folder


def test_a_curve_has_the_rows_that_have_its_figure(script):
    assert script.curve(ROWS, "loss") == ([50, 100], [4.0, 3.0])
    assert script.curve(ROWS, "validation_bleu") == ([50], [12.0])


def test_a_row_written_in_part_is_left_out(script, tmp_path):
    assert script.read_rows(run_with_metrics(tmp_path / "run", end='{"step": 200, "lo')) == ROWS


def test_a_run_without_metrics_is_named_in_one_line(tmp_path):
    ran = subprocess.run([sys.executable, SCRIPT, tmp_path], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == (
        f"{tmp_path}/metrics.jsonl cannot be read: No such file or directory. "
        f"Is {tmp_path} a run that has been trained?\n"
    )


def test_metrics_without_rows_are_no_curve(script, tmp_path):
    with pytest.raises(script.PlotError, match="has no rows yet"):
        script.read_rows(run_with_metrics(tmp_path / "run", []))


def test_a_missing_matplotlib_is_told_with_the_command_that_installs_it(script, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(script.PlotError, match=r"pip install --editable '\.\[plots\]'"):
        script.draw({"run": ROWS}, tmp_path / "curve.svg")


def test_the_same_runs_give_the_same_small_picture(script, tmp_path):
    pytest.importorskip("matplotlib")
    first, second = tmp_path / "first.svg", tmp_path / "second.svg"
    for path in (first, second):
        script.draw({"one": ROWS, "two": ROWS}, path)
    assert first.read_bytes() == second.read_bytes()
    assert len(first.read_bytes()) < 60_000
    text = first.read_text(encoding="utf-8")
    assert [name for name in ("one, training", "two, validation", "validation BLEU") if name not in text] == []


def test_an_unknown_format_is_refused(script, tmp_path):
    pytest.importorskip("matplotlib")
    with pytest.raises(script.PlotError, match=r"curve\.foo cannot be written: Format 'foo' is not supported"):
        script.draw({"run": ROWS}, tmp_path / "curve.foo")
