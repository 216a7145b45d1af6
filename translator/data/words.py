"""Words of a text, and which subwords they are made of. No TensorFlow here."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np


class Word(NamedTuple):
    """A word and where it stands in its text: characters `start` to `end` - 1."""

    text: str
    start: int
    end: int


def words_of(text: str, spaceless: bool = False, tokenized: bool = False) -> list[Word]:
    """Splits a text at spaces, and punctuation off the ends of what is between them, each mark a word of its own.

    What is inside stays: *twenty-one*, *o'clock*, *3,5*.

    Args:
        text: plain text.
        spaceless: whether it is in a language that writes no spaces: each character is a word then, with its marks.
        tokenized: whether spaces alone separate words.
    """
    return [Word(text[start:end], start, end) for start, end in _spans(text, spaceless, tokenized)]


def _spans(text: str, spaceless: bool, tokenized: bool) -> Iterator[tuple[int, int]]:
    for found in re.finditer(r"\S+", text):
        start, end = found.span()
        if tokenized:
            yield start, end
        elif spaceless:
            starts = [i for i in range(start, end) if i == start or not unicodedata.category(text[i]).startswith("M")]
            yield from zip(starts, [*starts[1:], end], strict=True)
        else:
            first, last = start, end
            while first < end and _is_punctuation(text[first]):
                first += 1
            while last > first and _is_punctuation(text[last - 1]):
                last -= 1
            yield from ((i, i + 1) for i in range(start, first))
            if first < last:
                yield first, last
            yield from ((i, i + 1) for i in range(last, end))


def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS"


def membership(words: Sequence[Word], subwords: Sequence[tuple[int, int]]) -> np.ndarray:
    """Which subwords are part of which words.

    A subword is part of every word that it shares a character with; one that is a space alone, of the word after it.

    Args:
        words: of a text.
        subwords: where each begins and ends in the same text.

    Returns:
        bool [subwords, words].
    """
    starts, ends = (np.array([getattr(word, side) for word in words], int) for side in ("start", "end"))
    first, last = np.array(subwords, int).reshape(-1, 2).T[:, :, None]  # [subwords, 1] each
    overlapping = (first < ends) & (last > starts)
    return overlapping | (~overlapping.any(1, keepdims=True) & (last == starts))


def shares(words: Sequence[Word], subwords: Sequence[tuple[int, int]]) -> np.ndarray:
    """The share that each word has of each subword, as `membership`: float32 [subwords, words], rows that sum to 1.

    A subword that is part of several words, such as three full stops, is divided among them evenly.
    """
    members = membership(words, subwords).astype(np.float32)
    return members / np.maximum(members.sum(1, keepdims=True), 1)
