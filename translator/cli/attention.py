"""`translator attention`."""

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from translator.cli.arguments import Beam, Checkpoint, CheckpointOption, From, Run, To
from translator.cli.console import console, say
from translator.files import require_not_read, require_writable, write_file
from translator.progress import progress
from translator.run_folder import RunError, RunFolder
from translator.runtime import start_tensorflow

if TYPE_CHECKING:
    from translator.inspect.heads import HeadReport

MOST_COLUMNS = 10_000  # of a table that no terminal shows: as many as its heads need


def attention(
    run: Run,
    sentence: Annotated[str | None, typer.Argument(help="What the model reads.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            help="The file, whose name ends with its format: .png, .svg, .html, .json; a report's: .png, .svg, .csv."
        ),
    ] = None,
    target: Annotated[str | None, typer.Option(help="Its translation; by default the one that the run finds.")] = None,
    kind: Annotated[
        Literal["encoder", "decoder", "cross"],
        typer.Option(help="Within the sentence, within the translation, or from the translation to the sentence."),
    ] = "cross",
    layer: Annotated[int | None, typer.Option(help="From 1 on; without --head, all heads of the layer.")] = None,
    head: Annotated[int | None, typer.Option(help="From 1 on; without --layer, that head of each layer.")] = None,
    every: Annotated[
        bool, typer.Option("--every", help="All heads of all layers; by default their mean, unless one is chosen.")
    ] = False,
    tokens: Annotated[
        bool, typer.Option("--tokens/--words", help="By subwords, or by words: the sums and means of their subwords.")
    ] = False,
    where: Annotated[
        Literal["written", "read"],
        typer.Option(help="Whether the decoder's rows are named by what it writes there or by what it reads."),
    ] = "written",
    prune_report: Annotated[
        bool, typer.Option("--prune-report", help="In place of a sentence: validation BLEU without each head in turn.")
    ] = False,
    sentences: Annotated[
        int | None, typer.Option(min=1, help="With --prune-report: so many validation sentences; all by default.")
    ] = None,
    beam: Beam = None,
    checkpoint: CheckpointOption = None,
    to: To = None,
    from_: From = None,
) -> None:
    """Show what a run's model looks at in a sentence: a picture, a page to explore, or figures.

    The page and the figures hold all heads; the options say what the page shows first.
    """
    if prune_report:
        if sentence is not None:
            raise RunError("--prune-report takes no sentence: it measures on the validation set")
        _prune_report(run, output, sentences, beam, checkpoint, (to, from_))
        return
    if sentence is None or not sentence.strip():
        raise RunError("what should the model read? Give a sentence after the run, in quotes")
    if output is None:
        raise RunError("--output says where to write: x.png, x.svg, x.html or x.json")
    if every and (layer or head):
        raise RunError("--every shows all heads of all layers; leave --layer and --head out")
    if sentences:
        raise RunError("--sentences goes with --prune-report")
    from translator.inspect.attention import Shown
    from translator.inspect.attention_files import FORMS, write
    from translator.inspect.plots import form_of

    shown = Shown(kind, layer, head, every, "tokens" if tokens else "words")
    form_of(output, FORMS)
    require_writable(output)
    shown.require(RunFolder(run).load_config().model)
    start_tensorflow()
    from translator.inspect.attention_reader import AttentionReader

    read = AttentionReader.load(run, beam, checkpoint, to, from_).read(sentence, target, where)
    write(read, output, shown)
    print(output)


def _prune_report(
    run: Path,
    output: Path | None,
    sentences: int | None,
    beam: int | None,
    checkpoint: Checkpoint | None,
    languages: tuple[str | None, str | None],
) -> None:
    from translator.data.corpora.formats import files_of
    from translator.inspect.plots import PICTURES, form_of

    form = form_of(output, (*PICTURES, "csv")) if output else None
    if output:
        require_writable(output)
        data = RunFolder(run).load_config().data
        require_not_read(output, files_of(data.validation, data))
    start_tensorflow()
    from translator.inspect.heads import draw, report_of_run

    with progress(console, "translating without each head") as show:
        report = report_of_run(run, sentences, beam, checkpoint, show, *languages)
    print_table(report)
    if output and form:
        write_file(output, report.csv.encode() if form == "csv" else draw(report, form))
        print(output)


def print_table(report: "HeadReport") -> None:
    """A line for each layer, with what BLEU loses or gains without each of its heads."""
    heads = range(1, max(row.head for row in report.without) + 1)
    table = Table("", *(f"head {head}" for head in heads))
    for (kind, layer), rows in itertools.groupby(report.without, lambda row: (row.kind, row.layer)):
        table.add_row(f"{kind} {layer}", *(f"{row.difference:+.2f}{'*' if row.is_certain else ' '}" for row in rows))
    shown = Console(highlight=False)
    if not shown.is_terminal:
        shown.width = MOST_COLUMNS
    shown.print(table)
    lost = sum(row.is_certain and row.difference < 0 for row in report.without)
    on = f"{report.sentences:,} validation {'sentence' if report.sentences == 1 else 'sentences'}"
    say(
        f"BLEU {report.bleu:.2f} with all heads, on {on}; without one of them it changes as above, * if 0 is outside "
        f"the 95% interval. Heads that are missed: {lost} of {len(report.without)}.",
        shown,
    )
