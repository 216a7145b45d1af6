"""What a format gives to be translated, and gets back: text with markup in it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from translator.errors import TranslatorError

DEEPEST = 100  # markup in markup: what is deeper is a point


class DocumentError(TranslatorError):
    """A document that cannot be read as what it should be."""


@dataclass(frozen=True)
class Markup:
    """What is not text, as its format has it: a string of the document, or an element."""

    what: Any


class Open(Markup):
    """Where markup begins that encloses text, such as `<b>`. Each has its `Close`; they are nested."""


class Close(Markup):
    """Where it ends."""


class Point(Markup):
    """Something between words, such as `<br>`."""


class Kept(Markup):
    """Something in the place of a word that is not translated, such as code."""


class Space(Markup):
    """A string in the place of a space, such as the end of a line and the indentation of the next."""


class Break(Markup):
    """Something in the place of a space at which a sentence ends in any case, such as `<br>`."""


Piece = str | Markup
Pieces = Sequence[Piece]


class Document(Protocol):
    """A document, read."""

    @property
    def units(self) -> Sequence[Pieces]:
        """What is translated as a whole: paragraphs, cells, captions."""

    def written(self, translations: Sequence[Pieces]) -> str:
        """The document with a translation for each unit."""


class Slot(NamedTuple):
    """A part of a text, characters `start` to `end` - 1, that is translated."""

    start: int
    end: int
    pieces: Pieces


class Skeleton:
    """A text of which some parts are translated, and every other character stays."""

    def __init__(self, text: str, slots: Sequence[Slot], string_of: "Callable[[Pieces], str] | None" = None) -> None:
        """Takes slots in order; one whose pieces are not the text that it stands for stays as it is.

        Args:
            text: all of it.
            slots: what is translated.
            string_of: how a translation is written; as it stands, by default.
        """
        self.text, self._string_of = text, string_of or raw
        self.slots = [slot for slot in slots if raw(slot.pieces) == text[slot.start : slot.end]]
        self.units: list[Pieces] = [slot.pieces for slot in self.slots]

    def written(self, translations: Sequence[Pieces]) -> str:
        """The text with a translation in each slot; one that is the same text is written as it was."""
        parts, at = [], 0
        for slot, pieces in zip(self.slots, translations, strict=True):
            same = raw(pieces) == self.text[slot.start : slot.end]
            parts += [self.text[at : slot.start], raw(pieces) if same else self._string_of(pieces)]
            at = slot.end
        return "".join([*parts, self.text[at:]])


def raw(pieces: Iterable[Piece]) -> str:
    """Pieces as a string, of a format whose markup is strings."""
    return "".join(piece if isinstance(piece, str) else piece.what for piece in pieces)


def paired(tokens: Iterable[Piece], lone: Callable[[str], Piece] = Point) -> list[Piece]:
    """Tokens of which each `Open` has its `Close`.

    Args:
        tokens: an `Open` or a `Close` has a pair (string, key) here: those with one key belong together.
        lone: what one becomes that belongs to no other.
    """
    found = list(tokens)
    begun: list[tuple[Any, int]] = []
    matched: set[int] = set()
    for i, token in enumerate(found):
        if isinstance(token, Open):
            del begun[DEEPEST - 1 :]
            begun.append((token.what[1], i))
        elif isinstance(token, Close) and any(key == token.what[1] for key, _ in begun):
            while begun[-1][0] != token.what[1]:
                begun.pop()
            matched |= {begun.pop()[1], i}
    for i, token in enumerate(found):
        if isinstance(token, Open | Close):
            found[i] = type(token)(token.what[0]) if i in matched else lone(token.what[0])
    return found
