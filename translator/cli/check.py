"""`translator check`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from translator.cli.arguments import ConfigFile, Overrides, RunOption, Settings
from translator.cli.check_report import print_check
from translator.cli.console import console
from translator.config.load import load_config
from translator.progress import progress
from translator.run_folder import RunFolder


def check(
    config: ConfigFile,
    overrides: Overrides = None,
    settings: Settings = None,
    run: RunOption = None,
    first: Annotated[
        int | None, typer.Option(min=1, help="Read only so many pairs of each training corpus; all by default.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Look for trouble in the corpora of a configuration before training; exit code 1 if something would ruin a run."""
    from translator.data.checks.corpora import check_corpora, run_tokenizers
    from translator.data.store import open_store

    resolved = load_config(config, [*(settings or []), *(overrides or [])])
    folder = RunFolder(run or Path("runs") / config.stem)
    with progress(console, "checking the corpora") as show:
        tokenizers, store = run_tokenizers(resolved, folder), open_store(folder.data, None)
        report = check_corpora(resolved, first=first, tokenizers=tokenizers, store=store, show=show)
    if as_json:
        print(json.dumps(report.document, ensure_ascii=False))
    else:
        print_check(report)
    if report.has_errors:
        raise typer.Exit(1)
