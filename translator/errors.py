"""The one root of every error that a user can cause and mend, and how messages show what they were given."""

import os
import shlex

MOST_CHARACTERS = 2000  # of a line of a message
TRY_AGAIN = 75  # EX_TEMPFAIL of sysexits.h: an exit code by which a scheduler knows to start the same command again


class TranslatorError(Exception):
    """A problem in what the user gave: its text is one line that says what, where and what to do.

    The command line prints that line and exits with `exit_code`; from Python it is an exception like any other.
    """

    exit_code = 2
    exits_at_once = False  # without the goodbyes of libraries

    def __init__(self, *problems: str) -> None:
        """Takes a line, or one for each of several problems.

        File names, keys and values that stand in it may hold anything, line ends and escape sequences included.
        """
        super().__init__("\n".join(map(_one_line, problems)))


def shell_quoted(path: str | os.PathLike[str]) -> str:
    """A path as it is to be written in a command that a message suggests: one word, and never an option."""
    text = os.fspath(path)
    text = f"./{text}" if text.startswith("-") else text
    if text.isprintable():
        return shlex.quote(text)
    # Bash's quoting, for what a terminal would not show: each byte by its number.
    shown = (c if c.isprintable() and c not in "\\'" else "".join(f"\\x{b:02x}" for b in os.fsencode(c)) for c in text)
    return f"$'{''.join(shown)}'"


def _one_line(text: str) -> str:
    """The text with escapes, as `repr` has them, for what is not printable, and without the middle of a long one."""
    if len(text) > MOST_CHARACTERS:
        text = f"{text[: MOST_CHARACTERS // 2]} … {text[-MOST_CHARACTERS // 2 :]}"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
