"""`translator eval`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from translator.cli.arguments import (
    Beam,
    Checkpoint,
    CheckpointOption,
    Overrides,
    Quantization,
    References,
    To,
    Tokenize,
    settings_of,
)
from translator.cli.console import console
from translator.cli.report import print_report, print_robustness
from translator.progress import progress
from translator.run_folder import RunError, RunFolder
from translator.runtime import start_tensorflow

if TYPE_CHECKING:
    from translator.decoding.translator import Translator
    from translator.evaluation.references import TestSet
    from translator.evaluation.report import Report, Scoring
    from translator.evaluation.robustness import Robustness

    Opened = tuple[Path, Translator | None, list[str], TestSet | None]  # first arguments of `evaluate_run`

Engine = Literal["transformer", "ctranslate2", "auto"]
Loading = tuple[int | None, Checkpoint | None, Engine, str | None]  # arguments of `Translator.load`


def evaluate(
    run: Annotated[
        Path | None, typer.Argument(help="A run folder, as in runs/quickstart; not needed with --hypothesis.")
    ] = None,
    overrides: Overrides = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="data.root=… where the data has been moved, or another data.test=…."),
    ] = None,
    source: Annotated[Path | None, typer.Option(help="Sentences to translate, in place of the run's test set.")] = None,
    reference: References = None,
    hypothesis: Annotated[
        Path | None, typer.Option(help="Translations to score, one a line; nothing is translated then.")
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="Target language of --hypothesis without a run, as in --language de.")
    ] = None,
    beam: Beam = None,
    checkpoint: CheckpointOption = None,
    engine: Annotated[
        Engine,
        typer.Option(help="What searches, as in translate."),
    ] = "transformer",
    quantization: Quantization = None,
    tokenize: Tokenize = None,
    command: Annotated[
        list[str] | None,
        typer.Option(
            help="Another metric: a program that reads {source}, {hypotheses} and {references} and prints a score; "
            "again for each further one."
        ),
    ] = None,
    robustness: Annotated[
        bool,
        typer.Option(
            "--robustness",
            help="Score the test set under damage: capitals, typos, no end punctuation, merged and long lines, noise.",
        ),
    ] = False,
    to: To = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Translate a test set and score it, or score given translations: BLEU, chrF, chrF++, TER."""
    given = settings_of(settings, overrides)
    if given and (source or reference):
        raise RunError("--set says where the test set is; leave it out with --source and --reference")
    from translator.evaluation.external import ExternalMetric  # what scores takes its time to import
    from translator.evaluation.report import Scoring, score_file

    scoring = Scoring(tokenize, external=tuple(map(ExternalMetric, command or [])))
    loading = beam, checkpoint, engine, quantization
    is_plain = loading == (None, None, "transformer", None)
    if robustness:
        if hypothesis is not None or language is not None or command:
            raise RunError("--robustness translates, and scores by BLEU: leave out --hypothesis, --language, --command")
        opened = _open(run, given, (source, reference or []), None if is_plain else loading)
        found = _robustness(opened, scoring, to)
        print(json.dumps(found.figures)) if as_json else print_robustness(found)
        return
    if hypothesis is not None:
        if not is_plain:
            raise RunError("--hypothesis has translations; leave out --beam, --checkpoint, --engine, --quantization")
        test_set, language = _read_test_set(run, given, (source, reference or []), language, to)
        report = score_file(hypothesis, test_set, language, scoring)
    else:
        if language is not None:
            raise RunError("--language is that of --hypothesis; a run has its own")
        report = _translate(_open(run, given, (source, reference or []), None if is_plain else loading), scoring, to)
    if as_json:
        print(json.dumps(report.figures))
    else:
        print_report(report)


def _read_test_set(
    run: Path | None, settings: list[str], files: tuple[Path | None, list[Path]], language: str | None, to: str | None
) -> tuple["TestSet", str]:
    """What a file of translations is scored on, and its language; a RunError if that is not said."""
    from translator.evaluation.references import only_pair, own_test_set, read_test_files

    source, references = files
    if run is None and not references:
        raise RunError("--hypothesis needs --reference, or a run whose test set has been translated")
    if source and not references:
        raise RunError("--source says what has been translated; give what it should become with --reference")
    if run is None and language is None:
        raise RunError("which language is it? It decides how words are found: give --language, as in --language de")
    folder = RunFolder(run or Path())
    if references:
        return read_test_files(source, references), language or _language_of(folder, to)
    pair, test_set = only_pair(own_test_set(folder, settings, to), folder)
    return test_set, language or pair.target


def _language_of(run: RunFolder, to: str | None) -> str:
    """The target language of a run, that which is chosen of several."""
    from translator.decoding.language_choice import require_language

    targets = run.load_config().data.targets
    if to is not None:
        require_language(to, targets)
    elif len(targets) > 1:
        raise RunError(f"{run.path} translates into {', '.join(targets)}; say with --to which one --hypothesis is in")
    return to or targets[0]


def _open(
    run: Path | None, settings: list[str], test_set: tuple[Path | None, list[Path]], loading: Loading | None
) -> "Opened":
    """Reads what a run is to translate, and loads it with other options where there are any."""
    source, references = test_set
    if run is None:
        raise RunError("name a run folder, or a file of translations with --hypothesis")
    if (source is None) != (not references):
        raise RunError("--source and --reference go together: the sentences, and what they should become")
    start_tensorflow()
    from translator.decoding.translator import Translator
    from translator.evaluation.references import read_test_files

    files = read_test_files(source, references) if references else None
    return run, Translator.load(run, *loading) if loading else None, settings, files


def _translate(opened: "Opened", scoring: "Scoring", to: str | None) -> "Report":
    from translator.evaluation.test_set import evaluate_run

    with progress(console, "translating the test set") as show:
        return evaluate_run(*opened, scoring, show, to)


def _robustness(opened: "Opened", scoring: "Scoring", to: str | None) -> "Robustness":
    from translator.evaluation.test_set import robustness_of_run

    with progress(console, "translating the damaged test set") as show:
        return robustness_of_run(*opened, scoring, show, to)
