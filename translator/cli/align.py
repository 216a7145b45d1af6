"""`translator align`."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from translator.cli.arguments import CheckpointOption, From, Run, To
from translator.cli.console import console
from translator.data.paired import paired_lines, tabbed_lines
from translator.progress import progress
from translator.run_folder import RunError, RunFolder
from translator.runtime import start_tensorflow

LINES_TOGETHER = 4096  # pairs that are read before their alignments are written


def align(
    run: Run,
    source: Annotated[Path | None, typer.Option(help="Sentences, one a line.")] = None,
    target: Annotated[Path | None, typer.Option(help="Their translations, line by line.")] = None,
    reverse: Annotated[
        Path | None, typer.Option(help="A run in the opposite direction: only what both look at counts.")
    ] = None,
    form: Annotated[
        Literal["pharaoh", "json", "talp"],
        typer.Option("--format", help="0-0 1-2; a JSON object with words and links; or 1-1 2-3."),
    ] = "pharaoh",
    method: Annotated[
        Literal["norms", "weights", "rollout"] | None,
        typer.Option(
            help="What is read: how much a position adds (default), attention weights, or those through all layers. "
            "Without this and the next three, a run with guided alignment has the head that was taught."
        ),
    ] = None,
    layer: Annotated[int | None, typer.Option(help="Of the decoder, from 1 on; the mean of all by default.")] = None,
    head: Annotated[int | None, typer.Option(help="From 1 on; all of a layer together by default.")] = None,
    where: Annotated[
        Literal["written", "read"] | None,
        typer.Option(
            help="Whether a token's attention is that with which the decoder writes it (the default) or reads it."
        ),
    ] = None,
    symmetrize: Annotated[
        Literal["grow-diag-final-and", "intersection", "union", "none"],
        typer.Option(help="How the best links of source words join those of target words; none: target words alone."),
    ] = "grow-diag-final-and",
    independent: Annotated[
        bool, typer.Option("--independent", help="With --reverse: each run makes the links of its target words.")
    ] = False,
    tokenized: Annotated[
        bool, typer.Option("--tokenized", help="Only spaces separate words; else punctuation is split off.")
    ] = False,
    checkpoint: CheckpointOption = None,
    to: To = None,
    from_: From = None,
) -> None:
    """Say which words of given translations belong to which words of the sentences: a line for each pair.

    Without --source and --target, pairs come from standard input, a tab between the two.
    """
    if sys.stdout is None:
        raise RunError("standard output is closed; send it to a file")
    if (source is None) != (target is None):
        raise RunError("--source and --target go together: name both files, or neither for standard input")
    if independent and reverse is None:
        raise RunError("--independent needs --reverse: with one run there is nothing to be independent of")
    if method == "rollout" and (layer or head):
        raise RunError("--method rollout goes through all layers and heads; leave --layer and --head out")
    from translator.inspect.numbered import require_head

    for model in (RunFolder(path).load_config().model for path in (run, reverse) if path):
        require_head(layer, head, model.decoder_layers, model.num_heads)
    start_tensorflow()
    from translator.inspect.alignment import Aligner, AlignmentOptions
    from translator.inspect.word_weights import Reading

    aligner = Aligner.load(run, reverse, checkpoint, to, from_)
    chosen = any(option is not None for option in (method, layer, head, where))
    reading = Reading(method or "norms", layer, head, where or "written") if chosen else None
    options = AlignmentOptions(reading, symmetrize, not independent, tokenized)
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    groups = (
        paired_lines(source, target, LINES_TOGETHER, "aligning")
        if source and target
        else tabbed_lines(LINES_TOGETHER, "aligning")
    )
    for pairs in groups:
        with progress(console, "aligning", visible=source is not None and not sys.stdout.isatty()) as show:
            sources, targets = zip(*pairs, strict=True)
            for alignment in aligner.align(sources, targets, options, show):
                sys.stdout.write(alignment.line(form) + "\n")
        sys.stdout.flush()
