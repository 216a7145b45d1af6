"""A test set from files, translated by a scripted translator and scored."""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.toy_language import written
from translator.cli.report import print_report
from translator.data.corpora.base import CorpusError, SentencePair
from translator.decoding.scored import Scored
from translator.evaluation.metrics import EvaluationError
from translator.evaluation.references import TestSet, read_test_files
from translator.evaluation.report import Report, Scoring
from translator.evaluation.test_set import evaluate


class Scripted:
    """Says what it is told to."""

    def __init__(self, texts: list[str]) -> None:
        self.texts, self.asked = texts, 0
        self.engine: object = None  # it only searches
        self.target = SimpleNamespace(encode=lambda texts: [[4, 5]] * len(texts))

    def translate_text(
        self, sentences: Sequence[str], on_progress: Callable[[int, int], None] | None = None
    ) -> list[str]:
        self.asked += len(sentences)
        return self.texts


def test_files_are_pairs_and_what_more_references_there_are(tmp_path: Path):
    names = [written(tmp_path / name, [f"{name} 1", "", f"{name} 3"]) for name in "sabc"]
    found = read_test_files(names[0], names[1:])
    assert found.pairs == [("s 1", "a 1"), ("", ""), ("s 3", "a 3")]
    assert found.more == [["b 1", "", "b 3"], ["c 1", "", "c 3"]]
    assert found.sources == ["s 1", "", "s 3"]
    assert found.references == [["a 1", "", "a 3"], ["b 1", "", "b 3"], ["c 1", "", "c 3"]]


@pytest.mark.parametrize(
    ("source", "references", "message"),
    [
        ("none", ["two"], "^--source: there is no file {}/none"),
        ("two", ["none"], "^--reference: there is no file {}/none"),
        ("two", ["two", "none"], "^--reference: there is no file {}/none"),
        ("two", ["latin1"], "^--reference: {}/latin1:1: byte 1 of the line, 0xe9, is not UTF-8"),
        ("two", ["two", "three"], "^--reference: {}/three has 3 lines but --source {}/two has 2; scoring needs one"),
        ("empty", ["empty"], "^--source: {}/empty has no line$"),
    ],
)
def test_the_file_that_is_wrong_is_named_with_its_option(
    source: str, references: list[str], message: str, tmp_path: Path
):
    written(tmp_path / "two", ["a", "b"])
    written(tmp_path / "three", ["a", "b", "c"])
    written(tmp_path / "empty", [])
    (tmp_path / "latin1").write_bytes(b"\xe9t\xe9\n")
    with pytest.raises(CorpusError, match=message.replace("{}", str(tmp_path))):
        read_test_files(tmp_path / source, [tmp_path / reference for reference in references])


def test_all_references_are_scored_against():
    translator: Any = Scripted(["the cat sat on the mat"])
    pairs, more = [SentencePair("x", "something else entirely here now")], [["the cat sat on the mat"]]
    assert evaluate(translator, TestSet(pairs, more), "en").figures["bleu"] == pytest.approx(100)
    assert evaluate(translator, TestSet(pairs), "en").figures["bleu"] < 10


class WithLoss(Scripted):
    """Gives the two references, of 1 and 3 tokens with EOS, e^-1 and e^-5."""

    def __init__(self) -> None:
        super().__init__(["a", "b c"])
        self.engine = SimpleNamespace(score=self.score)

    def score(self, sources: Sequence[str], targets: Sequence[str], first_line: int | None) -> list[Scored]:
        assert (sources, targets, first_line) == (["x", "y"], ["", "b c"], None)
        return [Scored(-1.0, ("</s>",), (-1.0,), 1), Scored(-5.0, ("b", "c", "</s>"), (-1.0, -1.0, -3.0), 1)]


def test_the_loss_of_the_references_is_a_mean_over_tokens(tmp_path: Path):
    translator: Any = WithLoss()
    report = evaluate(translator, TestSet([SentencePair("x", ""), SentencePair("y", "b c")]), "en")
    assert report.figures["nll"] == pytest.approx(6 / 4)
    assert report.figures["perplexity"] == pytest.approx(math.exp(1.5))
    report.write(tmp_path)
    kept = Report.read(tmp_path)
    assert kept is not None
    assert kept.nll == report.nll


def test_an_engine_that_only_searches_has_no_loss(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    translator: Any = Scripted(["a b"])
    report = evaluate(translator, TestSet([SentencePair("x", "a b")]), "en")
    assert (report.nll, report.perplexity) == (None, None)
    print_report(report)
    assert "nll" not in capsys.readouterr().out


def test_a_report_from_before_there_was_a_loss_is_read(tmp_path: Path):
    translator: Any = Scripted(["a b"])
    evaluate(translator, TestSet([SentencePair("x", "a b")]), "en").write(tmp_path)
    path = tmp_path / "scores.json"
    figures = json.loads(path.read_text())
    del figures["nll"], figures["perplexity"]
    path.write_text(json.dumps(figures))
    assert Report.read(tmp_path) is not None


def test_the_tokenizer_is_looked_at_before_anything_is_translated():
    translator: Any = Scripted(["a"])
    with pytest.raises(EvaluationError, match="no tokenizer '13b'"):
        evaluate(translator, TestSet([SentencePair("a", "a")]), "en", Scoring("13b"))
    assert translator.asked == 0
