"""Notebooks run without Jupyter, and are stored with what they printed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.documentation import ROOT


def write_notebook(path: Path, *sources: str) -> Path:
    prose: dict[str, Any] = {"cell_type": "markdown", "id": "prose", "metadata": {}, "source": ["Prose — stays."]}
    code: list[dict[str, Any]] = [
        {"cell_type": "code", "execution_count": None, "id": f"c{i}", "metadata": {}, "outputs": [], "source": [source]}
        for i, source in enumerate(sources)
    ]
    notebook = {"cells": [prose, *code], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


def run(notebook: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(ROOT / "tests" / "run_notebook.py"), str(notebook)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_cells_share_names_and_run_in_the_folder_and_what_they_print_is_stored(tmp_path: Path):
    touch = "from pathlib import Path\nPath('x').touch()"
    path = write_notebook(tmp_path / "n.ipynb", "a = 6", touch, "print(a * 7, 'ä')")
    before = json.loads(path.read_text(encoding="utf-8"))
    ran = run(path)
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "x").exists()
    for number, cell in enumerate(before["cells"][1:], 1):
        cell["execution_count"] = number
    before["cells"][3]["outputs"] = [{"name": "stdout", "output_type": "stream", "text": ["42 ä\n"]}]
    assert json.loads(path.read_text(encoding="utf-8")) == before


def test_a_cell_that_fails_is_named_and_the_notebook_stays_as_it_was(tmp_path: Path):
    path = write_notebook(tmp_path / "n.ipynb", "print(1)", "assert 1 == 2, 'not so'", "print(3)")
    before = path.read_bytes()
    ran = run(path)
    assert ran.returncode == 1
    assert "cell 2 failed" in ran.stderr
    assert "AssertionError: not so" in ran.stderr
    assert path.read_bytes() == before
