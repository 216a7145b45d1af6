"""Splits sentences that are too long for the model, where a reader would pause.

A *place* is the boundary between two neighbouring tokens. A piece ends at the best place within the limit: the end of a
sentence, then clause punctuation, then a space, then between two characters of a script without spaces, and inside a
word only if there is nothing better. Except for sentence ends, a place must leave at least a quarter of the limit on
both sides, unless a word would be cut. Among equally good places the one that splits the rest most evenly is taken. A
period after initials or after up to three consonants or digits does not end a sentence (`J.`, `z.B.`, `Mr.`, `5.`). A
sentence end before a word in lower case is doubtful: it ranks between sentence and clause.

Everything the rule needs to know of a subword is in tables with one row for each subword of the vocabulary, so that a
graph can apply the same rule (`translator.export.graph_pieces`).
"""

import copy
import enum
import math
import re
import unicodedata
from collections.abc import Sequence

import numpy as np

from translator.vocabulary import WORD_START


class Place(enum.IntEnum):
    """How good a place is to cut at: the higher, the better."""

    INSIDE_CHARACTER = 0  # between its bytes, or before a combining mark
    INSIDE_WORD = 1
    BETWEEN_CHARACTERS = 2  # of a script without spaces; or after an abbreviation
    SPACE = 3
    CLAUSE = 4
    DOUBTFUL_SENTENCE = 5  # before a word in lower case: "etc. and" looks no better than "i see. we go"
    SENTENCE = 6


class Start(enum.IntEnum):
    """What a subword begins with."""

    INSIDE_CHARACTER = 0
    CLOSING = 1  # punctuation that belongs to what is before it
    OTHER = 2
    SPACELESS = 3  # a character of a script without spaces
    WORD = 4
    LOWERCASE_WORD = 5
    CLOSING_WORD = 6  # such punctuation after a space, as in French and in tokenized text


class End(enum.IntFlag):
    """What a subword ends with, not counting closing brackets and quotes after it."""

    SPACELESS = 1
    OPENING = 2
    CLAUSE = 4
    SENTENCE = 8
    PERIOD = 16
    CLOSING = 32  # nothing else in the subword: what is before it counts


# Of all scripts that have marks of their own.
_SENTENCE = ".!?…‼⁇⁈⁉。！？．｡؟۔।॥։။៕។།።፧"
_CLAUSE = ",;:—–、，；：､،؛၊፣፤፥"
OPENING = "([{（［｛「『【《〈〔„‚‘“‹«"
CLOSING = ")]}）］｝」』】》〉〕’”›»"
QUOTES = "\"'‘“‹«"  # which close in some languages
# Prefixes of the Unicode names of characters in scripts without spaces; full-width letters and digits are excluded.
_SPACELESS = (
    "CJK ", "IDEOGRAPHIC ", "FULLWIDTH ", "HIRAGANA ", "KATAKANA", "HALFWIDTH KATAKANA", "HALFWIDTH IDEOGRAPHIC",
    "BOPOMOFO ", "THAI ", "LAO ", "KHMER ", "MYANMAR ", "TIBETAN ", "TAI ", "NEW TAI LUE ",
)  # fmt: skip
_SPACED = ("FULLWIDTH LATIN ", "FULLWIDTH DIGIT ")
_CONTINUATION_BYTE = re.compile("<0x[89AB][0-9A-F]>")
_ZERO_WIDTH_JOINER = "\u200d"

_CONSONANTS_AND_DIGITS = "bcdfghjklmnpqrstvwxzBCDFGHJKLMNPQRSTVWXZ0123456789"

MOST_ABBREVIATED = 3  # letters and digits


class Cutter:
    """Splits the token ids of sentences into pieces.

    Attributes:
        start: int32 [V], the `Start` of each subword.
        end: int32 [V], its `End`.
        counts: int32 [V, 3], how many letters and digits it has; those but consonants and digits; and periods.
        places: int32 [2 ⋅ max(End), len(Start)], the `Place` between such an end and such a start.
    """

    def __init__(self, vocabulary: Sequence[str], prefix: Sequence[int] = ()) -> None:
        """Reads the subwords as the vocabulary writes them: "▁" stands for a space before a word.

        A sentence that is not empty begins with `prefix` (`Tokenizer.prefix`), and so does each of its pieces.
        """
        self.prefix = list(prefix)
        self.start = np.array([_start(subword) for subword in vocabulary], np.int32)
        self.end = np.array([_end(subword) for subword in vocabulary], np.int32)
        self.counts = np.array([_counts(subword) for subword in vocabulary], np.int32)
        self.places = np.array([[_place(End(e), s) for s in Start] for e in range(2 * max(End))], np.int32)

    def beginning_with(self, prefix: Sequence[int]) -> "Cutter":
        """The same for sentences with another prefix; the tables are shared."""
        other = copy.copy(self)
        other.prefix = list(prefix)
        return other

    def cut(self, ids: list[int], most: int) -> list[list[int]]:
        """Splits a sentence into pieces of at most `most` tokens: one piece if it is short enough, none if it is empty.

        Args:
            ids: of the whole sentence, without BOS and EOS.
            most: 1 or more, beside the prefix.
        """
        if len(ids) <= most:
            return [ids] if ids else []
        return [self.prefix + piece for piece in self._cut(self.body(ids), most - len(self.prefix))]

    def evenly(self, ids: list[int], count: int) -> list[list[int]]:
        """So many pieces, each cut at the best place within a quarter of the mean piece of where equal ones would end.

        Of a sentence that is empty, and of one with fewer tokens than pieces, some are empty.
        """
        if not ids:
            return [[]] * count
        return [self.prefix + piece for piece in self._evenly(self.body(ids), count)]

    def body(self, ids: list[int]) -> list[int]:
        """A sentence without the prefix."""
        return ids[len(self.prefix) :]

    def _evenly(self, ids: list[int], count: int) -> list[list[int]]:
        if len(ids) < count:
            return [ids[i : i + 1] for i in range(count)]
        mean, places = len(ids) / count, self.places_before(np.array(ids))
        cuts = [0]
        for i in range(1, count):
            first, last = math.ceil((i - 0.25) * mean), math.floor((i + 0.25) * mean)
            near = range(first, last + 1) if first <= last else [round(i * mean)]
            cuts.append(max(near, key=lambda cut, even=i * mean: (places[cut], -abs(cut - even))))
        return [ids[start:end] for start, end in zip(cuts, [*cuts[1:], len(ids)], strict=True)]

    def _cut(self, ids: list[int], most: int) -> list[list[int]]:
        places = self.places_before(np.array(ids))
        cuts = [0]
        while (rest := len(ids) - cuts[-1]) > most:
            sizes = np.arange(most, 0, -1)  # the longest first, which argmax prefers
            place = places[cuts[-1] + sizes]
            roomy = (sizes >= most // 4) & (rest - sizes >= most // 4)
            # Without room a place is no better than between characters, but still better than inside a word.
            worth = np.where(roomy | (place == Place.SENTENCE), place, np.minimum(place, Place.BETWEEN_CHARACTERS))
            even = -(-rest // -(-rest // most))  # the size, rounded up, of as few equal pieces as will do
            cuts.append(cuts[-1] + int(sizes[np.argmax(worth * most - abs(sizes - even))]))
        return [ids[start:end] for start, end in zip(cuts, [*cuts[1:], len(ids)], strict=True)]

    def places_before(self, ids: np.ndarray) -> np.ndarray:
        """The `Place` before each token of a sentence, int [T] -> int32 [T]; the first is meaningless."""
        start, end, counts = self.start[ids], self.end[ids], self.counts[ids]
        spoken = _last((end & End.CLOSING) == 0)  # int [T], the token that counts for how this one ends
        end = end[spoken] | end & End.OPENING
        total = counts.cumsum(0)
        letters, vowels, periods = (total - (total - counts)[_last(start >= Start.WORD)]).T  # of the word up to here
        short = (letters > 0) & (letters <= MOST_ABBREVIATED) & ((vowels == 0) | (periods >= letters))
        end = np.where(short & ((end & End.PERIOD) > 0), End.PERIOD, end)
        return self.places[np.roll(end, 1), start]


def _last(here: np.ndarray) -> np.ndarray:
    """For each index the last one up to it that is True, 0 if there is none: bool [T] -> int [T]."""
    return np.maximum.accumulate(np.where(here, np.arange(len(here)), 0))


def _start(subword: str) -> Start:
    first = subword[:1] or " "
    if _CONTINUATION_BYTE.fullmatch(subword) or first == _ZERO_WIDTH_JOINER or unicodedata.category(first)[0] == "M":
        return Start.INSIDE_CHARACTER
    if first == WORD_START:
        second = subword[1:2] or " "
        closing = second in _SENTENCE + _CLAUSE + CLOSING
        return Start.CLOSING_WORD if closing else Start.LOWERCASE_WORD if second.islower() else Start.WORD
    if first in _SENTENCE + _CLAUSE + CLOSING:
        return Start.CLOSING
    return Start.SPACELESS if is_spaceless(first) else Start.OTHER


def _end(subword: str) -> End:
    text = subword.rstrip(CLOSING + QUOTES)
    last = text[-1:] or " "
    kinds = {
        End.SPACELESS: is_spaceless(last),
        End.OPENING: subword.endswith(tuple(OPENING)),
        End.CLAUSE: last in _CLAUSE,
        End.SENTENCE: last in _SENTENCE,
        End.PERIOD: last == ".",
        End.CLOSING: not text,
    }
    return End(sum(kind for kind, is_so in kinds.items() if is_so))


def _counts(subword: str) -> tuple[int, int, int]:
    letters = [character for character in subword if character.isalnum()]
    return len(letters), sum(letter not in _CONSONANTS_AND_DIGITS for letter in letters), subword.count(".")


def _place(end: End, start: Start) -> Place:
    if start == Start.INSIDE_CHARACTER:
        return Place.INSIDE_CHARACTER
    space = start in (Start.WORD, Start.LOWERCASE_WORD)
    spaceless = start == Start.SPACELESS or End.SPACELESS in end
    closing = start in (Start.CLOSING, Start.CLOSING_WORD)
    if not space and (not spaceless or closing or End.OPENING in end):
        return Place.INSIDE_WORD
    if End.SENTENCE in end:
        return Place.DOUBTFUL_SENTENCE if start == Start.LOWERCASE_WORD else Place.SENTENCE
    if End.CLAUSE in end:
        return Place.CLAUSE
    return Place.SPACE if space and End.PERIOD not in end else Place.BETWEEN_CHARACTERS


def is_spaceless(character: str) -> bool:
    """Whether a character is of a script without spaces, or of its punctuation."""
    name = unicodedata.name(character, "")
    return name.startswith(_SPACELESS) and not name.startswith(_SPACED)
