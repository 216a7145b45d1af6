"""`translator export`."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from translator.cli.arguments import Beam, From, Quantization, Run, To
from translator.cli.console import console, say
from translator.cli.search_options import takes_search_options
from translator.errors import own_command, shell_quoted
from translator.runtime import start_tensorflow


@takes_search_options()
def export(
    run: Run,
    output: Annotated[Path, typer.Option(help="Folder to write.")],
    format_name: Annotated[
        str,
        typer.Option(
            "--format",
            help="saved_model, ctranslate2, argos or huggingface; a wrong name lists what this run can have.",
        ),
    ] = "saved_model",
    quantization: Quantization = None,
    beam: Beam = None,
    to: To = None,
    from_: From = None,
    *,
    search: dict[str, Any],
) -> None:
    """Write the model in another format, compared with the run before it exists."""
    start_tensorflow()
    from translator.export.formats import export_run, usage_of

    with console.status(Text(f"exporting {run} …")):
        figures = export_run(run, output, format_name, quantization, beam, search, (from_, to))
    say(
        f"Wrote {output}. Equal translations: {figures['equal_translations']:.1%} of {figures['sentences']:,}. "
        + usage_of(format_name, figures, own_command(), shell_quoted(output))
    )
