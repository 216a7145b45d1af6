"""Translations of a test set with their scores: what a run's folder keeps, and what files of translations give."""

import dataclasses
import hashlib
import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from translator.config.data import DataConfig
from translator.data.corpora.base import CorpusError, SentencePair
from translator.evaluation.bootstrap import SAMPLES
from translator.evaluation.external import ExternalMetric, ExternalScore
from translator.evaluation.references import TestSet, lines_of
from translator.evaluation.scores import Scores, score
from translator.files import read_file, write_file
from translator.languages import LanguagePair
from translator.run_folder import SCORES


@dataclass(frozen=True)
class Scoring:
    """How translations are scored.

    Attributes:
        tokenize: sacreBLEU's name of a tokenizer for BLEU, in place of the one that suits the language.
        samples: of the test set, for intervals; 0 for none.
        external: metrics of other programs.
    """

    tokenize: str | None = None
    samples: int = SAMPLES
    external: Sequence[ExternalMetric] = ()

    def scores(self, hypotheses: Sequence[str], test_set: TestSet, target_language: str) -> Scores:
        """Scores translations of a test set by sacreBLEU's metrics."""
        references, *more = test_set.references
        return score(hypotheses, references, target_language, self.tokenize, more, self.samples)

    def external_scores(self, hypotheses: Sequence[str], test_set: TestSet) -> list[ExternalScore]:
        """Scores them by the metrics of other programs.

        Raises:
            EvaluationError: one fails.
        """
        given = test_set.sources, hypotheses, test_set.references
        return [each.score(*given, self.samples) for each in self.external]


PLAIN = Scoring()


@dataclass(frozen=True)
class PairScores:
    """What a model of many languages scores on one pair of them."""

    source: str
    target: str
    sentences: int
    scores: Scores
    zero_shot: bool  # whether nothing was trained from the one into the other

    @property
    def languages(self) -> LanguagePair:
        """The pair."""
        return LanguagePair(self.source, self.target)


@dataclass(frozen=True)
class Report:
    """Translations of a test set, and what they score."""

    pairs: Sequence[SentencePair]  # with empty sources where those are not known
    hypotheses: Sequence[str]
    scores: Scores
    seconds: float | None = None  # of translating, without loading the model; None if that was done elsewhere
    hypothesis_tokens: int | None = None  # subwords
    nll: float | None = None  # of the first references, in nats a token; None if the engine only searches
    nll_seconds: float = 0.0  # that it took to find that out
    external: Sequence[ExternalScore] = ()
    reference_tokens: int = 0  # subwords of the references, with the end of each, that `nll` is of
    # Of a model of several pairs of languages, those of the test set, whose sentences follow one another.
    of_pairs: Sequence[PairScores] = ()

    @classmethod
    def joined(cls, reports: Mapping[LanguagePair, "Report"], data: DataConfig, scoring: Scoring) -> "Report":
        """The reports of some pairs of languages as one: scores of all sentences together, and of each pair.

        Args:
            reports: of the pairs, in order.
            data: which pairs were trained, and the language by whose rules all together are tokenized.
            scoring: as they were scored.
        """
        each = list(reports.values())
        pairs = [pair for report in each for pair in report.pairs]
        hypotheses = [line for report in each for line in report.hypotheses]
        nlls = [report.nll * report.reference_tokens for report in each if report.nll is not None]
        return cls(
            pairs,
            hypotheses,
            each[0].scores if len(each) == 1 else scoring.scores(hypotheses, TestSet(pairs), data.target),
            sum(report.seconds or 0.0 for report in each),
            sum(report.hypothesis_tokens or 0 for report in each),
            sum(nlls) / sum(report.reference_tokens for report in each) if len(nlls) == len(each) else None,
            sum(report.nll_seconds for report in each),
            of_pairs=[
                PairScores(*pair, len(report.pairs), report.scores, pair not in data.pairs)
                for pair, report in reports.items()
            ],
        )

    def part(self, pair: LanguagePair) -> "Report | None":
        """The sentences of one pair of languages; of a report without pairs all; None if it has others."""
        start = 0
        for each in self.of_pairs:
            end = start + each.sentences
            if each.languages == pair:
                return Report(self.pairs[start:end], self.hypotheses[start:end], each.scores, of_pairs=(each,))
            start = end
        return None if self.of_pairs else self

    def languages(self, otherwise: LanguagePair) -> list[LanguagePair]:
        """Those of each sentence; `otherwise` where it is not said."""
        found = [each.languages for each in self.of_pairs for _ in range(each.sentences)]
        return found or [otherwise] * len(self.pairs)

    @property
    def mean_bleu(self) -> float:
        """The mean BLEU of the pairs of languages."""
        return statistics.fmean(each.scores.bleu for each in self.of_pairs) if self.of_pairs else self.scores.bleu

    @property
    def perplexity(self) -> float | None:
        """The exponential of `nll`."""
        return None if self.nll is None else math.exp(min(self.nll, 700.0))

    @property
    def test_set(self) -> str:
        """What tells test sets apart: SHA-256 of the sources and first references, in their order."""
        return hashlib.sha256("".join(f"{line}\n" for pair in self.pairs for line in pair).encode()).hexdigest()

    @property
    def figures(self) -> dict[str, Any]:
        """What `eval --json` prints."""
        return (
            dataclasses.asdict(self.scores)
            | {
                "sentences": len(self.hypotheses),
                "seconds": self.seconds,
                "hypothesis_tokens": self.hypothesis_tokens,
                "nll": self.nll,
                "perplexity": self.perplexity,
                "external": [dataclasses.asdict(each) for each in self.external],
                "test_set": self.test_set,
            }
            | ({"pairs": [dataclasses.asdict(each) for each in self.of_pairs]} if self.of_pairs else {})
        )

    @classmethod
    def read(cls, folder: Path) -> "Report | None":
        """What `write` wrote, in this version or an earlier one; None where there is none, or not all of it."""
        try:
            figures = json.loads(read_file(folder / SCORES))
            sources, references, hypotheses = (
                read_file(folder / name).decode().split("\n")[:-1]
                for name in ("source.txt", "reference.txt", "hypothesis.txt")
            )
            pairs = [SentencePair(*pair) for pair in zip(sources, references, strict=True)]
            if not pairs or len(hypotheses) != len(pairs):
                return None
            external = [_from(ExternalScore, each) for each in figures.get("external", ())]
            numbers = figures["seconds"], figures["hypothesis_tokens"], figures.get("nll")
            of_pairs = [
                _from(PairScores, each | {"scores": _from(Scores, each["scores"])}) for each in figures.get("pairs", ())
            ]
            if of_pairs and sum(each.sentences for each in of_pairs) != len(pairs):
                return None
            return cls(pairs, hypotheses, _from(Scores, figures), *numbers, external=external, of_pairs=of_pairs)
        except (OSError, ValueError, LookupError, TypeError):
            return None

    def write(self, folder: Path) -> None:
        """Writes `scores.json`, and `source.txt`, `reference.txt` and `hypothesis.txt`, one sentence a line."""
        folder.mkdir(parents=True, exist_ok=True)
        texts = {
            "source.txt": [pair.source for pair in self.pairs],
            "reference.txt": [pair.target for pair in self.pairs],
            "hypothesis.txt": self.hypotheses,
        }
        for name, lines in texts.items():
            write_file(folder / name, "".join(f"{line}\n" for line in lines).encode())
        # Last: with it the report is complete.
        write_file(folder / SCORES, f"{json.dumps(self.figures, indent=1)}\n".encode())


def _from(kind: type[Any], figures: Mapping[str, Any]) -> Any:
    """A dataclass from a JSON object, which may lack fields with a default; else it is a TypeError."""
    return kind(**{field.name: figures[field.name] for field in dataclasses.fields(kind) if field.name in figures})


def score_file(hypotheses: Path, test_set: TestSet, target_language: str, scoring: Scoring = PLAIN) -> Report:
    """Scores a file of translations, one a line: what `translator eval --hypothesis` does.

    Raises:
        CorpusError: the file cannot be read, or has another number of lines than the test set.
        EvaluationError: the metrics cannot be had, or fail.
    """
    pairs = test_set.pairs
    lines = lines_of(hypotheses, "--hypothesis")
    if len(lines) != len(pairs):
        raise CorpusError(
            f"--hypothesis: {hypotheses} has {len(lines):,} lines but the test set has {len(pairs):,} sentences; "
            "scoring needs one translation for each"
        )
    for metric in scoring.external:
        metric.require(any(pair.source for pair in pairs))
    scores = scoring.scores(lines, test_set, target_language)
    return Report(pairs, lines, scores, external=scoring.external_scores(lines, test_set))
