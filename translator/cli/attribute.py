"""`translator attribute`."""

import sys
from typing import Annotated, Literal

import typer

from translator.cli.arguments import CheckpointOption, From, Run, To
from translator.run_folder import RunError
from translator.runtime import start_tensorflow


def attribute(
    run: Run,
    sentence: Annotated[str, typer.Argument(help="What is translated.")],
    target: Annotated[str | None, typer.Option(help="A translation of it; the run's own by default.")] = None,
    method: Annotated[
        Literal["value-zeroing", "erasure", "gradient", "integrated"],
        typer.Option(
            help="Without what a token gives to others; without the token; gradient × input; integrated gradients."
        ),
    ] = "value-zeroing",
    instead: Annotated[
        str | None, typer.Option(help="Another word: say why the one that stands --at a place is not this one.")
    ] = None,
    at: Annotated[int | None, typer.Option(help="With --instead: which word of the translation, from 1 on.")] = None,
    form: Annotated[
        Literal["table", "json"],
        typer.Option("--format", help="What speaks most for each word; or all scores, as a JSON object."),
    ] = "table",
    tokens: Annotated[bool, typer.Option("--tokens", help="Leave subwords as they are; else merge them.")] = False,
    tokenized: Annotated[
        bool, typer.Option("--tokenized", help="Only spaces separate words; else punctuation is split off.")
    ] = False,
    steps: Annotated[int | None, typer.Option(min=1, max=4096, help="Of integrated gradients; 32 by default.")] = None,
    checkpoint: CheckpointOption = None,
    to: To = None,
    from_: From = None,
) -> None:
    """Say which words of a sentence, and of its translation so far, each word of the translation comes from."""
    if sys.stdout is None:
        raise RunError("standard output is closed; send it to a file")
    if (instead is None) != (at is None):
        raise RunError("--instead and --at go together: another word, and the place where it does not stand")
    if steps is not None and method != "integrated":
        raise RunError("--steps goes with --method integrated: other methods take none")
    if not sentence.strip() and not (target or "").strip():
        raise RunError("there is nothing to explain: sentence and translation are blank")
    start_tensorflow()
    from translator.inspect.attribution.attributor import DEFAULTS, AttributionOptions, Attributor, Contrast

    contrast = Contrast(instead, at) if instead is not None and at is not None else None
    options = AttributionOptions(method, contrast, not tokens, tokenized, steps or DEFAULTS.steps)
    found = Attributor.load(run, checkpoint, to, from_).attribute(sentence, target, options)
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.stdout.write((found.json() if form == "json" else found.table()) + "\n")
