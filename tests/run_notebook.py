"""Runs the code of a notebook from top to bottom, and stores what each cell printed. It needs no Jupyter.

    python tests/run_notebook.py docs/attention.ipynb
    SHORT=1 python tests/run_notebook.py /tmp/attention.ipynb

Cells run in one namespace, in the notebook's folder, so that pictures lie beside it. Output is text alone. Where a cell
fails, the notebook stays as it was. Cells that use what only IPython has, such as `%` commands, cannot be run.

It stands here, and not in scripts/, because nothing there makes code of what it reads (`test_no_foreign_code`).
"""

import argparse
import contextlib
import io
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

Cell = dict[str, Any]


class CellError(Exception):
    """A cell has failed."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebook", type=Path, metavar="NOTEBOOK", help="an .ipynb file, which is written again")
    path: Path = parser.parse_args().notebook.resolve()
    notebook = json.loads(path.read_text(encoding="utf-8"))
    os.chdir(path.parent)
    try:
        run(notebook["cells"], lambda number, of: print(f"cell {number} of {of}", file=sys.stderr))
    except CellError as error:
        print(error, file=sys.stderr)
        return 1
    path.write_text(f"{json.dumps(notebook, ensure_ascii=False, indent=1)}\n", encoding="utf-8")
    return 0


def run(cells: list[Cell], on_cell: Callable[[int, int], None]) -> None:
    """Runs the code cells, and puts into each its number and what it printed.

    Raises:
        CellError: one failed; those before it have been run.
    """
    namespace: dict[str, Any] = {"__name__": "__main__"}
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    for number, cell in enumerate(code, 1):
        on_cell(number, len(code))
        source, printed = "".join(cell["source"]), io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                exec(compile(source, f"<cell {number}>", "exec"), namespace)
        except Exception as error:
            raise CellError(
                f"{source}\n\ncell {number} failed: {''.join(traceback.format_exception(error))}"
            ) from error
        cell["execution_count"] = number
        cell["outputs"] = outputs(printed.getvalue())


def outputs(text: str) -> list[dict[str, Any]]:
    """A text as a notebook keeps it."""
    return [{"name": "stdout", "output_type": "stream", "text": text.splitlines(keepends=True)}] if text else []


if __name__ == "__main__":
    sys.exit(main())
