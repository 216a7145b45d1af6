"""`translator eval`."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from translator.cli.arguments import Beam, CheckpointOption, Overrides, Quantization, Run
from translator.cli.console import console
from translator.cli.report import print_report
from translator.progress import progress
from translator.run_folder import RunError
from translator.runtime import start_tensorflow


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
    engine: Annotated[
        Literal["transformer", "ctranslate2", "auto"],
        typer.Option(help="What searches, as in translate."),
    ] = "transformer",
    quantization: Quantization = None,
    tokenize: Annotated[
        str | None, typer.Option(help="sacreBLEU's tokenizer for BLEU; by default the one for the target language.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Translate a test set and score it: BLEU, chrF, TER."""
    given = [*(settings or []), *(overrides or [])]
    if given and (source or reference):
        raise RunError("--set says where the test set is; leave it out with --source and --reference")
    if (source is None) != (not reference):
        raise RunError("--source and --reference go together: the sentences, and what they should become")
    start_tensorflow()
    from translator.decoding.translator import Translator
    from translator.evaluation.test_set import evaluate_run, read_test_files

    test_set = read_test_files(source, reference) if source and reference else None
    loading = beam, checkpoint, engine, quantization
    translator = None if loading == (None, None, "transformer", None) else Translator.load(run, *loading)
    with progress(console, "translating the test set") as show:
        report = evaluate_run(run, translator, given, test_set, tokenize, show)
    if as_json:
        print(json.dumps(report.figures))
    else:
        print_report(report)
