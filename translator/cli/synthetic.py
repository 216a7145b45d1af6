"""`translator back-translate` and `translator distill`: corpora of which a model writes one side."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from translator.cli.arguments import (
    Beam,
    CheckpointOption,
    Ensemble,
    ProcessesOption,
    Quantization,
    Resume,
    ShardOption,
    To,
)
from translator.cli.console import console, exiting_when_terminated
from translator.cli.search_options import takes_search_options
from translator.progress import progress
from translator.run_folder import RunError
from translator.shard import Shard

if TYPE_CHECKING:
    from translator.decoding.blocks import Lines
    from translator.decoding.synthetic import Synthesis

Output = Annotated[Path, typer.Option(help="The corpus, as source, tab, target; zipped if it ends in .gz.")]
EngineOption = Annotated[
    Literal["transformer", "ctranslate2", "auto"],
    typer.Option(help="ctranslate2 converts the run when first asked for, and has no sampling; auto takes the faster."),
]


@takes_search_options(without=["alternatives"])  # of a target prefix, which there is none of
def back_translate(
    run: Annotated[Path, typer.Argument(help="A run that translates into the source language.")],
    input: Annotated[Path, typer.Argument(help="Sentences in the target language, one a line.")],
    output: Output,
    tag: Annotated[str, typer.Option(help="What the written sources begin with; '' for nothing.")] = "<BT>",
    beam: Beam = None,
    noise: Annotated[
        int | None,
        typer.Option(
            metavar="SEED",
            help="Leave a tenth of the written words out, and move the others a little, as a number draws it.",
        ),
    ] = None,
    checkpoint: CheckpointOption = None,
    engine: EngineOption = "transformer",
    quantization: Quantization = None,
    processes: ProcessesOption = None,
    shard: ShardOption = None,
    resume: Resume = False,
    to: To = None,
    *,
    search: dict[str, Any],
) -> None:
    """Write the sources of target-language text: a corpus to train on. By sampling, unless there is a --beam."""
    from translator.decoding.blocks import Lines
    from translator.decoding.synthetic import Synthesis

    if beam is None:
        search = {"sample": True, **search}
    _require_no_beam(beam, search)
    how = Synthesis((run,), "source", tag, noise, beam, checkpoint, engine, quantization, search, to)
    _write(how, Lines(input, shard=_parsed(shard)), output, processes, resume=resume)


@takes_search_options(without=["alternatives"])  # of a target prefix, which there is none of
def distill(
    run: Annotated[Path, typer.Argument(help="The teacher, a run.")],
    output: Output,
    input: Annotated[
        Path | None, typer.Option(help="Sentences to translate; the sources of the run's training corpora by default.")
    ] = None,
    beam: Beam = None,
    checkpoint: CheckpointOption = None,
    ensemble: Ensemble = None,
    engine: EngineOption = "transformer",
    quantization: Quantization = None,
    processes: ProcessesOption = None,
    shard: ShardOption = None,
    resume: Resume = False,
    to: To = None,
    *,
    search: dict[str, Any],
) -> None:
    """Write the translations that a run, or an ensemble, gives its training sources: a corpus for a smaller model."""
    from translator.decoding.blocks import Lines
    from translator.decoding.files import require_apart
    from translator.decoding.synthetic import Synthesis, training_files, write_training_sources

    if ensemble and (engine != "transformer" or quantization):
        raise RunError("--ensemble searches with the engine transformer; leave --engine and --quantization out")
    _require_no_beam(beam, search)
    runs = run, *(ensemble or ())
    how = Synthesis(runs, "target", "", None, beam, checkpoint, engine, quantization, search, to)
    part = _parsed(shard)  # before all sources are written
    require_apart(output, [input] if input else training_files(run, to))
    with exiting_when_terminated(), tempfile.TemporaryDirectory() as folder:
        name = None
        if input is None:
            input, name = Path(folder) / "sources", f"the text that {run} was trained to translate"
            write_training_sources(run, input, to)
        _write(how, Lines(input, shard=part, name=name), output, processes, resume=resume)


def _require_no_beam(beam: int | None, search: dict[str, Any]) -> None:
    """Raises a RunError for a beam beside sampling."""
    if beam is not None and search.get("sample"):
        raise RunError("--sample has no beam; leave one of them out")


def _parsed(shard: str | None) -> Shard | None:
    return Shard.parse(shard) if shard else None


def _write(how: "Synthesis", lines: "Lines", output: Path, processes: int | None, *, resume: bool) -> None:
    from translator.decoding.files import translate_file

    if lines.total == 0:
        raise RunError(f"{lines.name} is empty, so there is no corpus to write")
    with exiting_when_terminated(), progress(console, "translating") as show:
        translate_file(how, lines, output, processes=processes, resume=resume, show=show)
