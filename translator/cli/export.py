"""`translator export`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from translator.cli.arguments import Beam, Run
from translator.cli.console import console, own_command, say
from translator.errors import shell_quoted
from translator.runtime import start_tensorflow


def export(
    run: Run,
    output: Annotated[Path, typer.Option(help="Folder to write.")],
    beam: Beam = None,
) -> None:
    """Write a SavedModel, text in and text out, that needs only tensorflow and tensorflow_text."""
    start_tensorflow()
    from translator.export.saved_model import export_saved_model

    with console.status(Text(f"exporting {run} …")):
        export_saved_model(run, output, beam)
    command = f"{own_command()} translate --engine saved_model {shell_quoted(output)}"
    say(f"Wrote {output}. Translate with:  echo 'A sentence.' | {command}")
