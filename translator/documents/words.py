"""Words of a unit and of its translation, and which belong together."""

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from translator.data.alignment import Alignment
from translator.data.words import words_of
from translator.documents.units import Span

Link = tuple[Span, Span]


@dataclass(frozen=True)
class Words:
    """Words by their places, and the links between those of two texts.

    Attributes:
        source: in order.
        target: of the translation, in order.
        links: pairs of one word of each.
    """

    source: list[Span]
    target: list[Span]
    links: frozenset[Link]

    @cached_property
    def of_source(self) -> dict[Span, list[Span]]:
        """The words of the translation that belong to each of the source, in order; only those that have some."""
        found: dict[Span, list[Span]] = {}
        for word, translated in sorted(self.links):
            found.setdefault(word, []).append(translated)
        return found

    @cached_property
    def of_target(self) -> dict[Span, list[Span]]:
        """The words of the source that belong to each of the translation, in order; only those that have some."""
        found: dict[Span, list[Span]] = {}
        for word, translated in sorted(self.links):
            found.setdefault(translated, []).append(word)
        return found

    def overlapping(self, start: int, end: int) -> list[Span]:
        """The words of the source that have a character in a part of it."""
        return self.source[slice(*self.numbers(start, end))]

    def numbers(self, start: int, end: int) -> Span:
        """The number of the first word of the source that has a character in a part of it, and that behind the last."""
        first = bisect_right(self.source, start, key=lambda word: word[1])
        return first, bisect_left(self.source, end, key=lambda word: word[0])

    def with_twins(self, twins: Mapping[Span, Span], again: Collection[Span]) -> "Words":
        """Makes parts of both texts words, each linked with its twin alone, and cuts the words that they are in.

        Args:
            twins: the parts of the source, each with that of the translation.
            again: parts of the translation that are not words.
        """
        own, others = sorted(twins), sorted([*twins.values(), *again])
        parts = {word: _without(word, own) for word in self.source}
        translated = {word: _without(word, others) for word in self.target}
        links: set[Link] = set()
        for word, other in self.links:
            both = parts[word], translated[other]
            links |= set(zip(*both, strict=True) if len(both[0]) == len(both[1]) else itertools.product(*both))
        source = sorted([*(part for each in parts.values() for part in each), *twins])
        target = sorted([*(part for each in translated.values() for part in each), *twins.values()])
        return Words(source, target, frozenset(links | set(twins.items())))

    def cut_at(self, places: Iterable[int], text: str, translation: str) -> "Words":
        """Cuts words in two at places inside of them, where the same word belongs to them in the translation."""
        ordered = sorted(set(places))
        cuts: dict[Span, list[Span]] = {}
        twins: dict[Span, Span] = {}
        for word in self.source:
            inside = ordered[bisect_right(ordered, word[0]) : bisect_left(ordered, word[1])]
            same = [
                each
                for each in self.of_source.get(word, ())
                if each not in cuts and translation[slice(*each)] == text[slice(*word)]
            ]
            if inside and same:
                edges = [word[0], *inside, word[1]]
                cuts[word] = list(itertools.pairwise(edges))
                cuts[same[0]] = moved(cuts[word], same[0][0] - word[0])
                twins[word] = same[0]
        if not twins:
            return self
        others = {link for link in self.links if link[0] not in twins and link[1] not in twins.values()}
        pairs = {pair for word, twin in twins.items() for pair in zip(cuts[word], cuts[twin], strict=True)}
        source, target = (
            sorted(part for word in words for part in (cuts[word] if word in own else [word]))
            for words, own in ((self.source, twins.keys()), (self.target, set(twins.values())))
        )
        return Words(source, target, frozenset(others | pairs))


def linked(text: str, translation: str, alignment: Alignment | None) -> Words:
    """The words of a sentence and its translation; without an alignment each is one word.

    In a translation that is the sentence itself, each word belongs to itself.
    """
    if text == translation:
        words = [(word.start, word.end) for word in words_of(text)]
        return Words(words, words, frozenset(zip(words, words, strict=True)))
    if alignment is None:
        whole, translated = (0, len(text)), (0, len(translation))
        return (
            Words([whole], [translated], frozenset([(whole, translated)]))
            if translation
            else Words([whole], [], frozenset())
        )
    source, target = (located(words, of) for words, of in ((alignment.source, text), (alignment.target, translation)))
    return Words(source, target, frozenset((source[i], target[j]) for i, j in alignment.links))


def located(words: Sequence[str], text: str) -> list[Span]:
    """Where words are that follow each other in a text."""
    found, at = [], 0
    for word in words:
        start = text.index(word, at)
        at = start + len(word)
        found.append((start, at))
    return found


def moved(spans: Iterable[Span], by: int) -> list[Span]:
    return [(start + by, end + by) for start, end in spans]


def _without(word: Span, others: Sequence[Span]) -> list[Span]:
    """What is left of a word without some parts of its text, which are in order."""
    start, end = word
    left = []
    for i in range(bisect_right(others, start, key=lambda other: other[1]), len(others)):
        first, last = others[i]
        if first >= end:
            break
        left.append((start, first))
        start = last
    return [(a, b) for a, b in [*left, (start, end)] if a < b]
