"""Where the sentences of a text are, by `sentencex`, which knows the abbreviations of many languages."""

import re
from collections.abc import Iterator

import sentencex

from translator.decoding import joining
from translator.languages import LanguagePair, primary, writes_no_spaces


def gap(between: str, languages: LanguagePair, before: str, after: str) -> str:
    """What stands between the translations of two sentences.

    Args:
        between: what stood between the sentences.
        languages: from which into which.
        before: the translations up to there.
        after: the translation of the second one.
    """
    spaceless_source, spaceless_target = map(writes_no_spaces, languages)
    if between == "" and spaceless_source and not spaceless_target:
        return " "
    if between == " " and spaceless_target and not spaceless_source:
        return joining.gap(before, after)
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
    # surrogates is not a character to it.
    for part in sentencex.segment(language, re.sub(r"[\ud800-\udfff]", "\ufffd", re.sub(r"\s", " ", line))):
        end = start + len(part)
        if part.strip():
            yield start + len(part) - len(part.lstrip()), start + len(part.rstrip())
        start = end
