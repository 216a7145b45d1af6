"""Lengths of a corpus, and where translations do well."""

from pathlib import Path

import numpy as np

from tests.report.recorded import make_run, score_run
from translator.data.store import Sequences
from translator.report import facts
from translator.report.facts import Facts, Lengths


def test_lengths_are_counted():
    found = Lengths.of(Sequences.of([[4], [4, 5], [4, 5], [4, 5, 6]]))
    assert found.histogram.tolist() == [0, 1, 2, 1]
    assert (found.tokens, found.is_sample) == (8, False)


def test_of_a_large_corpus_some_lengths_are_counted_and_all_tokens(monkeypatch):
    monkeypatch.setattr(facts, "MOST_MEASURED", 3)
    found = Lengths.of(Sequences.of([np.ones(n, int) for n in (1, 2, 3, 4, 5, 6)]))
    assert found.histogram.tolist() == [0, 1, 0, 1, 0, 1]  # rows 0, 2 and 4
    assert (found.tokens, found.is_sample) == (21, True)


def test_a_run_without_translations_has_no_scores_of_sentences(tmp_path: Path):
    found = Facts.of(make_run(tmp_path / "run"))
    assert (found.report, found.breakdowns, found.sentence_scores, found.data) == (None, [], [], None)


def test_sentences_are_scored_alone(tmp_path: Path):
    run = make_run(tmp_path / "run")
    score_run(run)
    found = Facts.of(run)
    assert [score == 100 for score in found.sentence_scores] == [False, False, True]
    assert [each.title for each in found.breakdowns] == [
        "By length of the source, in words", "By length of the reference, in words", "By casing of the word",
    ]  # fmt: skip


def test_corpora_are_described_as_the_configuration_names_them(tmp_path: Path):
    found = Facts.of(make_run(tmp_path / "run"))
    assert found.corpora("train") == ["text files: a.{lang}"]
    assert found.corpora("test") == ["text files: c.{lang}"]
