"""`translator translate`."""

import contextlib
import enum
import functools
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from translator.cli.arguments import Beam, Checkpoint, CheckpointOption
from translator.cli.console import console
from translator.progress import progress
from translator.run_folder import RunError
from translator.runtime import start_tensorflow

if TYPE_CHECKING:
    from translator.decoding.translator import Translator


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
    engine: Annotated[
        Engine, typer.Option(help="saved_model opens an exported graph: a program, so only one that you trust.")
    ] = Engine.TRANSFORMER,
    processes: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1000,
            help="Processes that share the lines of --input; one for each core by default, if it is long.",
        ),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(metavar="K/N", help="Translate the K-th of N parts of --input; `cat` joins the outputs."),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Keep what is done if interrupted; the same command again goes on from there."),
    ] = False,
) -> None:
    """Translate lines: exactly one comes out for each that goes in."""
    from translator.decoding.files import Shard, translate_file

    part = Shard.parse(shard) if shard else None
    load = functools.partial(load_translator, model, beam, checkpoint, engine)
    ending = _exiting_when_terminated() if output else contextlib.nullcontext()
    with ending, progress(console, "translating", visible=bool(output)) as show:
        translate_file(load, input, output, processes=processes, shard=part, resume=resume, show=show)


def load_translator(model: Path, beam: int | None, checkpoint: Checkpoint | None, engine: Engine) -> "Translator":
    """Opens what `translate` is asked to translate with, in each of its processes."""
    start_tensorflow()
    from translator.decoding.translator import Translator

    if engine is Engine.SAVED_MODEL:
        if beam is not None:
            raise RunError(f"{model} is an exported model, whose beam size is fixed; leave --beam out")
        if checkpoint is not None:
            raise RunError(f"{model} is an exported model, which has no checkpoints; leave --checkpoint out")
        return Translator.load_exported(model)
    return Translator.load(model, beam, checkpoint)


@contextlib.contextmanager
def _exiting_when_terminated() -> Iterator[None]:
    """Makes SIGTERM end the command as Ctrl-C does, so that unfinished files are removed."""
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
