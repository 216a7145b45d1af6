"""Robustness of scripted translators, whose scores under damage are known."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from translator.data.corpora.base import SentencePair
from translator.decoding.translator import Translator
from translator.evaluation import test_set
from translator.evaluation.references import TestSet
from translator.evaluation.robustness import CONDITIONS, LONG, NOISE_LINES, Robustness, Row, measure_robustness
from translator.evaluation.test_set import robustness_of_run
from translator.languages import LanguagePair
from translator.report.facts import Facts
from translator.report.record import Record
from translator.report.run_scores import robustness
from translator.run_folder import RunFolder

WORDS = ["dog", "cat", "house", "window", "street", "woman"]
SENTENCES = [f"the {one} sees a {other} near the river." for one in WORDS for other in WORDS]
PAIRS = [SentencePair(sentence, sentence) for sentence in SENTENCES]


class Scripted:
    """Translates by a function of the sentence, and keeps what it was asked."""

    source = target = None  # of `TranslatesWithVocabularies`

    def __init__(self, translate: Callable[[str], str]) -> None:
        self.translate, self.asked = translate, list[str]()

    def into(self, language: str) -> "Scripted":
        return self

    def translate_text(
        self,
        sentences: Sequence[str],
        first_line: int | None = 1,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> list[str]:
        self.asked += sentences
        return [self.translate(sentence) for sentence in sentences]

    def fingerprint(self) -> dict[str, Any]:
        return {}


def rows_of(translate: Callable[[str], str], **settings: Any) -> dict[str, Row]:
    found = measure_robustness(Scripted(translate), TestSet(PAIRS), "de", **settings)  # type: ignore[arg-type]
    return {row.condition: row for row in found.rows}


def test_each_condition_has_a_row_in_order():
    rows = rows_of(str)
    assert list(rows) == list(CONDITIONS)
    half, long = -(-len(PAIRS) // 2), -(-len(PAIRS) // LONG)
    lines = [len(PAIRS)] * 5 + [half, long, NOISE_LINES, 10]
    assert [row.lines for row in rows.values()] == lines


def test_a_translator_that_copies_is_perfect_where_references_are_damaged_too():
    rows = rows_of(str)
    for name in ("clean", "no end punctuation", "merged", "long"):
        assert rows[name].value == pytest.approx(100)
    assert rows["noise"].value == 100
    assert rows["upper"].value < 10  # the references have ordinary case
    assert 30 < rows["typos"].value < 90
    assert rows["empty"].value == 10  # a blank line of spaces is not empty; one of the ten is


def test_a_translator_that_lowers_case_loses_nothing_in_capitals():
    rows = rows_of(str.lower)
    assert rows["upper"].value == rows["title"].value == pytest.approx(100)
    assert rows["upper"].difference == pytest.approx(0)


def test_where_case_is_kept_references_have_capitals_too():
    rows = rows_of(str, case="both")
    assert rows["upper"].value == rows["title"].value == pytest.approx(100)
    assert rows_of(str.lower, case="both")["upper"].value < 10


def test_differences_are_to_clean_text_and_shares_have_none():
    rows = rows_of(str)
    assert rows["clean"].difference is None
    assert rows["typos"].difference == rows["typos"].value - rows["clean"].value
    assert rows["noise"].difference is None is rows["empty"].difference


def test_two_translators_read_the_same_damage():
    asked = []
    for translate in (str, str.upper):
        scripted = Scripted(translate)
        measure_robustness(scripted, TestSet(PAIRS), "de")  # type: ignore[arg-type]
        asked.append(scripted.asked)
    assert asked[0] == asked[1]


def test_one_word_of_ten_has_a_typo():
    scripted = Scripted(str)
    measure_robustness(scripted, TestSet(PAIRS * 20), "de")  # type: ignore[arg-type]
    start = 3 * 20 * len(PAIRS)
    damaged = " ".join(scripted.asked[start : start + 20 * len(PAIRS)]).split()
    plain = " ".join(SENTENCES * 20).split()
    long = [(one, other) for one, other in zip(damaged, plain, strict=True) if len(other) > 1]
    assert 0.085 < sum(one != other for one, other in long) / len(long) < 0.115


def test_further_references_are_damaged_likewise():
    pairs, more = [SentencePair(pair.source, "nothing at all here.") for pair in PAIRS], [SENTENCES]
    found = measure_robustness(Scripted(str), TestSet(pairs, more), "de")  # type: ignore[arg-type]
    values = {row.condition: row.value for row in found.rows}
    assert values["merged"] == values["no end punctuation"] == pytest.approx(100)


def test_figures_come_back_from_the_folder_and_damaged_ones_do_not(tmp_path: Path):
    found = measure_robustness(Scripted(str), TestSet(PAIRS), "de")  # type: ignore[arg-type]
    path = tmp_path / "report" / "robustness.json"
    found.write(path)
    assert Robustness.read(path) == found
    of_words = path.read_text().replace('"value": ', '"value": null, "was": ')
    for damaged in ("{", "[]", '{"clean": {"lines": 3}}', '{"clean": 3}', of_words):
        path.write_text(damaged)
        assert Robustness.read(path) is None
    assert Robustness.read(tmp_path / "nowhere") is None


def test_a_runs_own_figures_stay_in_its_folder_for_its_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run = RunFolder(tmp_path)
    corpora = "train: {grammar: train, pairs: 9}, validation: {grammar: validation, pairs: 9}"
    run.config.write_text(f"data: {{{corpora}, modifiers: {{case_sides: both}}}}\ntrain: {{max_steps: 1}}\n")
    monkeypatch.setattr(test_set, "own_test_set", lambda *_: {LanguagePair("en", "de"): TestSet(PAIRS)})
    monkeypatch.setattr(Translator, "load", lambda _: Scripted(str))
    found = robustness_of_run(run.path)
    assert {row.condition: row.value for row in found.rows}["upper"] == pytest.approx(100)  # as the run keeps case
    assert json.loads(run.robustness.read_text()) == found.figures
    assert "SOURCES IN CAPITALS" in "".join(map(str, robustness(Facts(Record(run)))))
