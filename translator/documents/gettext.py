"""Catalogues of gettext (`.po`): messages without a translation, or with a fuzzy one.

A message that has a translation stays as it is, and so do comments, contexts and the header.
"""

import functools
import gettext
import re
from collections.abc import Callable, Sequence

import polib

from translator.documents.pieces import Break, DocumentError, Piece, Pieces, raw
from translator.documents.tags import marked_up

# Of C, Python, Qt and others: %s, %1$s, %(name)s, %-5.2f, %1, {0}, {name!r:>10}, ${name}; and entities.
KEPT = (
    r"%\(\w+\)[#0 +-]*\d*(?:\.\d+)?[a-zA-Z]|%(?:\d+\$)?[#0+'-]*(?:\d+|\*)?(?:\.(?:\d+|\*))?(?:hh|h|ll|l|L|q|j|z|t)?"
    r"[diouxXeEfFgGaAcspn]|%%|%L?\d+|\$?\{[\w.!:<>^, -]*\}|&(?:#\d+|#x[0-9A-Fa-f]+|\w+);"
)
POINTS = "<!--.{0,1000}?-->"  # with a limit, since many that do not end would take quadratic time
LINE_END = re.compile(r"\r\n|\r|\n")
# A line with a string, in use, obsolete or previous; and the string, as it has to be.
_WITH_STRING = re.compile(r"\s*(?:#[~|])?\s*(?:msg\w+(?:\[\w*\])?\s*|(?=\"))")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


class Catalogue:
    """The messages of a file, and where their translations go."""

    def __init__(self, text: str) -> None:
        """Parses it.

        Raises:
            DocumentError: it is not such a file; says in which line.
        """
        for number, row in enumerate(text.splitlines(), 1):
            before = _WITH_STRING.match(row)
            if before and not _STRING.match(row, before.end()):
                raise DocumentError(f'line {number}: the string is not closed; it has " at both ends')
        line_end = LINE_END.search(text)
        self._line_end = line_end[0] if line_end else "\n"
        try:
            self._file = polib.pofile(text + "\n")  # with a line end it cannot be the name of a file
        except (OSError, ValueError) as error:
            line = re.search(r"line (\d+)", str(error))
            raise DocumentError(f"{f'line {line[1]}: ' if line else ''}this is not the syntax of a .po file") from error
        count, single = _plural_forms(self._file.metadata.get("Plural-Forms", ""))
        self.units: list[Pieces] = []
        self._writers: list[Callable[[str], None]] = []
        self._open = [entry for entry in self._file if not entry.obsolete and not entry.translated() and entry.msgid]
        for entry in self._open:
            if not entry.msgid_plural:
                self._add(entry.msgid, functools.partial(setattr, entry, "msgstr"))
                continue
            forms = entry.msgstr_plural
            for form in range(max(count, len(forms))):
                if entry.fuzzy or not forms.get(form):
                    message = entry.msgid if form == single else entry.msgid_plural
                    self._add(message, functools.partial(forms.__setitem__, form))

    def written(self, translations: Sequence[Pieces]) -> str:
        """The file with translations; those are no longer fuzzy."""
        for write, pieces in zip(self._writers, translations, strict=True):
            write(raw(pieces))
        for entry in self._open:
            entry.flags = [flag for flag in entry.flags if flag != "fuzzy"]
            entry.previous_msgctxt = entry.previous_msgid = entry.previous_msgid_plural = None
        return str(self._file).replace("\n", self._line_end)

    def _add(self, message: str, write: Callable[[str], None]) -> None:
        self.units.append(_pieces(message))
        self._writers.append(write)


def _pieces(message: str) -> list[Piece]:
    """The pieces of a message; a sentence ends at the end of a line."""
    found: list[Piece] = []
    for piece in marked_up(message, KEPT, POINTS):
        if isinstance(piece, str):
            found += [Break(part) if part == "\n" else part for part in re.split("(\n)", piece) if part]
        else:
            found.append(piece)
    return found


def _plural_forms(rule: str) -> tuple[int, int | None]:
    """How many plural forms a language has, and which of them is for one; the header has both as C."""
    count = re.search(r"nplurals\s*=\s*(\d)", rule)
    plural = re.search(r"plural\s*=\s*([^;]+)", rule.split(";", 1)[-1])
    if not count or not plural:
        return 2, 0
    try:
        # The standard library compiles the rule, after it has read it as arithmetic of `n` and nothing else.
        single = int(gettext.c2py(plural[1].strip())(1))
    except (ValueError, RecursionError, ZeroDivisionError):
        single = 0
    return int(count[1]), single if int(count[1]) > 1 else None
