"""docs/attention.ipynb: it runs from top to bottom, and is stored as it was run."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.documentation import ROOT, anchors

NOTEBOOK = ROOT / "docs" / "attention.ipynb"
PICTURE = re.compile(r"!\[[^\]]+\]\(([\w.]+)\)")
MOST_OUTPUT = 4_000  # characters that a cell may have printed

Cell = dict[str, Any]


def cells(path: Path = NOTEBOOK) -> list[Cell]:
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def code(path: Path = NOTEBOOK) -> list[Cell]:
    return [cell for cell in cells(path) if cell["cell_type"] == "code"]


def prose() -> str:
    return "\n\n".join("".join(cell["source"]) for cell in cells() if cell["cell_type"] == "markdown")


def test_it_runs_from_top_to_bottom_and_writes_the_pictures_that_it_shows(tmp_path: Path):
    pytest.importorskip("matplotlib", reason="the extra `plots` is not installed")
    copy = Path(shutil.copy(NOTEBOOK, tmp_path))
    environment = os.environ | {"PYTHONPATH": str(ROOT), "SHORT": "1"}
    command = [sys.executable, str(ROOT / "tests" / "run_notebook.py"), str(copy)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert ran.returncode == 0, ran.stderr
    assert {path.name for path in tmp_path.glob("*.svg")} == set(PICTURE.findall(prose()))
    assert [cell["source"] for cell in cells(copy)] == [cell["source"] for cell in cells()]


def test_it_is_a_notebook_of_format_4_5():
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["language_info"]["name"] == "python"
    for cell in notebook["cells"]:
        of_code = {"execution_count", "outputs"} if cell["cell_type"] == "code" else set()
        assert cell["cell_type"] in ("code", "markdown")
        assert set(cell) == {"cell_type", "id", "metadata", "source"} | of_code
        assert re.fullmatch(r"[\w-]{1,64}", cell["id"])
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])


def test_it_is_stored_as_it_was_run_with_little_text_and_nothing_else():
    assert [cell["execution_count"] for cell in code()] == list(range(1, len(code()) + 1))
    outputs = [output for cell in code() for output in cell["outputs"]]
    assert {(output["output_type"], output["name"]) for output in outputs} == {("stream", "stdout")}
    assert max(len("".join(output["text"])) for output in outputs) <= MOST_OUTPUT


def test_its_links_and_pictures_exist():
    docs = NOTEBOOK.parent
    for name, anchor in re.findall(r"\]\(([\w.]+)(?:#([\w-]+))?\)", prose()):
        assert (docs / name).is_file()
        assert not anchor or anchor in anchors(docs / name)
    headings = {heading.replace(" ", "-") for heading in re.findall(r"^## (.+)$", prose(), re.MULTILINE)}
    assert set(re.findall(r"\]\(#(.+?)\)", prose())) == headings
