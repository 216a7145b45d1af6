"""All commands together, and how an error becomes one line and an exit code."""

import errno
import os
import signal
import sys
from collections.abc import Callable
from typing import Annotated

import typer

import translator
from translator.cli.align import align
from translator.cli.attention import attention
from translator.cli.attribute import attribute
from translator.cli.check import check
from translator.cli.command import Command
from translator.cli.compare import compare
from translator.cli.config import show_config
from translator.cli.console import say, start_logging
from translator.cli.evaluate import evaluate
from translator.cli.export import export
from translator.cli.runs import report, runs
from translator.cli.score import score
from translator.cli.serve import serve
from translator.cli.sweep import sweep
from translator.cli.synthetic import back_translate, distill
from translator.cli.tokenize import tokenize
from translator.cli.train import prepare, train
from translator.cli.translate import translate
from translator.errors import TranslatorError

app = typer.Typer(
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Trains Transformers to translate: parallel text in, a scored translator out.",
)
COMMANDS: dict[str, Callable[..., None]] = {
    "train": train,
    "prepare": prepare,
    "check": check,
    "tokenize": tokenize,
    "sweep": sweep,
    "eval": evaluate,
    "compare": compare,
    "report": report,
    "runs": runs,
    "translate": translate,
    "back-translate": back_translate,
    "distill": distill,
    "serve": serve,
    "score": score,
    "align": align,
    "attention": attention,
    "attribute": attribute,
    "export": export,
    "config": show_config,
}
for _name, _command in COMMANDS.items():
    app.command(_name, cls=Command)(_command)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"translator {translator.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options that stand before any command."""


def main() -> None:
    """Runs the command line; an error that the user can fix ends in one line on standard error and an exit code."""
    start_logging()
    try:
        app()
    except TranslatorError as error:
        say(str(error))
        if error.exits_at_once:
            sys.stdout.flush()
            os._exit(error.exit_code)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader of our output has closed it
        sys.stderr.close()
        sys.exit(128 + signal.SIGPIPE)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            say(f"no space left on the disk: {error}. Free some, and run the same command again")
        elif error.filename is not None:  # a path that cannot be read or written
            say(str(TranslatorError(f"{error.filename}: {error.strerror}")))
        else:
            raise
        sys.exit(TranslatorError.exit_code)
