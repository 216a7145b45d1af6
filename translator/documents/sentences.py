"""Where the sentences of a text are, by `sentencex`, which knows the abbreviations of many languages."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import sentencex

from translator.languages import primary, writes_no_spaces


class Languages(NamedTuple):
    """The codes of the languages of a translation."""

    source: str
    target: str

    def gap(self, between: str) -> str:
        """What stands between the translations of two sentences, given what stood between them."""
        if between == "" and writes_no_spaces(self.source) and not writes_no_spaces(self.target):
            return " "
        if between == " " and writes_no_spaces(self.target) and not writes_no_spaces(self.source):
            return ""
        return between


def sentence_spans(text: str, language: str) -> list[tuple[int, int]]:
    """Where each sentence begins and ends, without the space around it; none is blank, or goes beyond a line."""
    return [
        (line.start() + start, line.start() + end)
        for line in re.finditer(r"[^\n]+", text)
        for start, end in _spans(line[0], primary(language))
    ]


def _spans(line: str, language: str) -> Iterator[tuple[int, int]]:
    start = 0
    # At white space of several bytes sentencex 1.0 looks into the middle of a character, and panics. Half a pair of
    # surrogates is no character to it.
    for part in sentencex.segment(language, re.sub(r"[\ud800-\udfff]", "\ufffd", re.sub(r"\s", " ", line))):
        end = start + len(part)
        if part.strip():
            yield start + len(part) - len(part.lstrip()), start + len(part.rstrip())
        start = end
