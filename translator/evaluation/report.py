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

from translator.config.changes import changes
from translator.config.data import DataConfig
from translator.config.load import load_config
from translator.config.schema import Config
from translator.data.corpora.base import CorpusError, SentencePair
from translator.data.corpora.formats import read_by_pair
from translator.data.corpora.lines import read_lines
from translator.decoding.language_choice import require_language
from translator.evaluation.bootstrap import SAMPLES
from translator.evaluation.external import ExternalMetric, ExternalScore
from translator.evaluation.scores import Scores, score
from translator.files import read_file, write_file
from translator.languages import LanguagePair
from translator.run_folder import RunError, RunFolder

# Sources, each with its first reference; and lists of further references of all.
TestSet = tuple[list[SentencePair], list[list[str]]]


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
        pairs, more = test_set
        references = [pair.target for pair in pairs]
        return score(hypotheses, references, target_language, self.tokenize, more, self.samples)

    def external_scores(self, hypotheses: Sequence[str], test_set: TestSet) -> list[ExternalScore]:
        """Scores them by the metrics of other programs.

        Raises:
            EvaluationError: one fails.
        """
        pairs, more = test_set
        sources, references = [pair.source for pair in pairs], [pair.target for pair in pairs]
        return [each.score(sources, hypotheses, [references, *more], self.samples) for each in self.external]


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
            each[0].scores if len(each) == 1 else scoring.scores(hypotheses, (pairs, []), data.target),
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
            figures = json.loads(read_file(folder / "scores.json"))
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
        write_file(folder / "scores.json", f"{json.dumps(self.figures, indent=1)}\n".encode())


def _from(kind: type[Any], figures: Mapping[str, Any]) -> Any:
    """A dataclass from a JSON object, which may lack fields with a default; else it is a TypeError."""
    return kind(**{field.name: figures[field.name] for field in dataclasses.fields(kind) if field.name in figures})


def score_file(hypotheses: Path, test_set: TestSet, target_language: str, scoring: Scoring = PLAIN) -> Report:
    """Scores a file of translations, one a line: what `translator eval --hypothesis` does.

    Raises:
        CorpusError: the file cannot be read, or has another number of lines than the test set.
        EvaluationError: the metrics cannot be had, or fail.
    """
    pairs, _ = test_set
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


def read_test_files(source: Path | None, references: Sequence[Path]) -> TestSet:
    """Reads sentences with their references, line by line; further references are returned separately.

    Without `source` the sentences are empty.

    Raises:
        CorpusError: a file cannot be read, or has another number of lines than the first; names its option.
    """
    targets = [lines_of(reference, "--reference") for reference in references]
    sources = [""] * len(targets[0]) if source is None else lines_of(source, "--source")
    first = f"--reference {references[0]}" if source is None else f"--source {source}"
    for path, lines in zip(references, targets, strict=True):
        if len(lines) != len(sources):
            raise CorpusError(
                f"--reference: {path} has {len(lines):,} lines but {first} has {len(sources):,}; "
                f"scoring needs one reference line for each {'other' if source is None else 'source line'}"
            )
    if not sources:
        raise CorpusError(f"{first.replace(' ', ': ', 1)} has no line")
    return list(map(SentencePair, sources, targets[0])), targets[1:]


def own_test_set(folder: RunFolder, settings: Sequence[str] = (), to: str | None = None) -> dict[LanguagePair, TestSet]:
    """A run's own test set, by its languages.

    Args:
        folder: of the run.
        settings: as `--set` takes them: `"data.root=…"` or `"data.test=…"`.
        to: the target language of those that are read; None for all.

    Raises:
        RunError: the folder is no run; its configuration names no test set, or none into `to`, or `settings` more than
            that.
        OptionsError: the run does not translate into `to`.
        CorpusError: the test set cannot be read.
    """
    config = folder.load_config()
    if settings:
        config = _with_other_test_set(folder, config, settings)
    if to is not None:
        require_language(to, config.data.targets)
    if not config.data.test:
        raise RunError(f"{folder.config} names no data.test; give --source and --reference")
    wanted = [corpus for corpus in config.data.test if to in (None, config.data.pair_of(corpus).target)]
    if not wanted:
        raise RunError(f"{folder.config} names no data.test into {to!r:.60}; give --source and --reference")
    return {pair: (read, []) for pair, read in read_by_pair(wanted, config.data).items()}


def only_pair(test_sets: Mapping[LanguagePair, TestSet], run: RunFolder) -> tuple[LanguagePair, TestSet]:
    """The test set of a run, if that is of one pair of languages; else a RunError."""
    if len(test_sets) > 1:
        pairs = ", ".join(map(str, test_sets))
        raise RunError(
            f"{run.path} has test sets of {pairs}, and this takes one pair of languages: give its --source, "
            "--reference and --to"
        )
    ((pair, test_set),) = test_sets.items()
    return pair, test_set


def _with_other_test_set(folder: RunFolder, config: Config, settings: Sequence[str]) -> Config:
    """The run's configuration with settings that say where its test set is; others would change nothing here."""
    changed = load_config(folder.config, settings)
    for change in changes(config, changed):
        if not change.key.startswith(("data.root", "data.test")):
            raise RunError(f"--set {change.key}: eval takes data.root and data.test; the rest is the run's own")
    return changed


def lines_of(path: Path, option: str) -> list[str]:
    """The lines of a text file; an error names the option that has given it."""
    try:
        return list(read_lines(path))
    except CorpusError as error:
        raise CorpusError(f"{option}: {error}") from error
