"""A run's own report, where the metric of another program fails."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from translator.data.corpora.base import SentencePair
from translator.decoding.translator import Translator
from translator.evaluation import test_set
from translator.evaluation.external import ExternalMetric
from translator.evaluation.metrics import EvaluationError
from translator.evaluation.references import TestSet, only_pair
from translator.evaluation.report import Report, Scoring
from translator.evaluation.scores import score
from translator.evaluation.test_set import evaluate_run
from translator.languages import LanguagePair
from translator.run_folder import RunError, RunFolder


def test_translations_are_kept_before_other_programs_score_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run = RunFolder(tmp_path)
    corpora = "train: {grammar: train, pairs: 9}, validation: {grammar: validation, pairs: 9}"
    run.config.write_text(f"data: {{{corpora}}}\ntrain: {{max_steps: 1}}\n")
    pairs = [SentencePair("a b", "c d")]
    report = Report(pairs, ["c d"], score(["c d"], ["c d"], "de"))
    monkeypatch.setattr(test_set, "own_test_set", lambda *_: {LanguagePair("en", "de"): TestSet(pairs)})
    monkeypatch.setattr(test_set, "evaluate", lambda *_: report)
    monkeypatch.setattr(Translator, "load", lambda _: SimpleNamespace(languages=("de",)))
    failing = ExternalMetric(f"{sys.executable} -c 'import sys; sys.exit(1)' {{hypotheses}}")
    with pytest.raises(EvaluationError, match="ended with exit code 1"):
        evaluate_run(run.path, scoring=Scoring(external=[failing]))
    kept = Report.read(run.report)
    assert kept is not None
    assert kept.hypotheses == ["c d"]


@pytest.mark.parametrize(
    ("pairs", "advice"),
    [
        (["en-de", "de-en"], "give --to; where that leaves several, its --source, --reference and --to"),
        (["fr-en", "de-en"], "give its --source, --reference and --to"),
    ],
)
def test_what_takes_one_pair_of_languages_says_how_to_name_it(pairs: list[str], advice: str, tmp_path: Path):
    sets = {LanguagePair(*pair.split("-")): TestSet([]) for pair in pairs}
    with pytest.raises(RunError) as raised:
        only_pair(sets, RunFolder(tmp_path))
    assert str(raised.value) == (
        f"{tmp_path} has test sets of {', '.join(pairs)}, and this takes one pair of languages: {advice}"
    )
