"""`translator tokenize`."""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.cells import cell_len

from translator.cli.console import console
from translator.config.load import load_config
from translator.errors import TranslatorError, one_line
from translator.progress import progress
from translator.run_folder import RunError

if TYPE_CHECKING:
    from translator.data.explaining import Explained, Explainer, Subword
    from translator.data.vocabulary_sizes import Advice

LINES_TOGETHER = 1024  # that are read before they are explained
NOTES = {"subword": "", "symbol": "user-defined symbol", "byte": "byte of {}", "unknown": "unknown: {}"}

Format = Literal["text", "json", "pieces", "ids"]


def tokenize(
    run: Annotated[Path | None, typer.Argument(help="A run folder, prepared or trained.")] = None,
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
    advise: Annotated[
        Path | None,
        typer.Option(help="In place of a run, a configuration: measures vocabularies of several sizes on its corpus."),
    ] = None,
    sizes: Annotated[str | None, typer.Option(help="With --advise, as in 1000,4000,16000.")] = None,
) -> None:
    """Show which subwords sentences become, and explain them: what is unknown, how often training has each."""
    if sys.stdout is None:
        raise RunError("standard output is closed; send it to a file")
    if advise:
        if run or input or sampled or detokenize or form in ("pieces", "ids") or (side, seed) != ("source", 1):
            raise RunError("--advise measures a configuration; of the other options it takes --sizes and --format json")
        _advise(advise, sizes, form)
        return
    if run is None or sizes:
        raise RunError("name a run folder, or with --advise a configuration, for which there may be --sizes")
    if sampled and (detokenize or form in ("pieces", "ids")):
        raise RunError("--sampled shows segmentations beside the one that is used: with --format text or json")
    if detokenize and form != "text":
        raise RunError(f"--detokenize writes text; leave --format {form} out")
    from translator.data.arriving import arriving_lines
    from translator.data.explaining import Explainer

    explainer = Explainer.load(run, side)
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    first_row = 0
    for lines in arriving_lines(input, LINES_TOGETHER):
        if detokenize:
            written = _detokenized(explainer, lines, input, first_row)
        else:
            written = _written(explainer, lines, form, (sampled, seed, first_row))
        for line in written:
            sys.stdout.write(line + "\n")
        sys.stdout.flush()
        first_row += len(lines)


def _advise(path: Path, given: str | None, form: Format) -> None:
    from translator.data.vocabulary_sizes import SIZES, measure_sizes

    sizes: tuple[int, ...] = SIZES
    if given is not None:
        if not re.fullmatch("[0-9]{1,8}(,[0-9]{1,8})*", given):
            raise RunError(f"--sizes {given:.80}: expected numbers between commas, as in 1000,4000,16000")
        sizes = tuple(map(int, given.split(",")))
    config = load_config(path)
    with progress(console, "measuring vocabularies") as show:
        advice = measure_sizes(config, sizes, show)
    if form == "json":
        print(json.dumps(asdict(advice) | {"suggested": advice.suggested}, ensure_ascii=False))
        return
    for line in _advised(advice, config.tokenizer.vocabulary_size):
        print(line)


def _advised(advice: "Advice", configured: int) -> Iterator[str]:
    """A line for each size, and what follows from them."""
    sample = "" if advice.sampled == advice.pairs else f", measured on {advice.sampled:,} of them"
    yield f"{advice.pairs:,} pairs{sample}"
    if advice.sizes:
        languages = [side.language for side in (advice.sizes[0].source, advice.sizes[0].target)]
        heads = ("size", *(f"{language}, a {what}" for language in languages for what in ("sentence", "word")))
        rows = [(*heads, "seen 100×", "unused")]
        for each in advice.sizes:
            of_sides = (
                figure
                for side in (each.source, each.target)
                for figure in (
                    f"{side.subwords:.1f}",
                    "–" if side.subwords_a_word is None else f"{side.subwords_a_word:.2f}",
                )
            )
            rows.append((f"{each.size:,}", *of_sides, f"{each.frequent:.1%}", f"{each.unused:,}"))
        widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            yield "  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))
    for size, why in advice.impossible.items():
        yield f"{size:,}: {why}"
    yield _verdict(advice, configured)


def _verdict(advice: "Advice", configured: int) -> str:
    source = "the rule of thumb of Gowda and May (2020), found with BPE on other corpora; only training tells for sure"
    if advice.suggested is None:
        return (
            "of none of these sizes are 95% of the subwords seen 100 times; --sizes measures smaller ones. That is "
            f"{source}"
        )
    return (
        f"tokenizer.vocabulary_size {advice.suggested:,} is the largest of them of which 95% are seen 100 times "
        f"(the configuration has {configured:,}): {source}"
    )


def _detokenized(explainer: "Explainer", lines: list[str], input: Path | None, first_row: int) -> Iterator[str]:
    for number, line in enumerate(lines, first_row + 1):
        try:
            ids = explainer.ids_of(line)
        except TranslatorError as error:
            raise TranslatorError(f"{input or 'standard input'}:{number}: {error}") from None
        yield from explainer.tokenizer.decode([ids])


def _written(explainer: "Explainer", lines: list[str], form: Format, sampling: tuple[int, int, int]) -> Iterator[str]:
    if form in ("pieces", "ids"):
        for ids in explainer.tokenizer.encode(lines):
            yield " ".join(explainer.tokenizer.pieces(ids) if form == "pieces" else map(str, ids))
    else:
        for explained in explainer.explain(lines, *sampling):
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
