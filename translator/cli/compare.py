"""`translator compare`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from translator.cli.arguments import References, Tokenize
from translator.cli.console import console, say
from translator.files import require_not_read, require_writable, write_file


def compare(
    systems: Annotated[
        list[Path],
        typer.Argument(metavar="SYSTEM…", help="Runs, or files of translations; all are compared with the first."),
    ],
    source: Annotated[Path | None, typer.Option(help="The sentences that were translated, with --reference.")] = None,
    reference: References = None,
    language: Annotated[
        str | None, typer.Option(help="Target language where no run says it, as in --language de.")
    ] = None,
    training: Annotated[
        Path | None,
        typer.Option(help="Target side of the training corpus, for frequencies of words; by default the first run's."),
    ] = None,
    tokenize: Tokenize = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with all that and more sentences.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compare runs, or files of translations, of one test set: which is better, how sure that is, and where."""
    from translator.cli.comparison import print_comparison  # what it scores with takes its time to import
    from translator.evaluation.systems import Given, compare_given, files_read
    from translator.report.comparison_page import comparison_page

    given = Given(systems, source, reference or (), language, training)
    if html:
        require_writable(html)
        require_not_read(html, files_read(given), "--html")
    with console.status("comparing …"):
        found = compare_given(given, tokenize)
    if html:
        write_file(html, comparison_page(found).encode())
    if as_json:
        print(json.dumps(found.figures, ensure_ascii=False))
    else:
        print_comparison(found)
    if html:
        say(f"written: {html}")
