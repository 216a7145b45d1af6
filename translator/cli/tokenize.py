"""`translator tokenize`."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.cells import cell_len

from translator.cli.arguments import Run
from translator.errors import one_line
from translator.run_folder import RunError

if TYPE_CHECKING:
    from translator.data.explaining import Explained, Explainer, Subword

LINES_TOGETHER = 1024  # that are read before they are explained
NOTES = {"subword": "", "symbol": "user-defined symbol", "byte": "byte of {}", "unknown": "unknown: {}"}

Format = Literal["text", "json", "pieces", "ids"]


def tokenize(
    run: Run,
    input: Annotated[Path | None, typer.Option(help="Sentences, one a line; standard input by default.")] = None,
    side: Annotated[Literal["source", "target"], typer.Option(help="Whose vocabulary and normalization.")] = "source",
    sampled: Annotated[
        int, typer.Option(min=0, max=10_000, help="Draw so many segmentations, as training with sampling does.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Of what is drawn.")] = 1,
    form: Annotated[
        Format,
        typer.Option(
            "--format", help="Each subword explained; a JSON object a line; or subwords or ids, line by line."
        ),
    ] = "text",
    detokenize: Annotated[
        bool, typer.Option("--detokenize", help="The other way: lines of ids, as --format ids writes them, to text.")
    ] = False,
) -> None:
    """Show which subwords sentences become, and explain them: what is unknown, how often training has each."""
    if sys.stdout is None:
        raise RunError("standard output is closed; send it to a file")
    if sampled and (detokenize or form in ("pieces", "ids")):
        raise RunError("--sampled shows segmentations beside the one that is used: with --format text or json")
    if detokenize and form != "text":
        raise RunError(f"--detokenize writes text; leave --format {form} out")
    from translator.data.arriving import arriving_lines
    from translator.data.explaining import Explainer

    explainer = Explainer.load(run, side)
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    for lines in arriving_lines(input, LINES_TOGETHER):
        for line in _written(explainer, lines, form, sampled, seed, detokenize):
            sys.stdout.write(line + "\n")
        sys.stdout.flush()


def _written(
    explainer: "Explainer", lines: list[str], form: Format, sampled: int, seed: int, detokenize: bool
) -> Iterator[str]:
    if detokenize:
        yield from explainer.tokenizer.decode([explainer.ids_of(line) for line in lines])
    elif form in ("pieces", "ids"):
        for ids in explainer.tokenizer.encode(lines):
            yield " ".join(explainer.tokenizer.pieces(ids) if form == "pieces" else map(str, ids))
    else:
        for explained in explainer.explain(lines, sampled, seed):
            if form == "json":
                yield json.dumps(explained.document, ensure_ascii=False)
            else:
                yield from _described(explained)


def _described(explained: "Explained") -> Iterator[str]:
    """The sentence, a line for each subword, then what is to be said of all."""
    yield one_line(explained.text)
    if not explained.subwords:
        yield from ("  no subword", "")
        return
    if explained.read_as != explained.text:
        yield f"  read as: {one_line(explained.read_as)}"
    rows = [("subword", "id", "in training", "")]
    for subword in explained.subwords:
        count = "" if subword.in_training is None else f"{subword.in_training:,}"
        rows.append((subword.piece, str(subword.id), count, _note(subword)))
    if explained.subwords[0].in_training is None:
        rows = [(piece, id_, "", note) for piece, id_, _, note in rows]
    # Characters of Chinese, Japanese and Korean take two columns of a terminal.
    widths = [max(cell_len(row[column]) for row in rows) for column in range(3)]
    for piece, id_, count, note in rows:
        space = " " * (widths[0] - cell_len(piece))
        yield f"  {piece}{space}  {id_:>{widths[1]}}  {count:>{widths[2]}}  {note}".rstrip()
    yield f"  {_summary(explained)}"
    for drawn, pieces in explained.samples:
        yield f"  drawn {drawn}×: {' '.join(pieces)}"
    yield ""


def _note(subword: "Subword") -> str:
    note = NOTES[subword.kind].format(one_line(subword.text) or "the character before")
    never = (
        "" if subword.in_training or subword.in_training is None or subword.kind == "unknown" else "never in training"
    )
    return ", ".join(filter(None, [note, never]))


def _summary(explained: "Explained") -> str:
    total = len(explained.subwords)
    a_word = explained.subwords_a_word
    parts = [f"{total} subword{'s' * (total != 1)}"]
    if a_word is not None:
        parts.append(f"{a_word:.2f} a word")
    parts.append(f"{explained.characters_a_subword:.2f} characters each")
    for kind, name in (("unknown", "unknown"), ("byte", "bytes")):
        if count := len(explained.of_kind(kind)):  # type: ignore[arg-type]
            parts.append(f"{count} {name}")
    return ", ".join(parts)
