"""`translator translate`."""

import contextlib
import enum
import gzip
import io
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, BinaryIO, TextIO

import typer

from translator.cli.arguments import Beam, CheckpointOption
from translator.cli.console import console
from translator.files import is_standard_output, replacing
from translator.progress import progress
from translator.run_folder import RunError
from translator.runtime import start_tensorflow

LINES_TOGETHER = 4096  # at most so many lines are read before their translations are written


class Engine(str, enum.Enum):
    """What searches: the weights of a run, in this package or in another, or a graph that was exported from them."""

    TRANSFORMER = "transformer"
    CTRANSLATE2 = "ctranslate2"
    AUTO = "auto"
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
    engine: Annotated[
        Engine,
        typer.Option(
            help="ctranslate2 converts the run when first asked for; auto takes the faster of the two; "
            "saved_model opens an exported graph: a program, so only one that you trust."
        ),
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
        if checkpoint is not None:
            raise RunError(f"{model} is an exported model, which has no checkpoints; leave --checkpoint out")
        translator = Translator.load_exported(model)
    else:
        translator = Translator.load(model, beam, checkpoint, engine.value)
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
        for lines in stack.enter_context(contextlib.closing(arriving_lines(input, LINES_TOGETHER))):
            with progress(console, "translating", visible=bool(output)) as show:
                for line in translator.translate_text(lines, number, show):
                    file.write(line + "\n")
            file.flush()
            number += len(lines)


@contextlib.contextmanager
def _opened(path: Path, zipped: bool) -> Iterator[TextIO]:
    with contextlib.ExitStack() as stack:
        file: BinaryIO = stack.enter_context(path.open("wb"))
        if zipped:  # without the name, which is a temporary one, and the time
            file = stack.enter_context(gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0))  # type: ignore[assignment]
        yield stack.enter_context(io.TextIOWrapper(file, encoding="utf-8"))


@contextlib.contextmanager
def _exiting_when_terminated() -> Iterator[None]:
    """Makes SIGTERM end the command as Ctrl-C does, so that unfinished files are removed."""
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
