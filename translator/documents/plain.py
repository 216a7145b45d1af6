"""Running text: paragraphs with blank lines between them."""

import re
from collections.abc import Iterator

from translator.documents.pieces import Skeleton, Slot, Space

SHORTEST_WRAPPED = 40  # characters; where lines are shorter, each is taken to end by itself
LINE = re.compile(r"[^\r\n]+")


def read(text: str) -> Skeleton:
    """A text in which a sentence may go on in the next line, if the lines of its paragraph are wrapped.

    A line goes on if the first word of the next one had no room in it: if with that word it were longer than the
    longest line of the paragraph.
    """
    return Skeleton(text, [slot for paragraph in _paragraphs(text) for slot in _slots(text, paragraph)])


def read_lines(text: str) -> Skeleton:
    """A text in which a line never goes on in the next one."""
    return Skeleton(text, [Slot(*line.span(), [line[0]]) for line in LINE.finditer(text) if line[0].strip()])


def _paragraphs(text: str) -> Iterator[list[tuple[int, int]]]:
    """The lines of each paragraph: where the text in them, without the space around it, begins and ends."""
    lines: list[tuple[int, int]] = []
    last = 0
    for found in LINE.finditer(text):
        stripped = found[0].strip()
        if lines and (not stripped or text[last : found.start()] not in ("\n", "\r\n", "\r")):
            yield lines
            lines = []
        if stripped:
            start = found.start() + found[0].index(stripped[0])
            lines.append((start, start + len(stripped)))
        last = found.end()
    if lines:
        yield lines


def _slots(text: str, lines: list[tuple[int, int]]) -> Iterator[Slot]:
    """The parts of a paragraph whose lines go on in each other."""
    longest = max(end - start for start, end in lines)
    pieces: list[str | Space] = []
    begin = 0
    for i, (start, end) in enumerate(lines):
        begin = begin if pieces else start
        pieces.append(text[start:end])
        goes_on = False
        if i + 1 < len(lines) and longest >= SHORTEST_WRAPPED:
            following = text[slice(*lines[i + 1])]
            goes_on = end - start + 1 + len(following.split(maxsplit=1)[0]) > longest
        if goes_on:
            pieces.append(Space(text[end : lines[i + 1][0]]))
        else:
            yield Slot(begin, end, pieces)
            pieces = []
