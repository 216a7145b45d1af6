"""Words of two translations of a sentence that differ, and which of them the reference has."""

import itertools
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

from translator.data.words import Word, words_of

# Of a word of one translation: the other has it too; or only this one, and the reference has it ("right") or lacks it.
Mark = Literal["same", "right", "wrong"]


class Piece(NamedTuple):
    """A piece of a text, and how it is marked."""

    text: str
    mark: Mark


def marked(text: str, other: str, reference: str, spaceless: bool = False) -> list[Piece]:
    """Marks where a translation differs from another; the pieces together are the text.

    Words are matched in order, with their case, by Ratcliff and Obershelp's matching blocks.

    Args:
        text: the translation.
        other: another one of the same sentence.
        reference: what it should be.
        spaceless: whether the language writes no spaces: each character is a word then.
    """
    words, others, right = (words_of(each, spaceless) for each in (text, other, reference))
    shared, correct = _matched(words, others), _matched(words, right)
    marks: list[Mark] = ["same" if i in shared else "right" if i in correct else "wrong" for i in range(len(words))]
    pieces, end = [], 0
    for mark, group in itertools.groupby(zip(words, marks, strict=True), lambda pair: pair[1]):
        run = [word for word, _ in group]
        pieces += [Piece(text[end : run[0].start], "same"), Piece(text[run[0].start : run[-1].end], mark)]
        end = run[-1].end
    return [piece for piece in [*pieces, Piece(text[end:], "same")] if piece.text]


def _matched(words: Sequence[Word], others: Sequence[Word]) -> set[int]:
    """Which words have a counterpart among others."""
    matcher = SequenceMatcher(None, [word.text for word in words], [word.text for word in others], autojunk=False)
    return {i for start, _, size in matcher.get_matching_blocks() for i in range(start, start + size)}
