"""`translator eval`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from translator.cli.arguments import Beam, Checkpoint, CheckpointOption, Overrides, Run
from translator.cli.console import console
from translator.cli.report import print_report
from translator.config.changes import changes
from translator.config.load import load_config
from translator.config.schema import Config
from translator.progress import progress
from translator.run_folder import RunError, RunFolder
from translator.runtime import start_tensorflow

if TYPE_CHECKING:
    from translator.data.corpora.base import SentencePair
    from translator.evaluation.test_set import Report


def evaluate(
    run: Run,
    overrides: Overrides = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="data.root=… where the data has been moved, or another data.test=…."),
    ] = None,
    source: Annotated[Path | None, typer.Option(help="Sentences to translate, in place of the run's test set.")] = None,
    reference: Annotated[
        list[Path] | None, typer.Option(help="Their translations, line by line; again for each further reference.")
    ] = None,
    beam: Beam = None,
    checkpoint: CheckpointOption = None,
    tokenize: Annotated[
        str | None, typer.Option(help="sacreBLEU's tokenizer for BLEU; by default the one for the target language.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Translate a test set and score it: BLEU, chrF, TER."""
    folder = RunFolder(run)
    config = folder.load_config()
    if given := [*(settings or []), *(overrides or [])]:
        if source or reference:
            raise RunError("--set says where the test set is; leave it out with --source and --reference")
        config = _with_other_test_set(folder, config, given)
    if (source is None) != (not reference):
        raise RunError("--source and --reference go together: the sentences, and what they should become")
    if source and reference:
        start_tensorflow()
        from translator.evaluation.test_set import read_test_files

        pairs, more_references = read_test_files(source, reference)
        report = _evaluate(folder, pairs, config, beam, checkpoint, tokenize, more_references)
    else:
        own = beam is None and checkpoint is None and tokenize is None and not given
        report = evaluate_run(folder, config, beam, checkpoint, tokenize, keep=own)
    if as_json:
        print(json.dumps(report.figures))
    else:
        print_report(report)


def evaluate_run(
    folder: RunFolder,
    config: Config,
    beam: int | None = None,
    checkpoint: Checkpoint | None = None,
    tokenize: str | None = None,
    *,
    keep: bool = True,
) -> "Report":
    """Scores the test set of a configuration; `keep` writes the report to the run folder."""
    start_tensorflow()
    from translator.data.corpora.formats import read_all

    if not config.data.test:
        raise RunError(f"{folder.config} names no data.test; give --source and --reference")
    if keep:
        folder.require_own_files()
    report = _evaluate(folder, read_all(config.data.test, config.data), config, beam, checkpoint, tokenize)
    if keep:
        report.write(folder.report)
    return report


def _evaluate(
    folder: RunFolder,
    pairs: "list[SentencePair]",
    config: Config,
    beam: int | None,
    checkpoint: Checkpoint | None,
    tokenize: str | None,
    more_references: Sequence[Sequence[str]] = (),
) -> "Report":
    from translator.decoding.translator import Translator
    from translator.evaluation.test_set import evaluate

    translator = Translator.load(folder.path, beam, checkpoint)
    with progress(console, "translating the test set") as show:
        return evaluate(translator, pairs, config.data.target, show, tokenize, more_references)


def _with_other_test_set(folder: RunFolder, config: Config, settings: list[str]) -> Config:
    """The run's configuration with settings that say where its test set is; others would change nothing here."""
    changed = load_config(folder.config, settings)
    for change in changes(config, changed):
        if not change.key.startswith(("data.root", "data.test")):
            raise RunError(f"--set {change.key}: eval takes data.root and data.test; the rest is the run's own")
    return changed
