"""Where systems are better or worse: scores by length of sentence, and of words by frequency and casing.

The tables are those of compare-mt (Neubig et al., 2019): BLEU of sentences of some length, and for words of some kind
the F-score of finding them.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from translator.evaluation.metrics import Counted

LENGTHS = (5, 10, 15, 20, 30, 40, 60)  # words, at which the next row begins
FREQUENCIES = (1, 2, 5, 10, 100, 1000)
CASINGS = ("lower case", "Capitalized", "ALL CAPITALS", "miXed", "no letters with case")


@dataclass(frozen=True)
class Row:
    """Sentences or words of one kind."""

    label: str
    count: int  # how many there are in the references
    figures: tuple[float, ...]  # percent, of each system


@dataclass(frozen=True)
class Breakdown:
    """A table: how well each system does on which kind."""

    title: str
    of: str  # what is counted: sentences or words
    measure: str
    rows: tuple[Row, ...]
    note: str = ""


def by_length(lengths: Sequence[int], counted: Sequence[Counted], side: str) -> Breakdown:
    """Scores of the sentences of each length.

    Args:
        lengths: of the sentences, in words.
        counted: what a metric has counted in each system's translations.
        side: whose length it is, for the title.
    """
    bounds = (0, *LENGTHS)
    groups = np.digitize(lengths, LENGTHS)
    rows = [
        Row(
            _range(bounds, group),
            int((groups == group).sum()),
            tuple(each.score((groups == group).astype(np.int64)) for each in counted),
        )
        for group in np.unique(groups).tolist()
    ]
    return Breakdown(f"By length of the {side}, in words", "sentences", counted[0].name, tuple(rows))


def by_frequency(
    references: Sequence[Sequence[str]], systems: Sequence[Sequence[Sequence[str]]], frequencies: Mapping[str, int]
) -> Breakdown:
    """F-scores of words by how often the training corpus has them, whatever their case there.

    Args:
        references: words of each sentence.
        systems: of each system, likewise.
        frequencies: by word in lower case; those that are missing are 0.
    """

    def group(word: str) -> int:
        return int(np.searchsorted(FREQUENCIES, frequencies.get(word.lower(), 0), side="right"))

    labels = [_range((0, *FREQUENCIES), i) for i in range(len(FREQUENCIES) + 1)]
    rows = _by_word(references, systems, group, labels)
    return Breakdown("By frequency of the word in the training corpus", "words", "F1", rows)


def by_casing(
    references: Sequence[Sequence[str]], systems: Sequence[Sequence[Sequence[str]]], names: Sequence[str]
) -> Breakdown:
    """F-scores of words by how they are written, and how many are right but for their case.

    Args:
        references: words of each sentence.
        systems: of each system, likewise.
        names: of the systems.
    """
    rows = _by_word(references, systems, casing, CASINGS)
    lowered = [[[word.lower() for word in line] for line in lines] for lines in (references, *systems)]
    only_case = [
        sum(
            _common(a, b).total() - _common(c, d).total()
            for a, b, c, d in zip(lowered[0], low, references, lines, strict=True)
        )
        for low, lines in zip(lowered[1:], systems, strict=True)
    ]
    each = [f"{number:,} of {name}" for number, name in zip(only_case, names, strict=True)]
    note = f"Words that are right but for their case: {', '.join(each)}."
    return Breakdown("By casing of the word", "words", "F1", rows, note)


def casing(word: str) -> int:
    """Which of `CASINGS` a word has."""
    if word.lower() == word.upper():
        return 4
    if word == word.lower():
        return 0
    if word[:1] != word[:1].lower() and word[1:] == word[1:].lower():
        return 1
    return 2 if word == word.upper() else 3


def _by_word(
    references: Sequence[Sequence[str]],
    systems: Sequence[Sequence[Sequence[str]]],
    group: Callable[[str], int],
    labels: Sequence[str],
) -> tuple[Row, ...]:
    """2 · right / (words of the reference + words of the translation), for the words of each group."""
    groups: dict[str, int] = {}

    def sizes(words: Counter[str]) -> np.ndarray:
        found = np.zeros(len(labels), np.int64)
        for word, number in words.items():
            found[groups.setdefault(word, group(word))] += number
        return found

    wanted = sizes(Counter(word for line in references for word in line))
    figures = []
    for lines in systems:
        written = sizes(Counter(word for line in lines for word in line))
        right: Counter[str] = Counter()
        for pair in zip(references, lines, strict=True):
            right.update(_common(*pair))
        figures.append(200 * sizes(right) / np.maximum(wanted + written, 1))
    return tuple(
        Row(label, int(wanted[i]), tuple(float(each[i]) for each in figures))
        for i, label in enumerate(labels)
        if wanted[i]
    )


def _common(reference: Sequence[str], line: Sequence[str]) -> Counter[str]:
    """The words of a reference that a translation has, each as often as both have it."""
    return Counter(reference) & Counter(line)


def _range(bounds: Sequence[int], index: int) -> str:
    """The numbers from one bound to the next."""
    first = bounds[index]
    if index == len(bounds) - 1:
        return f"{first:,} and more"
    last = bounds[index + 1] - 1
    return f"{first:,}" if first == last else f"{first:,}–{last:,}"
