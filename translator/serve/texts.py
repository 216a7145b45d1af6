"""Texts as sentences, and translations as texts again: what stands between sentences is kept."""

import re
from collections.abc import Sequence
from typing import NamedTuple

# An end of a sentence: its punctuation with what closes a quotation, and the space behind it. In scripts without spaces
# the punctuation alone.
_END = re.compile(r"[.!?…]+[\"'”’»)\]]*(\s+)|[。！？]+[」』”’）]*(\s*)")
_OPENING = "\"'“‘«(["
# Words that end in a full stop without ending a sentence, in lower case; single letters, as in initials, too.
_ABBREVIATIONS = frozenset(
    {"mr", "mrs", "ms", "dr", "prof", "st", "vs", "e.g", "i.e", "nr", "bzw", "ca", "ggf", "vgl", "z.b", "d.h", "mme"}
)


class Text(NamedTuple):
    """A text in sentences.

    Attributes:
        sentences: without space around them, none blank.
        gaps: what stands before, between and after them: one more than there are sentences.
    """

    sentences: list[str]
    gaps: list[str]

    @classmethod
    def of(cls, text: str) -> "Text":
        """Splits a text at the ends of lines and of sentences."""
        sentences, gaps, last = [], [], 0
        for start, end in _spans(text):
            gaps.append(text[last:start])
            sentences.append(text[start:end])
            last = end
        return cls(sentences, [*gaps, text[last:]])

    def joined(self, translations: Sequence[str], joiner: str = " ") -> str:
        """The text with translations for its sentences; a lone space between two becomes `joiner`."""
        gaps = [joiner if gap == " " and 0 < i < len(self.sentences) else gap for i, gap in enumerate(self.gaps)]
        parts = [part for pair in zip(gaps, translations, strict=False) for part in pair]
        # Where the sentence before was not followed by a space, as in Chinese, one is put in.
        parts = [joiner if part == "" and i and not i % 2 else part for i, part in enumerate(parts)]
        return "".join(parts) + self.gaps[-1]


def _spans(text: str) -> list[tuple[int, int]]:
    """Where each sentence begins and ends."""
    found = []
    start = 0
    for line in text.splitlines(keepends=True):
        ends = [*_sentence_ends(line), (len(line), len(line))]
        begin = 0
        for end, following in ends:
            part = line[begin:end]
            if part.strip():
                left = len(part) - len(part.lstrip())
                found.append((start + begin + left, start + begin + len(part.rstrip())))
            begin = following
        start += len(line)
    return found


def _sentence_ends(line: str) -> list[tuple[int, int]]:
    """Where sentences end in a line, and where what follows begins."""
    return [
        (match.start(1) if match[1] is not None else match.start(2), match.end())
        for match in _END.finditer(line)
        if match[1] is None or _ends_here(line, match)
    ]


def _ends_here(line: str, match: "re.Match[str]") -> bool:
    following = line[match.end() :].lstrip(_OPENING)[:1]
    if not following or following.islower():
        return False
    if match[0].rstrip() != ".":
        return True
    word = line[: match.start()].rsplit(maxsplit=1)[-1:] or [""]
    plain = word[0].lstrip(_OPENING).lower()
    return plain not in _ABBREVIATIONS and not (len(plain) == 1 and plain.isalpha()) and not plain.isdecimal()
