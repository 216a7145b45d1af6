"""A corpus of the built-in grammar, in which tests plant trouble."""

import functools
import itertools
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from translator.config.schema import Config
from translator.data.checks.corpora import check_corpora
from translator.data.checks.findings import Finding
from translator.data.checks.report import CheckReport
from translator.grammar import sentence_pairs

Pairs = list[tuple[str, str]]


@functools.cache
def _drawn(split: str, count: int) -> tuple[tuple[str, str], ...]:
    return tuple(itertools.islice(sentence_pairs(split), count))


def grammar_pairs(split: str, count: int) -> Pairs:
    return list(_drawn(split, count))


def write(folder: Path, name: str, pairs: Sequence[tuple[str, str]]) -> None:
    for side, language in enumerate(("en", "de")):
        (folder / f"{name}.{language}").write_text("".join(f"{pair[side]}\n" for pair in pairs), encoding="utf-8")


def config_of(folder: Path, **settings: Any) -> Config:
    data = {"root": folder, "train": "train.{lang}", "validation": "val.{lang}"}
    data |= settings.pop("data", {})
    return Config.model_validate({"data": data, "train": {"max_steps": 1}, **settings})


def checked(folder: Path, train: Pairs, validation: Pairs | None = None, **settings: Any) -> CheckReport:
    """The report about these pairs, beside a validation set without trouble."""
    write(folder, "train", train)
    write(folder, "val", grammar_pairs("validation", 100) if validation is None else validation)
    return check_corpora(config_of(folder, **settings))


def found(report: CheckReport, kind: str, section: str = "train") -> Finding:
    """The one finding of this kind."""
    (finding,) = [f for f in report.findings if f.kind == kind and f.corpus.startswith(section)]
    return finding


def kinds(report: CheckReport) -> set[str]:
    return {finding.kind for finding in report.findings}


def lines(finding: Finding) -> list[int]:
    """The line numbers of the examples."""
    return [int(example.place.rpartition(":")[2]) for example in finding.examples]


def edited(text: str, edits: int, draw: random.Random) -> str:
    """So many insertions, deletions and substitutions of letters."""
    letters = list(text)
    for _ in range(edits):
        place = draw.randrange(len(letters))
        kind = draw.choice(["insert", "delete", "substitute"])
        if kind == "insert":
            letters.insert(place, draw.choice("etaoinshrdlu"))
        elif kind == "delete":
            del letters[place]
        else:
            letters[place] = draw.choice("etaoinshrdlu")
    return "".join(letters)
