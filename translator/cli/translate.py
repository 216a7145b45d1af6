"""`translator translate`."""

import contextlib
import enum
import gzip
import io
import itertools
import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal, TextIO

import typer

from translator.cli.arguments import Beam, Checkpoint, CheckpointOption, Ensemble
from translator.cli.console import console
from translator.cli.search_options import apply, takes_search_options
from translator.files import is_standard_output, replacing
from translator.progress import progress
from translator.run_folder import RunError
from translator.runtime import start_tensorflow

log = logging.getLogger(__name__)

LINES_TOGETHER = 4096  # at most so many lines are read before their translations are written


class Engine(str, enum.Enum):
    """What searches: the weights of a run, in this package or in another, or a graph that was exported from them."""

    TRANSFORMER = "transformer"
    CTRANSLATE2 = "ctranslate2"
    AUTO = "auto"
    SAVED_MODEL = "saved_model"


@takes_search_options
def translate(
    model: Annotated[
        Path, typer.Argument(help="A run folder; with --engine, a folder that `translator export` wrote.")
    ],
    input: Annotated[Path | None, typer.Option(help="Sentences, one a line; standard input by default.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="Where to write, zipped if it ends in .gz; standard output by default.")
    ] = None,
    beam: Beam = None,
    checkpoint: CheckpointOption = None,
    ensemble: Ensemble = None,
    mbr: Annotated[
        bool,
        typer.Option("--mbr", help="Of the beam's hypotheses, take the one that the others agree with most (chrF)."),
    ] = False,
    keep: Annotated[
        list[str] | None,
        typer.Option(help="url, email or a regular expression: what matches is kept as it is; again for more."),
    ] = None,
    engine: Annotated[
        Engine,
        typer.Option(
            help="ctranslate2 converts the run when first asked for; auto takes the faster of the two; "
            "saved_model opens an exported graph: a program, so only one that you trust."
        ),
    ] = Engine.TRANSFORMER,
    n_best: Annotated[int, typer.Option(min=1, help="Translations of each line; more than one need a --format.")] = 1,
    form: Annotated[
        Literal["text", "moses", "json"],
        typer.Option("--format", help="text alone; Moses' n-best list; or a JSON object for each line. With scores."),
    ] = "text",
    token_scores: Annotated[bool, typer.Option("--token-scores", help="With the scores of tokens, too.")] = False,
    target_prefixes: Annotated[
        Path | None, typer.Option(help="How the translation of each line begins: a file with as many lines.")
    ] = None,
    *,
    search: dict[str, Any],
) -> None:
    """Translate lines: exactly one comes out for each that goes in, but for n-best lists."""
    if input and output and output.exists() and input.exists() and output.samefile(input):
        raise RunError(f"--output {output} is the --input, which would be lost; name another file")
    if form == "text" and (n_best > 1 or token_scores):
        raise RunError("text has no room for scores or several translations of a line; add --format moses or json")
    if beam is None and (search.get("sample") or search.get("alternatives")):
        beam = n_best
    start_tensorflow()
    from translator.data.arriving import arriving_lines
    from translator.data.corpora.lines import read_lines
    from translator.decoding.output import lines_of
    from translator.decoding.placeholders import Keeper
    from translator.decoding.translator import Translator

    if engine is Engine.SAVED_MODEL:
        _refuse_what_is_fixed(model, beam, checkpoint, ensemble)
        translator = Translator.load_exported(model)
    elif ensemble:
        if engine is not Engine.TRANSFORMER:
            raise RunError(f"--ensemble searches with the engine transformer; leave --engine {engine.value} out")
        translator = Translator.load_ensemble([model, *ensemble], beam, checkpoint)
    else:
        translator = Translator.load(model, beam, checkpoint, engine.value)
    apply(translator, search | ({"with_token_log_probs": True} if token_scores else {}))
    if n_best > 1 and n_best > translator.options.beam_size:
        raise RunError(f"--n-best {n_best} needs a beam as large: the beam is {translator.options.beam_size}")
    if mbr:
        translator = translator.with_mbr(samples=translator.options.sample)
    if keep and (form != "text" or target_prefixes):
        raise RunError("--keep goes with plain text alone: leave out --format and --target-prefixes")
    keeper = Keeper(translator, keep or [])
    number = 1
    with contextlib.ExitStack() as stack:
        if output and not is_standard_output(output):
            stack.enter_context(_exiting_when_terminated())
            file: TextIO = stack.enter_context(_opened(stack.enter_context(replacing(output)), output.suffix == ".gz"))
        elif sys.stdout is None:
            raise RunError("standard output is closed; name a file with --output")
        else:
            sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
            file = sys.stdout
        prefixes = stack.enter_context(contextlib.closing(read_lines(target_prefixes))) if target_prefixes else None
        for lines in stack.enter_context(contextlib.closing(arriving_lines(input, LINES_TOGETHER))):
            with progress(console, "translating", visible=bool(output)) as show:
                begun: dict[str, Any] = {}
                if prefixes:
                    begun["target_prefixes"] = _next(prefixes, len(lines), target_prefixes)
                if form == "text" and keep:
                    written = keeper.translate_text(lines, number, show)
                elif form == "text":
                    written = translator.translate_text(lines, number, show, **begun)
                else:
                    found = translator.translate(lines, number, show, **begun)
                    written = [x for i, each in enumerate(found, number) for x in lines_of(each, i, form, n_best)]
                for line in written:
                    file.write(line + "\n")
            file.flush()
            number += len(lines)
        if prefixes and next(prefixes, None) is not None:
            raise RunError(f"{target_prefixes} has more than the {number - 1} lines of the input; give one for each")
    if keeper.warning:
        log.warning(keeper.warning)


def _next(lines: Iterator[str], count: int, path: Path | None) -> list[str]:
    """The next lines of a file that must have them."""
    found = list(itertools.islice(lines, count))
    if len(found) < count:
        raise RunError(f"{path} has fewer lines than the input; give one for each line, empty where it begins freely")
    return found


@contextlib.contextmanager
def _opened(path: Path, zipped: bool) -> Iterator[TextIO]:
    with contextlib.ExitStack() as stack:
        file: BinaryIO = stack.enter_context(path.open("wb"))
        if zipped:  # without the name, which is a temporary one, and the time
            file = stack.enter_context(gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0))  # type: ignore[assignment]
        yield stack.enter_context(io.TextIOWrapper(file, encoding="utf-8"))


def _refuse_what_is_fixed(
    model: Path, beam: int | None, checkpoint: Checkpoint | None, ensemble: Sequence[Path] | None
) -> None:
    """Raises a RunError for options that an exported model cannot follow."""
    if beam is not None:
        raise RunError(f"{model} is an exported model, whose beam size is fixed; leave --beam out")
    if checkpoint is not None:
        raise RunError(f"{model} is an exported model, which has no checkpoints; leave --checkpoint out")
    if ensemble:
        raise RunError(f"{model} is an exported model, which is no part of an ensemble; leave --ensemble out")


@contextlib.contextmanager
def _exiting_when_terminated() -> Iterator[None]:
    """Makes SIGTERM end the command as Ctrl-C does, so that unfinished files are removed."""
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
