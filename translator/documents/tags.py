"""Markup of short texts, captions and messages, found by patterns."""

import re
from collections.abc import Iterator

from translator.documents.pieces import Close, Kept, Open, Piece, Point, paired

TAG = r"</?[A-Za-z][^<>\n]*>"
_NAME = re.compile(r"</?([A-Za-z][A-Za-z0-9]*)")


def marked_up(text: str, kept: str, points: str) -> list[Piece]:
    """The pieces of a text; a tag without its other half is a `Point`.

    Args:
        text: with tags such as `<b>` or `<c.yellow>`.
        kept: what is kept as a word, as a regular expression without groups.
        points: what stands between words.
    """
    return paired(piece for piece in _tokens(text, re.compile(f"({kept})|({points})|({TAG})")) if piece != "")


def _tokens(text: str, pattern: re.Pattern[str]) -> Iterator[Piece]:
    at = 0
    for found in pattern.finditer(text):
        yield text[at : found.start()]
        at = found.end()
        if found[1] is not None:
            yield Kept(found[0])
        elif found[2] is not None or found[0].endswith("/>") or not (name := _NAME.match(found[0])):
            yield Point(found[0])
        else:
            yield (Close if found[0].startswith("</") else Open)((found[0], name[1].lower()))
    yield text[at:]
