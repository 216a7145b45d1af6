"""Translates and scores a test set, and keeps the report in the run folder."""

import dataclasses
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from translator.config.changes import changes
from translator.config.load import load_config
from translator.config.schema import Config
from translator.data.corpora.base import CorpusError, SentencePair
from translator.data.corpora.formats import read_all
from translator.data.corpora.lines import read_lines
from translator.decoding.options import ScoringEngine
from translator.decoding.translator import Translator
from translator.evaluation.scores import Scores, require_tokenizer, score
from translator.files import write_file
from translator.run_folder import RunError, RunFolder


@dataclass(frozen=True)
class Report:
    """How a model translates a test set."""

    pairs: Sequence[SentencePair]
    hypotheses: Sequence[str]
    scores: Scores
    seconds: float  # of translating, without loading the model
    hypothesis_tokens: int  # subwords
    nll: float | None = None  # of the first references, in nats a token; None if the engine only searches
    nll_seconds: float = 0.0  # that it took to find that out

    @property
    def perplexity(self) -> float | None:
        """The exponential of `nll`."""
        return None if self.nll is None else math.exp(min(self.nll, 700.0))

    @property
    def figures(self) -> dict[str, Any]:
        """What `eval --json` prints."""
        return dataclasses.asdict(self.scores) | {
            "sentences": len(self.hypotheses),
            "seconds": self.seconds,
            "hypothesis_tokens": self.hypothesis_tokens,
            "nll": self.nll,
            "perplexity": self.perplexity,
        }

    @classmethod
    def read(cls, folder: Path) -> "Report | None":
        """What `write` wrote; None where there is none, or not all of it."""
        try:
            figures = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
            columns = [
                (folder / name).read_text(encoding="utf-8").split("\n")[:-1]
                for name in ("source.txt", "reference.txt", "hypothesis.txt")
            ]
            sources, references, hypotheses = columns
            pairs = list(map(SentencePair, sources, references))
            scores = Scores(**{field.name: figures[field.name] for field in dataclasses.fields(Scores)})
            numbers = figures["seconds"], figures["hypothesis_tokens"], figures.get("nll")
            return cls(pairs, hypotheses, scores, *numbers)
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


# Sources, each with its first reference; and lists of further references of all.
TestSet = tuple[list[SentencePair], list[list[str]]]


def read_test_files(source: Path, references: Sequence[Path]) -> TestSet:
    """Reads sentences with their references, line by line; further references are returned separately.

    Raises:
        CorpusError: a file cannot be read, or has another number of lines than `source`; names its option.
    """
    sources = _lines_of(source, "--source")
    targets = [_lines_of(reference, "--reference") for reference in references]
    for path, lines in zip(references, targets, strict=True):
        if len(lines) != len(sources):
            raise CorpusError(
                f"--reference: {path} has {len(lines):,} lines but --source {source} has {len(sources):,}; "
                "scoring needs one reference line for each source line"
            )
    if not sources:
        raise CorpusError(f"--source: {source} has no line")
    return list(map(SentencePair, sources, targets[0])), targets[1:]


def evaluate_run(
    run: Path | str,
    translator: Translator | None = None,
    settings: Sequence[str] = (),
    test_set: TestSet | None = None,
    tokenize: str | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Translates and scores a test set with a run: what `translator eval` does, and training at its end.

    If nothing but the run is given, the report is its own and stays in its folder.

    Args:
        run: the run folder.
        translator: the run with another beam size, checkpoint or engine; by default with its own.
        settings: as `--set` takes them, for the run's own test set: `"data.root=…"` or `"data.test=…"`.
        test_set: in place of the run's own, as `read_test_files` gives it.
        tokenize: see `score`.
        on_progress: see `Translator.translate`.

    Raises:
        RunError: the folder is no run, or has no model yet; or its configuration names no test set.
        CorpusError: the test set cannot be read.
    """
    folder = RunFolder(Path(run))
    config = folder.load_config()
    is_own = translator is None and test_set is None and tokenize is None and not settings
    if settings:
        config = _with_other_test_set(folder, config, settings)
    if test_set is None and not config.data.test:
        raise RunError(f"{folder.config} names no data.test; give --source and --reference")
    if is_own:
        folder.require_own_files()
    pairs, more_references = test_set or (read_all(config.data.test or (), config.data), [])
    translator = translator or Translator.load(folder.path)
    report = evaluate(translator, pairs, config.data.target, on_progress, tokenize, more_references)
    if is_own:
        report.write(folder.report)
    return report


def _with_other_test_set(folder: RunFolder, config: Config, settings: Sequence[str]) -> Config:
    """The run's configuration with settings that say where its test set is; others would change nothing here."""
    changed = load_config(folder.config, settings)
    for change in changes(config, changed):
        if not change.key.startswith(("data.root", "data.test")):
            raise RunError(f"--set {change.key}: eval takes data.root and data.test; the rest is the run's own")
    return changed


def _lines_of(path: Path, option: str) -> list[str]:
    try:
        return list(read_lines(path))
    except CorpusError as error:
        raise CorpusError(f"{option}: {error}") from error


def evaluate(
    translator: Translator,
    pairs: Sequence[SentencePair],
    target_language: str,
    on_progress: Callable[[int, int], None] | None = None,
    tokenize: str | None = None,
    more_references: Sequence[Sequence[str]] = (),
) -> Report:
    """Translates every source and scores all against the references; none is dropped or reordered.

    The references are also read, for the loss that a validation has too.

    Args:
        translator: what is evaluated.
        pairs: sources, each with its first reference.
        target_language: see `score`, as `tokenize` and `more_references`.
        on_progress: see `Translator.translate`.
        tokenize: checked before anything is translated.
        more_references: further references of all sources.
    """
    if tokenize:
        require_tokenizer(tokenize)
    began = time.monotonic()
    hypotheses = translator.translate_text([pair.source for pair in pairs], on_progress=on_progress)
    seconds = time.monotonic() - began
    scores = score(hypotheses, [pair.target for pair in pairs], target_language, tokenize, more_references)
    tokens = sum(map(len, translator.target.encode(hypotheses)))
    began = time.monotonic()
    nll = _nll(translator, pairs)
    return Report(pairs, hypotheses, scores, seconds, tokens, nll, time.monotonic() - began)


def _nll(translator: Translator, pairs: Sequence[SentencePair]) -> float | None:
    """Negative log-likelihood of the references, whose positions are read all at once; no search."""
    if not isinstance(translator.engine, ScoringEngine):
        return None
    scored = translator.score([pair.source for pair in pairs], [pair.target for pair in pairs], first_line=None)
    tokens = sum(len(each.tokens) for each in scored)
    return -math.fsum(each.log_prob for each in scored) / tokens if tokens else None
