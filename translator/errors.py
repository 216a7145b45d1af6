"""The base class of every error that a user can cause and fix, and how messages quote what they were given."""

import os
import shlex
import shutil
import sys
from pathlib import Path

MOST_CHARACTERS = 2000  # in one line of a message
TRY_AGAIN = 75  # EX_TEMPFAIL of sysexits.h: tells a scheduler to start the same command again


class TranslatorError(Exception):
    """A problem in what the user gave. Its text is one line that says what, where and what to do.

    The command line prints that line and exits with `exit_code`; from Python it is an exception like any other.
    """

    exit_code = 2
    exits_at_once = False  # without the exit handlers of libraries

    def __init__(self, *problems: str) -> None:
        """Takes one line for each problem.

        File names, keys and values in it may hold anything, line ends and escape sequences included.
        """
        super().__init__("\n".join(map(one_line, problems)))


def shell_quoted(path: str | os.PathLike[str]) -> str:
    """Quotes a path for a command that a message suggests: one word, and never an option."""
    text = os.fspath(path)
    text = f"./{text}" if text.startswith("-") else text
    if text.isprintable():
        return shlex.quote(text)
    # Bash's $'…' quoting, for what a terminal would not show: each byte by its number.
    shown = (c if c.isprintable() and c not in "\\'" else "".join(f"\\x{b:02x}" for b in os.fsencode(c)) for c in text)
    return f"$'{''.join(shown)}'"


def own_command() -> str:
    """How to call the command line: by its path where it is not on the PATH, as after `make train`; from Python too."""
    script = Path(sys.argv[0])
    if script.name == "translator" and not shutil.which(script.name):
        return shell_quoted(script)
    return "translator" if script.name != "__main__.py" and shutil.which("translator") else "python -m translator"


def one_line(text: str) -> str:
    """Escapes what is not printable, as `repr` does, and leaves out the middle of a long text."""
    if len(text) > MOST_CHARACTERS:
        text = f"{text[: MOST_CHARACTERS // 2]} … {text[-MOST_CHARACTERS // 2 :]}"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def needs_extra(what: str, extra: str, package: str | None = None) -> str:
    """A message: what is missing, and how to install the extra that has it, or the package alone."""
    alone = f", or pip install {package}" if package else ""
    return f"{what}; install the extra: pip install '.[{extra}]' in the checkout{alone}"
