"""Translations of a test set with their scores: what a run's folder keeps, and what files of translations give."""

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from translator.config.changes import changes
from translator.config.load import load_config
from translator.config.schema import Config
from translator.data.corpora.base import CorpusError, SentencePair
from translator.data.corpora.formats import read_all
from translator.data.corpora.lines import read_lines
from translator.evaluation.bootstrap import SAMPLES
from translator.evaluation.external import ExternalMetric, ExternalScore
from translator.evaluation.scores import Scores, score
from translator.files import read_file, write_file
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
        return dataclasses.asdict(self.scores) | {
            "sentences": len(self.hypotheses),
            "seconds": self.seconds,
            "hypothesis_tokens": self.hypothesis_tokens,
            "nll": self.nll,
            "perplexity": self.perplexity,
            "external": [dataclasses.asdict(each) for each in self.external],
            "test_set": self.test_set,
        }

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
            return cls(pairs, hypotheses, _from(Scores, figures), *numbers, external=external)
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


def own_test_set(folder: RunFolder, settings: Sequence[str] = ()) -> TestSet:
    """A run's own test set.

    Args:
        folder: of the run.
        settings: as `--set` takes them: `"data.root=…"` or `"data.test=…"`.

    Raises:
        RunError: the folder is no run; its configuration names no test set, or `settings` more than that.
        CorpusError: the test set cannot be read.
    """
    config = folder.load_config()
    if settings:
        config = _with_other_test_set(folder, config, settings)
    if not config.data.test:
        raise RunError(f"{folder.config} names no data.test; give --source and --reference")
    return read_all(config.data.test, config.data), []


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
