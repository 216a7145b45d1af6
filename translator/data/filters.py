"""Filters on training pairs: what is left out, counted by filter, and listed if that is asked for."""

import array
import contextlib
import hashlib
import re
from collections.abc import Callable, Generator, Iterable, Sequence
from functools import partial
from typing import IO, NamedTuple

import regex

from translator.config.data import DataConfig
from translator.config.filters import FiltersConfig
from translator.data.corpora.base import Corpus, SentencePair

MOST_OF_OTHER_SCRIPTS = 0.5  # of a side's letters


class Filtered(NamedTuple):
    """A pair of a corpus past the filters."""

    number: int  # in its corpus, from 1 on
    pair: SentencePair
    rejected_by: str | None = None  # the name of the first filter that rejects it


class Filter(NamedTuple):
    """A filter by the name of its setting."""

    name: str
    rejects: Callable[[SentencePair], bool]
    has_memory: bool = False  # whether it depends on the pairs before


def make_filters(data: DataConfig) -> list[Filter]:
    """The filters that a configuration asks for, in their order; a new list knows no duplicate yet."""
    settings = data.filters
    filters = [
        (settings.min_length > 1, Filter("min_length", partial(_is_short, settings))),
        (settings.max_length is not None, Filter("max_length", partial(_is_long, settings))),
        (settings.max_ratio is not None, Filter("max_ratio", partial(_is_uneven, settings))),
        (settings.identical, Filter("identical", has_equal_sides)),
        (settings.scripts is not None, Filter("scripts", _of_other_scripts(data))),
        (bool(settings.forbidden), Filter("forbidden", _matching(settings.forbidden))),
        # Last, so that it remembers only what the others pass.
        (settings.duplicates, Filter("duplicates", Duplicates(), has_memory=True)),
    ]
    return [each for is_asked_for, each in filters if is_asked_for]


def filtered(
    corpus: Corpus, filters: Sequence[Filter], is_own: Callable[[int], bool] = lambda _: True
) -> Generator[Filtered, None, None]:
    """Streams a corpus, each pair with the filter that rejects it.

    A pair with a blank side passes: no filter is needed to leave it out.

    Args:
        corpus: A training corpus.
        filters: What `make_filters` makes, the same list for all corpora.
        is_own: Whether a pair is wanted, by its number.
    """
    with_memory = any(each.has_memory for each in filters)
    with contextlib.closing(corpus.pairs()) as pairs:
        for number, pair in enumerate(pairs, 1):
            own = is_own(number)
            rejected_by = _rejected_by(pair, filters) if own or with_memory else None
            if own:
                yield Filtered(number, pair, rejected_by)


def passed(corpus: Corpus, filters: Sequence[Filter]) -> Generator[SentencePair, None, None]:
    """Streams the pairs of a corpus that no filter rejects."""
    with contextlib.closing(filtered(corpus, filters)) as stream:
        yield from (each.pair for each in stream if each.rejected_by is None)


def listed(
    stream: Generator[Filtered, None, None], corpus: Corpus, listing: IO[str], *, numbered: bool = False
) -> Generator[Filtered, None, None]:
    """Passes on what `filtered` gives, and writes a line for each pair that is left out.

    The line has its place, its filter, source and target between tabs; `numbered` puts the pair's number before them.
    """
    with contextlib.closing(stream):
        for each in stream:
            if each.rejected_by is not None:
                texts = (" ".join(text.split()) for text in each.pair)
                line = [str(each.number)] * numbered + [corpus.place(each.number), each.rejected_by, *texts]
                listing.write("\t".join(line) + "\n")
            yield each


class Duplicates:
    """Pairs that came before, by a digest of 8 bytes: of 10 million pairs, some two in a million runs lose one wrongly.

    The digests are in a table with open addressing, which takes 12 to 24 bytes a pair.
    """

    def __init__(self) -> None:
        self._table, self._count = array.array("Q", bytes(8 * 2**10)), 0

    def __call__(self, pair: SentencePair) -> bool:
        """Whether a pair came before."""
        digest = hashlib.blake2b(key_of(pair).encode(), digest_size=8).digest()
        return not self._add(int.from_bytes(digest, "little") or 1)

    def _add(self, digest: int) -> bool:
        """Whether a digest, which is not 0, is new."""
        if not _put(self._table, digest):
            return False
        self._count += 1
        if 3 * self._count > 2 * len(self._table):
            larger = array.array("Q", bytes(16 * len(self._table)))
            for each in self._table:
                if each:
                    _put(larger, each)
            self._table = larger
        return True


def _put(table: "array.array[int]", digest: int) -> bool:
    last = len(table) - 1
    place = digest & last
    while held := table[place]:
        if held == digest:
            return False
        place = (place + 1) & last
    table[place] = digest
    return True


def has_text(pair: SentencePair) -> bool:
    """Whether neither side is blank."""
    return bool(pair.source.strip() and pair.target.strip())


def key_of(pair: SentencePair) -> str:
    """What duplicates have in common: both sides but for spaces."""
    return f"{' '.join(pair.source.split())}\0{' '.join(pair.target.split())}"


def has_equal_sides(pair: SentencePair) -> bool:
    """Whether both sides are the same text but for case and spaces."""
    return pair.source.casefold().split() == pair.target.casefold().split()


def _rejected_by(pair: SentencePair, filters: Iterable[Filter]) -> str | None:
    if not has_text(pair):
        return None
    return next((each.name for each in filters if each.rejects(pair)), None)


def _lengths(settings: FiltersConfig, pair: SentencePair) -> list[int]:
    """The lengths of both sides, the shorter first; at least 1."""
    return sorted(len(text.split()) if settings.length_unit == "words" else len(text.strip()) for text in pair)


def _is_short(settings: FiltersConfig, pair: SentencePair) -> bool:
    return _lengths(settings, pair)[0] < settings.min_length


def _is_long(settings: FiltersConfig, pair: SentencePair) -> bool:
    return settings.max_length is not None and _lengths(settings, pair)[1] > settings.max_length


def _is_uneven(settings: FiltersConfig, pair: SentencePair) -> bool:
    shorter, longer = _lengths(settings, pair)
    return settings.max_ratio is not None and longer > settings.max_ratio * shorter


# Those of a script; ー, which Han, Hiragana and Katakana share, and others like it are of none by themselves.
LETTERS = r"[\p{L}--[\p{Script=Common}\p{Script=Inherited}]]"


def _of_other_scripts(data: DataConfig) -> Callable[[SentencePair], bool]:
    """Whether too many of a side's letters are in other scripts than its language's."""
    of_sides = []
    for language in (data.source, data.target):
        scripts = (data.filters.scripts or {}).get(language, ())
        own = "".join(rf"\p{{Script={script}}}" for script in scripts)
        of_sides.append(regex.compile(rf"[{LETTERS}--[{own}]]", regex.V1) if scripts else None)
    letter = regex.compile(LETTERS, regex.V1)

    def rejects(pair: SentencePair) -> bool:
        # Letters are counted only where one is in another script: seldom.
        return any(
            other is not None
            and (found := other.findall(text))
            and len(found) > MOST_OF_OTHER_SCRIPTS * len(letter.findall(text))
            for other, text in zip(of_sides, pair, strict=True)
        )

    return rejects


def _matching(patterns: Iterable[str]) -> Callable[[SentencePair], bool]:
    compiled = [re.compile(pattern) for pattern in patterns]
    return lambda pair: any(pattern.search(text) for pattern in compiled for text in pair)
