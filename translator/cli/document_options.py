"""The options of `translator translate` for documents."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from translator.run_folder import RunError

_PANEL = "Documents"
Document = Annotated[
    Path | None,
    typer.Option(
        help="A document in place of lines; its format is that of its suffix. - is standard input.",
        rich_help_panel=_PANEL,
    ),
]
DocumentFormat = Annotated[
    # as `translator.documents.formats` has it, which imports parsers
    Literal["text", "markdown", "html", "srt", "vtt", "tsv", "po"] | None,
    typer.Option("--document-format", help="What kind of document it is, whatever its suffix.", rich_help_panel=_PANEL),
]
Columns = Annotated[
    str | None,
    typer.Option(
        help="Of tab-separated values, which are translated: 2,3; or names in the first line.", rich_help_panel=_PANEL
    ),
]


def require_fitting(document: Path | None, of_documents: Mapping[str, Any], of_lines: Mapping[str, Any]) -> None:
    """Raises a RunError for options of documents without one, or of lines with one; both by their names."""
    wrong = [name for name, value in (of_lines if document else of_documents).items() if value]
    if wrong:
        needs = "goes without" if document else "is missing; leave out"
        raise RunError(f"--document {needs} {', '.join(wrong)}")
