"""`translator translate`."""

import contextlib
import enum
import gzip
import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, TextIO

import typer

from translator.cli.arguments import Beam, Checkpoint, CheckpointOption, Ensemble
from translator.cli.console import console
from translator.files import is_standard_output, replacing
from translator.progress import progress
from translator.run_folder import RunError
from translator.runtime import start_tensorflow

log = logging.getLogger(__name__)

LINES_TOGETHER = 4096  # at most so many lines are read before their translations are written


class Engine(str, enum.Enum):
    """What searches: the weights of a run, or a graph that was exported from them."""

    TRANSFORMER = "transformer"
    SAVED_MODEL = "saved_model"


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
        Engine, typer.Option(help="saved_model opens an exported graph: a program, so only one that you trust.")
    ] = Engine.TRANSFORMER,
) -> None:
    """Translate lines: exactly one comes out for each that goes in."""
    if input and output and output.exists() and input.exists() and output.samefile(input):
        raise RunError(f"--output {output} is the --input, which would be lost; name another file")
    start_tensorflow()
    from translator.data.arriving import arriving_lines
    from translator.decoding.placeholders import Keeper
    from translator.decoding.translator import Translator

    if engine is Engine.SAVED_MODEL:
        _refuse_what_is_fixed(model, beam, checkpoint, ensemble)
        translator = Translator.load_exported(model)
    elif ensemble:
        translator = Translator.load_ensemble([model, *ensemble], beam, checkpoint)
    else:
        translator = Translator.load(model, beam, checkpoint)
    if mbr:
        translator = translator.with_mbr()
    keeper = Keeper(translator, keep or [])
    number = 1
    with contextlib.ExitStack() as stack:
        if output and not is_standard_output(output):
            stack.enter_context(_exiting_when_terminated())
            path = stack.enter_context(replacing(output))
            opened = gzip.open if output.suffix == ".gz" else open
            file: TextIO = stack.enter_context(opened(path, "wt", encoding="utf-8"))
        elif sys.stdout is None:
            raise RunError("standard output is closed; name a file with --output")
        else:
            sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
            file = sys.stdout
        for lines in stack.enter_context(contextlib.closing(arriving_lines(input, LINES_TOGETHER))):
            with progress(console, "translating", visible=bool(output)) as show:
                for line in keeper.translate_text(lines, number, show):
                    file.write(line + "\n")
            file.flush()
            number += len(lines)
    if keeper.warning:
        log.warning(keeper.warning)


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
