"""A translation written out as pieces."""

from bisect import bisect_left

from translator.documents.pieces import Piece
from translator.documents.units import Span


class Writer:
    """Pieces as they are written; text in a row is one."""

    def __init__(self, text: str, instead: dict[int, tuple[int, Piece]]) -> None:
        """Takes the translation, and what stands instead of how many of its characters."""
        self.text, self._instead = text, instead
        self._ordered = sorted(instead)
        self.pieces: list[Piece] = []

    def add(self, *pieces: Piece) -> None:
        for piece in pieces:
            if isinstance(piece, str) and self.pieces and isinstance(self.pieces[-1], str):
                self.pieces[-1] += piece
            elif piece != "":
                self.pieces.append(piece)

    def add_text(self, start: int, end: int) -> None:
        for i in range(bisect_left(self._ordered, start), bisect_left(self._ordered, end)):
            at = self._ordered[i]
            length, piece = self._instead[at]
            self.add(self.text[start:at])
            self.add(piece)
            start = at + length
        self.add(self.text[start:end])

    def add_word(self, piece: Piece, place: Span) -> None:
        """Adds what stands for a word; where it has no room, with space around it."""
        start, end = place
        self.add(" " if start == end and start and not self.text[start - 1].isspace() else "")
        self.add(piece)
        self.add(" " if start == end and self.text[end : end + 1].isalnum() else "")
