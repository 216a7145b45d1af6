"""Two systems or more on the same test set: which is better, how sure that is, and where.

Every system is compared with the first, the baseline.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from translator.data.words import words_of
from translator.evaluation.bootstrap import SAMPLES, Difference, Interval, difference, interval, resampled
from translator.evaluation.breakdown import Breakdown, by_casing, by_frequency, by_length
from translator.evaluation.metrics import Counted
from translator.evaluation.references import TestSet
from translator.evaluation.scores import NAMES, count
from translator.languages import writes_no_spaces

SURE = 0.05  # the p-value below which a difference is called one
SENTENCE_METRIC = "chrf"  # which, unlike BLEU, is made for single sentences too


class System(NamedTuple):
    """Translations of a test set, and what they are called."""

    name: str
    hypotheses: Sequence[str]


@dataclass(frozen=True)
class MetricComparison:
    """What all systems score by one metric."""

    name: str
    signature: str
    higher_is_better: bool
    scores: tuple[Interval, ...]
    differences: tuple[Difference, ...]  # of all but the first system, which they are compared with

    def verdict(self, names: Sequence[str], system: int) -> str:
        """A sentence that says whether a system is better than the first."""
        found = self.differences[system - 1]
        if found.p >= SURE:
            return f"{names[system]} cannot be told apart from {names[0]} on this test set: {self.name} {found}."
        side = "better" if (found.value > 0) == self.higher_is_better else "worse"
        return f"{names[system]} is {side} than {names[0]} on this test set: {self.name} {found}."


@dataclass(frozen=True)
class Sentence:
    """A sentence and its translations."""

    number: int  # from 1 on
    source: str  # empty if it is not known
    reference: str
    hypotheses: tuple[str, ...]
    chrf: tuple[float, ...]

    def gain(self, system: int) -> float:
        """ChrF of a system's translation minus that of the first."""
        return self.chrf[system] - self.chrf[0]


@dataclass(frozen=True)
class SystemComparison:
    """All that `translator compare` shows."""

    names: tuple[str, ...]
    language: str
    metrics: Mapping[str, MetricComparison]  # by the field of `Scores`
    breakdowns: tuple[Breakdown, ...]
    sentences: tuple[Sentence, ...]
    notes: tuple[str, ...] = ()  # what could not be done

    @property
    def spaceless(self) -> bool:
        """Whether each character counts as a word."""
        return writes_no_spaces(self.language)

    def won(self, system: int) -> list[Sentence]:
        """Sentences that a system translates better than the first, by chrF; most first."""
        better = [sentence for sentence in self.sentences if sentence.gain(system) > 0]
        return sorted(better, key=lambda sentence: -sentence.gain(system))

    def lost(self, system: int) -> list[Sentence]:
        """Sentences that it translates worse."""
        worse = [sentence for sentence in self.sentences if sentence.gain(system) < 0]
        return sorted(worse, key=lambda sentence: sentence.gain(system))

    @property
    def figures(self) -> dict[str, Any]:
        """What `compare --json` prints."""
        return {
            "systems": list(self.names),
            "metrics": {
                key: {
                    "name": metric.name,
                    "signature": metric.signature,
                    "scores": [each._asdict() for each in metric.scores],
                    "differences": [each._asdict() for each in metric.differences],
                }
                for key, metric in self.metrics.items()
            },
            "breakdowns": [dataclasses.asdict(each) for each in self.breakdowns],
            "sentences": [dataclasses.asdict(each) for each in self.sentences],
            "notes": list(self.notes),
        }


def compare(
    systems: Sequence[System],
    test_set: TestSet,
    languages: tuple[str, str],
    tokenize: str | None = None,
    frequencies: Mapping[str, int] | None = None,
    notes: Sequence[str] = (),
) -> SystemComparison:
    """Compares systems with the first of them.

    Args:
        systems: two or more, each with as many translations as there are sentences.
        test_set: sources, which may be empty, with their references.
        languages: of source and target; see `translator.evaluation.scores.score`.
        tokenize: of BLEU, likewise.
        frequencies: how often the training corpus has a word in lower case; without it there is no table of them.
        notes: what could not be done, to be shown.

    Raises:
        EvaluationError: there are not as many translations as references; no such tokenizer.
    """
    counted = [count(system.hypotheses, test_set.references, languages[1], tokenize) for system in systems]
    chrf = [each[SENTENCE_METRIC].sentence_scores() for each in counted]
    sentences = tuple(
        Sentence(number, *pair, tuple(system.hypotheses[number - 1] for system in systems), scores)
        for number, (pair, scores) in enumerate(zip(test_set.pairs, zip(*chrf, strict=True), strict=True), 1)
    )
    return SystemComparison(
        tuple(system.name for system in systems),
        languages[1],
        compared_metrics(counted),
        _breakdowns(systems, test_set, languages, [each["bleu"] for each in counted], frequencies),
        sentences,
        tuple(notes),
    )


def compared_metrics(counted: Sequence[Mapping[str, Counted]], samples: int = SAMPLES) -> dict[str, MetricComparison]:
    """Scores, intervals and differences by all metrics that every system has.

    Args:
        counted: of each system, by the field of `Scores`.
        samples: of the test set, for intervals and p-values.
    """
    keys = [key for key in NAMES if all(key in each for each in counted)]
    drawn = resampled([each[key] for key in keys for each in counted], samples)
    found = {}
    for number, key in enumerate(keys):
        of_metric = [each[key] for each in counted]
        values = [each.score() for each in of_metric]
        columns = drawn[:, number * len(counted) :][:, : len(counted)].T  # [systems, samples]
        found[key] = MetricComparison(
            of_metric[0].name,
            of_metric[0].signature,
            of_metric[0].higher_is_better,
            tuple(map(interval, values, columns)),
            tuple(
                difference(values[0], value, columns[0], column)
                for value, column in zip(values[1:], columns[1:], strict=True)
            ),
        )
    return found


def _breakdowns(
    systems: Sequence[System],
    test_set: TestSet,
    languages: tuple[str, str],
    bleu: Sequence[Counted],
    frequencies: Mapping[str, int] | None,
) -> tuple[Breakdown, ...]:
    def words(lines: Sequence[str], language: str) -> list[list[str]]:
        return [[word.text for word in words_of(line, writes_no_spaces(language))] for line in lines]

    sources = words(test_set.sources, languages[0])
    references = words(test_set.references[0], languages[1])
    written = [words(system.hypotheses, languages[1]) for system in systems]
    tables = []
    if any(sources):
        tables.append(by_length(list(map(len, sources)), bleu, "source"))
    tables.append(by_length(list(map(len, references)), bleu, "reference"))
    if frequencies is not None:
        tables.append(by_frequency(references, written, frequencies))
    tables.append(by_casing(references, written, [system.name for system in systems]))
    return tuple(tables)
