"""Lengths of a corpus, and where translations do well."""

from pathlib import Path

import numpy as np
import pytest

from tests.report.recorded import make_run, score_run
from translator.config.corpora import CORPUS_FORMATS
from translator.config.load import save_config
from translator.config.schema import Config
from translator.data.store import Sequences
from translator.report import facts
from translator.report.facts import Facts, Lengths

# By format: how a configuration names a corpus, and how a page does.
DESCRIBED = {
    "files": ("a.{lang}", "text files: a.{lang}"),
    "tsv": ("a.tsv", "tab-separated file: a.tsv"),
    "jsonl": ("a.jsonl", "JSON lines: a.jsonl"),
    "tmx": ("a.tmx", "translation memory: a.tmx"),
    "tfds": ("wmt14_translate/de-en", "TensorFlow Datasets: wmt14_translate/de-en, split train"),
    "grammar": ("train", "built-in grammar: train"),
}


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


@pytest.mark.parametrize("format", CORPUS_FORMATS)
def test_a_corpus_of_any_format_is_described(tmp_path: Path, format: str):
    corpus, described = DESCRIBED[format]
    run = make_run(tmp_path / "run")
    config = run.load_config().model_dump()
    config["data"]["train"] = {format: corpus, "pairs": 1000}
    save_config(Config.model_validate(config), run.config)
    assert Facts.of(run).corpora("train") == [f"{described}, the first 1,000 pairs"]


def test_corpora_are_described_as_the_configuration_names_them(tmp_path: Path):
    found = Facts.of(make_run(tmp_path / "run"))
    assert found.corpora("train") == ["text files: a.{lang}"]
    assert found.corpora("test") == ["text files: c.{lang}"]
