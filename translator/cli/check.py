"""`translator check`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from translator.cli.arguments import ConfigFile, Overrides, RunOption, Settings, settings_of
from translator.cli.check_report import print_check
from translator.cli.console import console
from translator.config.load import load_config
from translator.errors import TranslatorError, own_command, shell_quoted
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
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="Take so many steps of training, for the time and the memory that an epoch needs."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Look for trouble in the corpora of a configuration before training; exit code 1 if something would ruin a run."""
    from translator.data.checks.corpora import check_corpora
    from translator.data.checks.prepared import prepared_for
    from translator.training.trial import measure_steps

    given = settings_of(settings, overrides)
    resolved = load_config(config, given)
    folder = RunFolder(run or Path("runs") / config.stem)
    vocabulary, store = prepared_for(resolved, folder)
    if steps and not store:
        options = [
            *(["--run", shell_quoted(run)] if run else ()),
            *(["--set", *map(shell_quoted, given)] if given else ()),
        ]
        command = " ".join([own_command(), "prepare", shell_quoted(config), *options])
        raise TranslatorError(f"--steps: {folder.path} has no encoded corpus of this configuration; first:  {command}")
    with progress(console, "checking the corpora") as show:
        report = check_corpora(resolved, first=first, vocabulary=vocabulary, store=store, show=show)
    with console.status("taking steps of training …"):
        measured = measure_steps(resolved, folder, steps) if steps else None
    if as_json:
        print(json.dumps(report.document | {"steps": measured and asdict(measured)}, ensure_ascii=False))
    else:
        print_check(report, measured)
    if report.has_errors:
        raise typer.Exit(1)
