"""The command line: `translator prepare`, `train`, `eval`, `translate`, `export`, `config`.

TensorFlow is imported inside the commands that need it, so that `--help` answers at once. Results go to standard
output; progress, warnings and errors go to standard error.
"""

import contextlib
import enum
import errno
import itertools
import json
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.table import Table
from rich.text import Text

from translator import train as start_training
from translator.config.changes import changes
from translator.config.load import dump_config, load_config
from translator.config.reference import describe_settings
from translator.config.schema import Config
from translator.errors import TranslatorError, shell_quoted
from translator.files import is_standard_output, replacing
from translator.progress import duration, progress
from translator.run_folder import RunError, RunFolder
from translator.runtime import start_tensorflow

if TYPE_CHECKING:
    from translator.data.corpus import SentencePair
    from translator.evaluation.test_set import Report

LINES_TOGETHER = 4096  # lines, at the most, that `translate` reads before it writes their translations


class Engine(str, enum.Enum):
    """What searches: the weights of a run, or a graph that was made of them."""

    TRANSFORMER = "transformer"
    SAVED_MODEL = "saved_model"


app = typer.Typer(
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Trains Transformers to translate: parallel text in, a scored translator out.",
)
console = Console(stderr=True, highlight=False, emoji=False)

Run = Annotated[Path, typer.Argument(help="A run folder, as in runs/quickstart.")]
Model = Annotated[Path, typer.Argument(help="A run folder; with --engine, a folder that `translator export` wrote.")]
ConfigFile = Annotated[Path, typer.Argument(help="A YAML file, as in configs/quickstart.yaml.")]
RunOption = Annotated[Path | None, typer.Option("--run", help="Where the run goes; runs/<name of CONFIG> else.")]
Settings = Annotated[list[str] | None, typer.Option("--set", help="key=value, as in train.max_minutes=40.")]
TestSettings = Annotated[
    list[str] | None, typer.Option("--set", help="data.root=… where the data has been moved, or another data.test=….")
]
Overrides = Annotated[list[str] | None, typer.Argument(hidden=True)]  # so that --set takes several values in a row
Beam = Annotated[
    int | None, typer.Option(min=1, max=1000, help="Beam size in place of the run's own; 1 is greedy search.")
]


def main() -> None:
    """Runs the command line; what the user can mend ends in a line on standard error and an exit code of its own."""
    handler = RichHandler(console=console, show_time=False, show_path=False)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[handler])
    try:
        app()
    except TranslatorError as error:
        _say(str(error))
        if error.exits_at_once:
            sys.stdout.flush()
            os._exit(error.exit_code)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # whoever read our output has enough
        sys.stderr.close()
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            _say(f"there is no room on the disk: {error}. Make some, and run the same command again")
        elif error.filename is not None:  # a place that cannot be read or written
            _say(str(TranslatorError(f"{error.filename}: {error.strerror}")))
        else:
            raise
        sys.exit(TranslatorError.exit_code)


@app.command()
def train(
    config: ConfigFile,
    overrides: Overrides = None,
    settings: Settings = None,
    run: RunOption = None,
) -> None:
    """Train a model, or go on training it; then score it on the test set."""
    resolved, folder = _asked_for(config, overrides, settings, run)
    result = start_training(resolved, folder.path, console=console)
    if result.is_chief and not result.was_complete:
        if result.report:
            _print_report(result.report)
        _say(f"Translate with:  echo 'A sentence.' | {_command()} translate {shell_quoted(folder.path)}")


@app.command()
def prepare(
    config: ConfigFile,
    overrides: Overrides = None,
    settings: Settings = None,
    run: RunOption = None,
) -> None:
    """Learn the vocabulary and encode the training corpus ahead of `train`, which does it by itself when needed."""
    resolved, folder = _asked_for(config, overrides, settings, run)
    from translator.data.prepare import prepare, require_evaluation_corpora

    began = time.monotonic()
    require_evaluation_corpora(resolved.data)
    with folder.locked(), progress(console, "preparing the corpus") as show:
        _, store = prepare(folder.claim(resolved), folder, show)
    tokens = int(store.source.offsets[-1] + store.target.offsets[-1])
    _say(f"{folder.data}: {store.counts}; {tokens:,} tokens, prepared in {duration(time.monotonic() - began)}")


@app.command("eval")
def evaluate(
    run: Run,
    overrides: Overrides = None,
    settings: TestSettings = None,
    source: Annotated[Path | None, typer.Option(help="Sentences to translate, in place of the run's test set.")] = None,
    reference: Annotated[
        list[Path] | None, typer.Option(help="Their translations, line by line; again for each further reference.")
    ] = None,
    beam: Beam = None,
    tokenize: Annotated[
        str | None, typer.Option(help="sacreBLEU's tokenizer for BLEU; the one that suits the language else.")
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
        report = _evaluate(folder, pairs, config, beam, tokenize, more_references)
    else:
        own = beam is None and tokenize is None and not given
        report = _evaluate_run(folder, config, beam, tokenize, keep=own)
    if as_json:
        print(json.dumps(report.figures))
    else:
        _print_report(report)


@app.command()
def translate(
    model: Model,
    input: Annotated[Path | None, typer.Option(help="Sentences, one a line; standard input else.")] = None,
    output: Annotated[Path | None, typer.Option(help="Where to write; standard output else.")] = None,
    beam: Beam = None,
    engine: Annotated[
        Engine, typer.Option(help="saved_model opens an exported graph: a program, so only one that you trust.")
    ] = Engine.TRANSFORMER,
) -> None:
    """Translate lines: exactly one comes out for each that goes in."""
    if input and output and output.exists() and input.exists() and output.samefile(input):
        raise RunError(f"--output {output} is the --input, which would be lost; name another file")
    start_tensorflow()
    from translator.data.arriving import arriving_lines
    from translator.decoding.translator import Translator

    if engine is Engine.SAVED_MODEL:
        if beam is not None:
            raise RunError(f"{model} is an exported model, whose beam size is fixed; leave --beam out")
        translator = Translator.load_exported(model)
    else:
        translator = Translator.load(model, beam)
    number = 1
    with contextlib.ExitStack() as stack:
        sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
        file: TextIO = sys.stdout
        if output and not is_standard_output(output):
            stack.enter_context(_exiting_when_terminated())
            file = stack.enter_context(stack.enter_context(replacing(output)).open("w", encoding="utf-8"))
        for lines in stack.enter_context(contextlib.closing(arriving_lines(input, LINES_TOGETHER))):
            with progress(console, "translating", visible=bool(output)) as show:
                for line in translator.translate(lines, number, show):
                    file.write(line + "\n")
            file.flush()
            number += len(lines)


@app.command()
def export(
    run: Run,
    output: Annotated[Path, typer.Option(help="Folder to write.")],
    beam: Beam = None,
) -> None:
    """Write a SavedModel, text in and text out, that needs only tensorflow and tensorflow_text."""
    start_tensorflow()
    from translator.export.saved_model import export_saved_model

    with console.status(Text(f"exporting {run} …")):
        export_saved_model(run, output, beam)
    command = f"{_command()} translate --engine saved_model {shell_quoted(output)}"
    _say(f"Wrote {output}. Translate with:  echo 'A sentence.' | {command}")


@app.command("config")
def show_config(
    config: Annotated[Path | None, typer.Argument(help="A YAML file; none lists every setting.")] = None,
    overrides: Overrides = None,
    settings: Settings = None,
) -> None:
    """Print a configuration as it resolves, or, without one, every setting with its unit and default."""
    if config:
        print(dump_config(load_config(config, [*(settings or []), *(overrides or [])])), end="")
        return
    for key, kind, default, text, until in describe_settings():
        print(f"{key}: {kind} = {default}\n    {text} May change {until}.")


def _asked_for(
    config: Path, overrides: list[str] | None, settings: list[str] | None, run: Path | None
) -> tuple[Config, RunFolder]:
    """The configuration that a command line asks for, and its run's folder."""
    resolved = load_config(config, [*(settings or []), *(overrides or [])])
    own = RunFolder(config.parent if config.parent.name not in ("", "..") else config.parent.resolve())
    if run is None and config.name == own.config.name and own.is_claimed:
        free = next(
            path for n in itertools.count(2) if not (path := own.path.with_name(f"{own.path.name}-{n}")).exists()
        )
        raise RunError(
            f"{config} is the configuration of the run {own.path}; say where to. "
            f"To go on with that run:  --run {shell_quoted(own.path)}  "
            f"To repeat it in another folder:  --run {shell_quoted(free)}"
        )
    return resolved, RunFolder(run or Path("runs") / config.stem)


def _with_other_test_set(folder: RunFolder, config: Config, settings: list[str]) -> Config:
    """The run's configuration with settings that say where its test set is; others would change nothing here."""
    changed = load_config(folder.config, settings)
    for change in changes(config, changed):
        if not change.key.startswith(("data.root", "data.test")):
            raise RunError(f"--set {change.key}: eval takes data.root and data.test; the rest is the run's own")
    return changed


def _evaluate_run(
    folder: RunFolder, config: Config, beam: int | None = None, tokenize: str | None = None, *, keep: bool = True
) -> "Report":
    """Scores the test set of a configuration; the report stays in the run folder if it is to be kept."""
    start_tensorflow()
    from translator.data.prepare import read_all

    if not config.data.test:
        raise RunError(f"{folder.config} names no data.test; give --source and --reference")
    if keep:
        folder.require_own_files()
    report = _evaluate(folder, read_all(config.data.test, config.data), config, beam, tokenize)
    if keep:
        report.write(folder.report)
    return report


def _evaluate(
    folder: RunFolder,
    pairs: "list[SentencePair]",
    config: Config,
    beam: int | None,
    tokenize: str | None,
    more_references: Sequence[Sequence[str]] = (),
) -> "Report":
    from translator.decoding.translator import Translator
    from translator.evaluation.test_set import evaluate

    translator = Translator.load(folder.path, beam)
    with progress(console, "translating the test set") as show:
        return evaluate(translator, pairs, config.data.target, show, tokenize, more_references)


@contextlib.contextmanager
def _exiting_when_terminated() -> Iterator[None]:
    """Makes SIGTERM end the command as Ctrl-C does, with what is unfinished removed."""
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _print_report(report: "Report") -> None:
    """Scores with their signatures, and a few translations beside their references."""
    table = Table("", "source", "reference", "translation", show_lines=True)
    some = range(0, len(report.pairs), max(1, len(report.pairs) // 5))[:5]
    for i in some:
        texts = (*report.pairs[i], report.hypotheses[i])
        table.add_row(str(i + 1), *map(Text, texts))  # as they stand: "[b]" is no markup in them
    output = Console(highlight=False)
    output.print(table)
    scores = report.scores
    for name, value, signature in (
        ("BLEU", scores.bleu, scores.bleu_signature),
        ("chrF", scores.chrf, scores.chrf_signature),
        ("TER", scores.ter, scores.ter_signature),
    ):
        figure = "     –" if value is None else f"{value:6.2f}"
        output.print(f"{name:5}{figure}  {signature}", markup=False, soft_wrap=True)
    output.print(f"{len(report.pairs):,} sentences in {report.seconds:.1f} s", markup=False)


def _say(message: str, to: Console = console) -> None:
    to.print(message, markup=False, soft_wrap=True)


def _command() -> str:
    """How to call this command again: by its path where it is not on the PATH, as after `make train`."""
    script = Path(sys.argv[0])
    if script.name == "__main__.py":
        return "python -m translator"
    return script.name if shutil.which(script.name) else shell_quoted(script)
