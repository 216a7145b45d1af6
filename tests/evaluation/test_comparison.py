"""Systems compared: verdicts, sentences won and lost, and what is printed."""

import json

import pytest

from translator.cli.comparison import print_comparison
from translator.data.corpora.base import SentencePair
from translator.evaluation.bootstrap import Difference, Interval
from translator.evaluation.comparison import MetricComparison, System, SystemComparison, compare
from translator.evaluation.references import TestSet

PAIRS = [
    SentencePair("a cat sleeps", "eine Katze schläft"),
    SentencePair("a dog barks", "ein Hund bellt"),
    SentencePair("the end", "das Ende"),
]
FIRST = ["eine Katze schläft", "eine Katze bellt", "das Ende"]
SECOND = ["ein Kater schläft", "ein Hund bellt", "das Ende"]


@pytest.fixture(scope="module")
def found() -> SystemComparison:
    systems = [System("one", FIRST), System("two", SECOND)]
    return compare(systems, TestSet(PAIRS), ("en", "de"), frequencies={"ein": 3, "hund": 1})


def test_sentences_are_won_and_lost_by_chrf(found: SystemComparison):
    assert [sentence.number for sentence in found.won(1)] == [2]
    assert [sentence.number for sentence in found.lost(1)] == [1]
    won = found.won(1)[0]
    assert (won.source, won.reference, won.hypotheses) == (*PAIRS[1], (FIRST[1], SECOND[1]))
    assert won.chrf[1] == pytest.approx(100)
    assert won.gain(1) == won.chrf[1] - won.chrf[0] > 0


def test_the_tables_are_by_length_frequency_and_casing(found: SystemComparison):
    assert [(table.title, [row.count for row in table.rows]) for table in found.breakdowns] == [
        ("By length of the source, in words", [3]),
        ("By length of the reference, in words", [3]),
        ("By frequency of the word in the training corpus", [6, 1, 1]),  # all others; Hund; ein
        ("By casing of the word", [5, 3]),
    ]


def test_without_sources_and_frequencies_there_are_no_tables_of_them():
    pairs = [SentencePair("", pair.target) for pair in PAIRS]
    systems = [System("one", FIRST), System("two", SECOND)]
    tables = compare(systems, TestSet(pairs), ("", "de")).breakdowns
    assert [table.title for table in tables] == ["By length of the reference, in words", "By casing of the word"]


def test_more_references_count():
    systems = [System("one", FIRST), System("two", SECOND)]
    found = compare(systems, TestSet(PAIRS, [SECOND]), ("en", "de"))
    assert found.metrics["chrf"].scores[1].value == pytest.approx(100)
    assert found.metrics["bleu"].signature.startswith("nrefs:2|")


@pytest.mark.parametrize(
    ("value", "p", "higher_is_better", "expected"),
    [
        (1.5, 0.01, True, "two is better than one on this test set: M +1.50 (95% interval +0.50 to +2.50, p = 0.010)."),
        (1.5, 0.01, False, "two is worse than one on this test set: M +1.50"),
        (-1.5, 0.01, True, "two is worse than one on this test set: M −1.50"),
        (-1.5, 0.01, False, "two is better than one on this test set: M −1.50"),
        (1.5, 0.05, True, "two cannot be told apart from one on this test set: M +1.50"),
    ],
)
def test_the_verdict_names_the_better_one_only_if_it_is_sure(
    value: float, p: float, higher_is_better: bool, expected: str
):
    scores = Interval(30, 29, 31), Interval(30 + value, 29, 31)
    metric = MetricComparison("M", "", higher_is_better, scores, (Difference(value, value - 1, value + 1, p),))
    assert metric.verdict(["one", "two"], 1).startswith(expected)


def test_off_a_terminal_words_are_marked_as_wdiff_does(found, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    print_comparison(found)
    out = capsys.readouterr().out
    assert "  one        [-eine Katze-] bellt\n  two        {+ein Hund+} bellt\n" in out
    assert "  one        {+eine Katze+} schläft\n  two        [-ein Kater-] schläft\n" in out
    assert "better in 1 sentences, worse in 1, equal in 1" in out
    assert found.metrics["bleu"].verdict(found.names, 1) in out
    for metric in found.metrics.values():
        assert metric.signature in out


def test_the_figures_are_json_with_every_sentence(found: SystemComparison):
    figures = json.loads(json.dumps(found.figures))
    assert figures["systems"] == ["one", "two"]
    bleu = figures["metrics"]["bleu"]
    assert bleu["differences"][0]["value"] == pytest.approx(bleu["scores"][1]["value"] - bleu["scores"][0]["value"])
    assert set(bleu["differences"][0]) == {"value", "low", "high", "p"}
    assert [sentence["number"] for sentence in figures["sentences"]] == [1, 2, 3]
