"""Subtitles, SubRip (`.srt`) and WebVTT (`.vtt`): the text of each caption.

Numbers, times, settings, notes and styles stay. The lines of a caption are one text, but for those that begin with a
dash: each of them is said by somebody else.
"""

import itertools
import re
from collections.abc import Iterator

from translator.documents.pieces import DocumentError, Piece, Skeleton, Slot, Space
from translator.documents.tags import marked_up

LINE = re.compile(r"([^\r\n]*)(\r\n|\r|\n|\Z)")
TIMES = re.compile(r"\s*(?:\d+:)?\d+:\d+[.,]\d+\s*-->\s*(?:\d+:)?\d+:\d+[.,]\d+(?:\s.*)?$", re.DOTALL)
DASH = re.compile(r"\s*(?:<[^<>]*>|\{[^{}]*\})*\s*[-–—]\s*\S")
KEPT = r"&(?:#\d+|#x[0-9A-Fa-f]+|\w+);"
POINTS = r"<\d[\d:.]*>|\{\\[^{}\n]*\}"  # times within a caption, and SubStation's codes such as {\an8}

Line = tuple[int, int]


def read_srt(text: str) -> Skeleton:
    """Finds the captions of a SubRip file: a blank line ends one only if a number and times follow."""
    lines = _lines(text)
    times = [i for i, line in enumerate(lines) if TIMES.match(text[slice(*line)])]
    ends = [i - 1 if i and text[slice(*lines[i - 1])].strip().isdecimal() else i for i in times]
    captions = zip(times, [*ends[1:], len(lines)], strict=False)
    return Skeleton(text, [slot for start, end in captions for slot in _slots(text, lines[start + 1 : end])])


def read_vtt(text: str) -> Skeleton:
    """Finds the captions of a WebVTT file, which ends at a blank line.

    Raises:
        DocumentError: the file is another one.
    """
    if not re.match(r"WEBVTT(?:\s|\Z)", text):
        raise DocumentError(f"line 1: a WebVTT file begins with WEBVTT; found {text[: _lines(text)[0][1]]!r:.30}")
    slots: list[Slot] = []
    caption: list[Line] = []
    is_caption = False
    for line in _lines(text):
        said = text[slice(*line)]
        begins = bool(TIMES.match(said))
        if begins or not said.strip():
            slots += _slots(text, caption)
            caption, is_caption = [], begins
        elif is_caption:
            caption.append(line)
    return Skeleton(text, [*slots, *_slots(text, caption)])


def _lines(text: str) -> list[Line]:
    """Where each line begins and ends, without its end."""
    return [found.span(1) for found in LINE.finditer(text)]


def _slots(text: str, lines: list[Line]) -> Iterator[Slot]:
    """What is said in a caption."""
    together: list[Line] = []
    for start, end in lines:
        said = text[start:end]
        if together and (not said.strip() or DASH.match(said)):
            yield _slot(text, together)
            together = []
        if said.strip():
            left = len(said) - len(said.lstrip())
            together.append((start + left, start + len(said.rstrip())))
    if together:
        yield _slot(text, together)


def _slot(text: str, lines: list[Line]) -> Slot:
    """Lines as one text, without the dash before it."""
    (start, end), *following = lines
    if dash := re.match(r"[-–—]\s*(?=\S)", text[start:end]):
        lines = [(start + dash.end(), end), *following]
    between = iter(text[end:start] for (_, end), (start, _) in itertools.pairwise(lines))
    found: list[Piece] = []
    for piece in marked_up("\n".join(text[slice(*line)] for line in lines), KEPT, POINTS):
        if not isinstance(piece, str):
            found.append(piece)
            continue
        found += [Space(next(between)) if part == "\n" else part for part in re.split("(\n)", piece)]
    return Slot(lines[0][0], lines[-1][1], [piece for piece in found if piece != ""])
