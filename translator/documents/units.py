"""A unit made ready: plain text for the model, and the tree of its markup with the places in that text."""

import itertools
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from translator.decoding.placeholders import MARKERS
from translator.documents.pieces import Break, Close, Kept, Open, Piece, Pieces, Space
from translator.documents.sentences import sentence_spans

Span = tuple[int, int]  # characters from, to
KINDS = MARKERS[1], MARKERS[2]  # of words in the place of what is kept


@dataclass(eq=False)
class Node:
    """Markup, with what it encloses.

    Attributes:
        pieces: an `Open` and its `Close`, a `Point` or a `Kept`.
        start: where it begins in the plain text, and `end` where it ends.
        marker: the word that stands for what is kept; empty for all else.
    """

    pieces: tuple[Piece, ...]
    start: int
    end: int
    marker: str = ""
    children: "list[Node]" = field(default_factory=list)

    def all(self) -> "Iterator[Node]":
        """Itself and what is in it, in order."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting += reversed(node.children)


@dataclass(frozen=True)
class Unit:
    """What is translated as a whole.

    Attributes:
        text: plain; each white space character or `Space` is a space, a `Break` a line end, and what is kept a
            marker.
        root: encloses all; it has no pieces.
        spaces: what the spaces of the text really are, by their place, where they are more than that.
        sentences: where they are in the text.
    """

    text: str
    root: Node
    spaces: dict[int, Piece]
    sentences: tuple[Span, ...]

    @classmethod
    def of(cls, pieces: Pieces, language: str) -> "Unit":
        """Makes a unit of pieces in a language."""
        pieces = list(pieces)
        text, markers = _with_markers(pieces)
        root = Node((), 0, len(text))
        inside, at = [root], 0
        spaces: dict[int, Piece] = {}
        names = iter(markers)
        for piece in pieces:
            if isinstance(piece, str):
                for found in re.finditer(r"\s", piece):
                    if found[0] != " ":
                        spaces[at + found.start()] = found[0]
                at += len(piece)
            elif isinstance(piece, Space | Break):
                spaces[at] = piece
                at += 1
            elif isinstance(piece, Open):
                node = Node((piece,), at, at)
                inside[-1].children.append(node)
                inside.append(node)
            elif isinstance(piece, Close):
                node = inside.pop()
                node.pieces, node.end = (*node.pieces, piece), at
            else:
                marker = next(names) if isinstance(piece, Kept) else ""
                inside[-1].children.append(Node((piece,), at, at + len(marker), marker))
                at += len(marker)
        return cls(text, root, spaces, tuple(sentence_spans(text, language)))

    @cached_property
    def markers(self) -> list[Node]:
        """What is kept, in order."""
        return [node for node in self.root.all() if node.marker]

    @cached_property
    def _edges(self) -> list[int]:
        """Where other markup begins or ends, in order."""
        return sorted({place for node in self.root.all() if not node.marker for place in (node.start, node.end)})

    def to_translate(self) -> list[str | None]:
        """Its sentences; None for one that has nothing but figures, marks and what is kept, and stays as it is."""
        parts, at = [], 0
        for node in self.markers:
            parts += [self.text[at : node.start], " " * (node.end - node.start)]
            at = node.end
        text = "".join([*parts, self.text[at:]])
        return [
            self.text[start:end] if any(map(str.isalpha, text[start:end])) else None for start, end in self.sentences
        ]

    def has_markup(self, number: int) -> bool:
        """Whether markup begins or ends inside of a sentence, or is kept there, so that its alignment may matter."""
        return self._has_edges(number) or bool(self._markers_in(number))

    def needs_alignment(self, number: int, translation: str) -> bool:
        """Whether the place of its markup in a translation of a sentence is not known without the alignment."""
        start, end = self.sentences[number]
        if translation == self.text[start:end]:
            return False
        return self._has_edges(number) or not all(
            occurrences(translation, [node.marker for node in self._markers_in(number)]).values()
        )

    def _has_edges(self, number: int) -> bool:
        start, end = self.sentences[number]
        return bisect_right(self._edges, start) < bisect_left(self._edges, end)

    def _markers_in(self, number: int) -> list[Node]:
        start, end = (bisect_left(self.markers, place, key=lambda node: node.start) for place in self.sentences[number])
        return self.markers[start:end]


def occurrences(text: str, markers: Sequence[str]) -> dict[str, list[Span]]:
    """Where each of some markers of one kind is in a text; `X1` is not in `X12`."""
    found: dict[str, list[Span]] = {marker: [] for marker in markers}
    if markers:
        # One pass over the text, however many there are: up to a marker's digits, then the digits that are there.
        stems = {marker.rstrip("0123456789") for marker in markers}
        digits = r"\d*" if markers[0][-1].isdigit() else ""
        for match in re.finditer(f"(?:{'|'.join(map(re.escape, sorted(stems)))}){digits}", text):
            if match[0] in found:
                found[match[0]].append(match.span())
    return found


def _with_markers(pieces: Sequence[Piece]) -> tuple[str, list[str]]:
    """The plain text, and the markers in it: of the first kind that can be told from the rest of the text.

    Where none can, they are characters for private use.
    """
    count = sum(isinstance(piece, Kept) for piece in pieces)
    text = "".join(_plain(pieces, itertools.repeat("")))
    characters = set(text)
    private = (chr(i) for i in range(0xF0000, 0xFFFFE) if chr(i) not in characters)
    for markers in (
        [*map(KINDS[0], range(count))],
        [*map(KINDS[1], range(count))],
        [*itertools.islice(private, count)],
    ):
        parts = list(_plain(pieces, iter(markers)))
        text = "".join(parts)
        ends = itertools.accumulate(map(len, parts))
        places = [end for end, piece in zip(ends, pieces, strict=True) if isinstance(piece, Kept)]
        found = [[end for _, end in spans] for spans in occurrences(text, markers).values()]
        if found == [[end] for end in places]:
            break
    return text, markers


def _plain(pieces: Iterable[Piece], markers: Iterator[str]) -> Iterator[str]:
    """What each piece is in the plain text."""
    for piece in pieces:
        if isinstance(piece, str):
            yield re.sub(r"\s", " ", piece)
        elif isinstance(piece, Kept):
            yield next(markers)
        else:
            yield " " if isinstance(piece, Space) else "\n" if isinstance(piece, Break) else ""
