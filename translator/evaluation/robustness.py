"""What a translator scores on a test set that is damaged in the ways in which real text is.

The damage is drawn from a fixed seed and from the test set alone, so that any two systems read the same text.
"""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Literal

import pydantic

from translator.data.rewriting import noise, title, with_typos, without_end_punctuation
from translator.decoding.translating import TranslatesWithVocabularies
from translator.evaluation.metrics import bleu
from translator.evaluation.references import TestSet
from translator.evaluation.report import PLAIN, Scoring
from translator.files import read_file, write_file

TYPO_WORDS = 0.1
NOISE_LINES, EMPTY_LINES, MOST_NOISE = 100, 10, 40  # the last in characters
LONG = 20  # sentences

Sentence = list[str]  # a source with its references
Case = Literal["source", "both"]  # as in `ModifiersConfig.case_sides`


@dataclass(frozen=True)
class Row:
    """What a translator scores under one condition."""

    condition: str
    lines: int
    measure: str  # BLEU, or the share of lines, in percent, that are as they should be
    value: float
    difference: float | None  # to clean text; None where the figure is not BLEU, and of clean text itself
    how: str


@dataclass(frozen=True)
class Robustness:
    """The scores of one translator under all conditions."""

    rows: Sequence[Row]

    @property
    def figures(self) -> dict[str, Any]:
        """What `eval --robustness --json` prints: the conditions in their order."""
        return {
            row.condition: {k: v for k, v in dataclasses.asdict(row).items() if k != "condition"} for row in self.rows
        }

    def write(self, path: Path) -> None:
        """Writes the figures as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, f"{json.dumps(self.figures, indent=1)}\n".encode())

    @classmethod
    def read(cls, path: Path) -> "Robustness | None":
        """What `write` wrote; None where there is none."""
        try:
            figures = json.loads(read_file(path))
            rows = pydantic.TypeAdapter(list[Row])
            return cls(rows.validate_python([{**row, "condition": name} for name, row in figures.items()]))
        except (OSError, ValueError, AttributeError, TypeError):
            return None


@dataclass(frozen=True)
class Condition:
    """One kind of damage.

    Attributes:
        how: what is done, and what the translations are compared with.
        damaged: the test set with it.
        share_of: the lines that are as they should be, from sources and translations; None for BLEU.
    """

    how: str
    damaged: Callable[[Sequence[Sentence], Case], list[Sentence]]
    share_of: tuple[str, Callable[[str, str], bool]] | None = None


def _cased(change: Callable[[str], str]) -> Callable[[Sequence[Sentence], Case], list[Sentence]]:
    def damaged(sentences: Sequence[Sentence], case: Case) -> list[Sentence]:
        return [
            [change(source), *(map(change, references) if case == "both" else references)]
            for source, *references in sentences
        ]

    return damaged


def _with_typos(sentences: Sequence[Sentence], _: Case) -> list[Sentence]:
    return [
        [with_typos(source, TYPO_WORDS, Random(f"typos {i}")), *references]
        for i, (source, *references) in enumerate(sentences)
    ]


def _joined(count: int) -> Callable[[Sequence[Sentence], Case], list[Sentence]]:
    def damaged(sentences: Sequence[Sentence], _: Case) -> list[Sentence]:
        groups = (sentences[start : start + count] for start in range(0, len(sentences), count))
        return [[" ".join(sides) for sides in zip(*group, strict=True)] for group in groups]

    return damaged


def _noise(sentences: Sequence[Sentence], _: Case) -> list[Sentence]:
    characters = "".join(
        sorted({character for source, *_ in sentences for character in source if character.isprintable()})
    )
    characters = characters.replace(" ", "") or "x"
    lines = (noise(characters, 1 + i % MOST_NOISE, Random(f"noise {i}")) for i in range(NOISE_LINES))
    return [[line, line] for line in lines]


CONDITIONS: Mapping[str, Condition] = {
    "clean": Condition("the test set as it is", lambda sentences, _: list(sentences)),
    "upper": Condition("SOURCES IN CAPITALS", _cased(str.upper)),
    "title": Condition("Sources With A Capital At The Beginning Of Each Word", _cased(title)),
    "typos": Condition("a letter swapped, dropped, inserted or replaced in one word of ten", _with_typos),
    "no end punctuation": Condition(
        "none at the end of sources and references",
        lambda sentences, _: [list(map(without_end_punctuation, sentence)) for sentence in sentences],
    ),
    "merged": Condition("two sentences a line, and their references", _joined(2)),
    "long": Condition(f"{LONG} sentences a line, and their references", _joined(LONG)),
    "noise": Condition(
        "lines of random characters of the test set; the share that is copied",
        _noise,
        ("copied", lambda source, translation: source == translation),
    ),
    "empty": Condition(
        "empty and blank lines; the share whose translation is empty",
        lambda *_: [[" " * i, ""] for i in range(EMPTY_LINES)],
        ("empty", lambda _, translation: not translation),
    ),
}


def measure_robustness(
    translator: TranslatesWithVocabularies,
    test_set: TestSet,
    target_language: str,
    case: Case = "source",
    scoring: Scoring = PLAIN,
    on_progress: Callable[[int, int], None] | None = None,
) -> Robustness:
    """Translates a test set under each of `CONDITIONS` and scores all.

    Args:
        translator: what is measured.
        test_set: sources, each with its first reference, and further references.
        target_language: see `score`.
        case: whether capitals of the source belong into the translation too ("both"), so that references have them.
        scoring: its tokenizer counts.
        on_progress: see `Translator.translate`.
    """
    metric = bleu(target_language, scoring.tokenize)
    sentences = list(map(list, zip(test_set.sources, *test_set.references, strict=True)))
    damaged = {name: condition.damaged(sentences, case) for name, condition in CONDITIONS.items()}
    sources = [source for lines in damaged.values() for source, *_ in lines]
    translations = iter(translator.translate_text(sources, None, on_progress))
    rows: list[Row] = []
    for name, lines in damaged.items():
        condition = CONDITIONS[name]
        found = [next(translations) for _ in lines]
        if condition.share_of is None:
            value = metric.count(
                found, [list(side) for side in zip(*(refs for _, *refs in lines), strict=True)]
            ).score()
            difference = value - rows[0].value if rows else None
            rows.append(Row(name, len(lines), metric.name, value, difference, condition.how))
        else:
            measure, is_right = condition.share_of
            right = sum(is_right(source, text) for (source, *_), text in zip(lines, found, strict=True))
            rows.append(Row(name, len(lines), f"% {measure}", 100 * right / len(lines), None, condition.how))
    return Robustness(rows)
