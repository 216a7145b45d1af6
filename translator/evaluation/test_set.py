"""Translates and scores a test set, and keeps the report in the run folder."""

import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from translator.config.data import DataConfig
from translator.data.corpora.base import SentencePair
from translator.decoding.language_choice import chosen_pair
from translator.decoding.options import ScoringEngine
from translator.decoding.translator import Translator
from translator.evaluation.metrics import require_tokenizer
from translator.evaluation.references import TestSet, only_pair, own_test_set
from translator.evaluation.report import PLAIN, Report, Scoring
from translator.evaluation.robustness import Robustness, measure_robustness
from translator.languages import LanguagePair
from translator.report.attention import show_scored
from translator.run_folder import RunFolder


def evaluate_run(
    run: Path | str,
    translator: Translator | None = None,
    settings: Sequence[str] = (),
    test_set: TestSet | None = None,
    scoring: Scoring = PLAIN,
    on_progress: Callable[[int, int], None] | None = None,
    to: str | None = None,
) -> Report:
    """Translates and scores a test set with a run: what `translator eval` does, and training at its end.

    If nothing but the run is given, the report is its own and stays in its folder, with its page; metrics of other
    programs may be in it. A test set of several pairs of languages is scored as a whole, and each pair by itself.

    Args:
        run: the run folder.
        translator: the run with another beam size, checkpoint or engine; by default with its own.
        settings: as `--set` takes them, for the run's own test set: `"data.root=…"` or `"data.test=…"`.
        test_set: in place of the run's own, as `read_test_files` gives it.
        scoring: how the translations are scored.
        on_progress: see `Translator.translate`; of several pairs told one after the other.
        to: of a run of several target languages, the one of `test_set`; or that alone of the run's own test set.

    Raises:
        RunError: the folder is no run, or has no model yet; or its configuration names no test set, or none into `to`.
        OptionsError: the run does not translate into that language, or into several and none is chosen.
        CorpusError: the test set cannot be read.
        EvaluationError: there is no such metric, or it fails.
    """
    folder = RunFolder(Path(run))
    config = folder.load_config()
    is_own = _is_own(folder, config.data, translator, test_set, scoring.tokenize, settings, to)
    translator = translator or Translator.load(folder.path)
    if test_set:
        target = to or config.data.target
        report = evaluate(translator.into(to) if to else translator, test_set, target, scoring, on_progress)
    else:
        report = _evaluate_pairs(translator, own_test_set(folder, settings, to), config.data, scoring, on_progress)
    if is_own:
        report.write(folder.report)  # what other programs say of it comes later: they may fail
    if scoring.external:
        external = scoring.external_scores(report.hypotheses, TestSet(report.pairs, test_set.more if test_set else ()))
        report = dataclasses.replace(report, external=external)
        if is_own:
            report.write(folder.report)
    if is_own:
        show_scored(folder, translator, report)
    return report


def robustness_of_run(
    run: Path | str,
    translator: Translator | None = None,
    settings: Sequence[str] = (),
    test_set: TestSet | None = None,
    scoring: Scoring = PLAIN,
    on_progress: Callable[[int, int], None] | None = None,
    to: str | None = None,
) -> Robustness:
    """Scores a run on a test set under each kind of damage: what `translator eval --robustness` does.

    If nothing but the run is given, the figures stay in its folder, for its page. Arguments and errors are those of
    `evaluate_run`; of `scoring` the tokenizer counts alone. It is for one pair of languages at a time.
    """
    folder = RunFolder(Path(run))
    config = folder.load_config()
    is_own = _is_own(folder, config.data, translator, test_set, scoring.tokenize, settings, to)
    if test_set is None:
        pair, test_set = only_pair(own_test_set(folder, settings, to), folder)
    else:
        pair = chosen_pair(config.data, to)
    translator = (translator or Translator.load(folder.path)).into(pair.target)
    case = config.data.modifiers.case_sides
    found = measure_robustness(translator, test_set, pair.target, case, scoring, on_progress)
    if is_own:
        found.write(folder.robustness)
    return found


def _is_own(folder: RunFolder, data: DataConfig, *given: object) -> bool:
    """Whether nothing but the run is given: then its folder keeps the figures, and no link in it may lead out of it."""
    is_own = not any(given)
    if is_own and data.test:
        folder.require_own_files()
    return is_own


def _evaluate_pairs(
    translator: Translator,
    test_sets: Mapping[LanguagePair, TestSet],
    data: DataConfig,
    scoring: Scoring,
    on_progress: Callable[[int, int], None] | None,
) -> Report:
    """The report of a test set: of a model of several pairs of languages with scores of each."""
    several = len(translator.languages) > 1
    reports = {
        pair: evaluate(translator.into(pair.target) if several else translator, each, pair.target, scoring, on_progress)
        for pair, each in test_sets.items()
    }
    return Report.joined(reports, data, scoring) if len(data.pairs) > 1 else next(iter(reports.values()))


def evaluate(
    translator: Translator,
    test_set: TestSet,
    target_language: str,
    scoring: Scoring = PLAIN,
    on_progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Translates every source and scores all against the references; none is dropped or reordered.

    Metrics of other programs are only checked here: `Scoring.external_scores` runs them.

    The first references are also read, for the loss that a validation has too.

    Args:
        translator: what is evaluated.
        test_set: sources, each with its first reference, and further references.
        target_language: see `score`.
        scoring: checked before anything is translated.
        on_progress: see `Translator.translate`.
    """
    if scoring.tokenize:
        require_tokenizer(scoring.tokenize)
    for metric in scoring.external:
        metric.require()
    pairs = test_set.pairs
    began = time.monotonic()
    hypotheses = translator.translate_text(test_set.sources, on_progress=on_progress)
    seconds = time.monotonic() - began
    scores = scoring.scores(hypotheses, test_set, target_language)
    tokens = sum(map(len, translator.target.encode(hypotheses)))
    began = time.monotonic()
    nll, reference_tokens = _nll(translator, pairs)
    took = time.monotonic() - began
    return Report(pairs, hypotheses, scores, seconds, tokens, nll, took, reference_tokens=reference_tokens)


def _nll(translator: Translator, pairs: Sequence[SentencePair]) -> tuple[float | None, int]:
    """Negative log-likelihood of the references, whose positions are read all at once, and their tokens; no search."""
    if not isinstance(translator.engine, ScoringEngine):
        return None, 0
    scored = translator.score([pair.source for pair in pairs], [pair.target for pair in pairs], first_line=None)
    tokens = sum(len(each.tokens) for each in scored)
    return (-math.fsum(each.log_prob for each in scored) / tokens if tokens else None), tokens
