"""`translator report` and `translator runs`: a run as a page, and many as a table."""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from translator.cli.arguments import Run
from translator.cli.console import console, say
from translator.progress import duration
from translator.run_folder import RunError, RunFolder
from translator.runtime import start_tensorflow

SECONDS_BETWEEN_PAGES = 10.0


def report(
    run: Run,
    watch: Annotated[
        bool, typer.Option("--watch", help="Write the page again every few seconds until training ends.")
    ] = False,
) -> None:
    """Write a run's report, report/index.html: curves, scores, sentences, data, configuration, trouble."""
    folder = RunFolder(run)
    folder.load_config()
    folder.require_own_files()
    from translator.report.record import Record
    from translator.report.written import write_page

    print(write_page(folder))
    while watch and Record(folder).state == "training":
        time.sleep(SECONDS_BETWEEN_PAGES)
        write_page(folder)
    if Record(folder).state == "scored" and not folder.attention.is_file():
        start_tensorflow()
        from translator.report.attention import show_run

        with console.status(Text(f"reading the attention of {run} …")):
            show_run(folder)


def runs(
    folder: Annotated[Path, typer.Argument(help="A folder with runs, some levels deep.")] = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """List the runs in a folder: state, scores, steps, time, size."""
    from translator.report.listing import listed

    if not folder.is_dir():
        raise RunError(f"there is no folder {folder}; name one with runs, as in `translator runs runs`")
    found = listed(folder)
    if as_json:
        for row in found:
            print(json.dumps(row, ensure_ascii=False))
        return
    if not found:
        say(f"{folder} has no runs; `translator train` makes them")
        return
    print_runs(found, folder, Console(highlight=False))


def print_runs(found: list[dict[str, Any]], folder: Path, output: Console) -> None:
    """A line for each of the runs in a folder."""
    table = Table("run", "languages", "state")
    for name in ("test BLEU", "validation", "steps", "epochs", "time", "parameters", "disk"):
        table.add_column(name, justify="right")
    table.add_column("started")
    for row in found:
        path = Path(row["run"])
        shown = path.relative_to(folder) if path != folder else path
        table.add_row(
            *(Text(str(each or "")) for each in (shown, row["languages"], row["state"])),
            _figure(row["bleu"], ".2f"), _figure(row["best_validation_bleu"], ".2f"), _figure(row["step"], ",d"),
            _figure(row["epoch"], ".1f"), "" if row["seconds"] is None else duration(row["seconds"]),
            _figure(row["parameters"], ",d"), f"{row['bytes'] / 1e6:,.0f} MB",
            (row["started"] or "")[:16].replace("T", " "),
        )  # fmt: skip
    if not output.is_terminal:
        output.width = 1000
    output.print(table)


def _figure(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
