"""`translator score`."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from translator.cli.arguments import CheckpointOption, Ensemble, Run, To
from translator.cli.console import console
from translator.data.paired import paired_lines
from translator.progress import progress
from translator.run_folder import RunError
from translator.runtime import start_tensorflow

if TYPE_CHECKING:
    from translator.decoding.scored import Scored

LINES_TOGETHER = 4096  # pairs that are read before their scores are written


def score(
    run: Run,
    source: Annotated[Path, typer.Option(help="Sentences, one a line.")],
    target: Annotated[Path, typer.Option(help="Their translations, line by line.")],
    checkpoint: CheckpointOption = None,
    ensemble: Ensemble = None,
    to: To = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object a line, with each token's log-probability.")
    ] = False,
) -> None:
    """Say how probable given translations are: one line comes out for each pair of lines.

    It has the translation's log-probability, a tab, and the mean over its tokens.
    """
    if sys.stdout is None:
        raise RunError("standard output is closed; send it to a file")
    start_tensorflow()
    from translator.decoding.translator import Translator

    translator = Translator.load_ensemble([run, *(ensemble or [])], checkpoint=checkpoint, to=to)
    written = _json if as_json else _columns
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    number = 1
    for pairs in paired_lines(source, target, LINES_TOGETHER, "scoring"):
        with progress(console, "scoring", visible=not sys.stdout.isatty()) as show:
            sources, targets = zip(*pairs, strict=True)
            for scored in translator.score(sources, targets, number, show):
                sys.stdout.write(written(scored) + "\n")
        sys.stdout.flush()
        number += len(pairs)


def _columns(scored: "Scored") -> str:
    return f"{scored.log_prob:.6f}\t{scored.mean:.6f}"


def _json(scored: "Scored") -> str:
    figures = {
        "log_prob": round(scored.log_prob, 6),
        "mean": round(scored.mean, 6),
        "tokens": scored.tokens,
        "token_log_probs": [round(log_prob, 6) for log_prob in scored.token_log_probs],
        "pieces": scored.pieces,
    }
    return json.dumps(figures, ensure_ascii=False)
