"""From run folders and files of translations to what is compared; and the last run on the same test set."""

import contextlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from translator.config.data import DataConfig
from translator.data.corpora.base import CorpusError
from translator.data.corpora.formats import files_of, open_corpora
from translator.data.corpora.lines import read_lines
from translator.data.words import words_of
from translator.errors import own_command, shell_quoted
from translator.evaluation.comparison import System, SystemComparison, compare, compared_metrics
from translator.evaluation.metrics import CHRF2, bleu
from translator.evaluation.references import TestSet, lines_of, read_test_files
from translator.evaluation.report import Report
from translator.languages import LanguagePair, writes_no_spaces
from translator.run_folder import RunError, RunFolder

MOST_COUNTED = 1_000_000  # training pairs whose words are counted


@dataclass(frozen=True)
class Given:
    """What is compared, as the command line names it.

    Attributes:
        paths: run folders, each with a report, or files of translations; the first is the baseline.
        source: the test set's sentences, where no run has them.
        references: of the test set, in place of the runs' own.
        language: the target, where no run says it.
        training: the target side of the training corpus, in place of the first run's.
    """

    paths: Sequence[Path]
    source: Path | None = None
    references: Sequence[Path] = ()
    language: str | None = None
    training: Path | None = None


def compare_given(given: Given, tokenize: str | None = None) -> SystemComparison:
    """What `translator compare` does.

    Raises:
        RunError: a run has no report, or another test set; something is missing.
        CorpusError: a file cannot be read, or has too few lines or too many.
        EvaluationError: no such tokenizer.
    """
    if len(given.paths) < 2:
        raise RunError("name two systems or more: runs, or files of translations")
    runs = _of_one_test_set({path: _report_of(path) for path in given.paths if path.is_dir()})
    test_set = _test_set(given, runs)
    configs = [RunFolder(path).load_config().data for path in runs]
    source_language, language = _languages(next(iter(runs.values())), configs[0]) if configs else ("", None)
    language = given.language or language
    if language is None:
        raise RunError("which language is it? It decides how words are found: give --language, as in --language de")
    systems = [
        System(name, runs[path].hypotheses if path in runs else _translations(path, len(test_set.pairs)))
        for name, path in zip(_names(given.paths), given.paths, strict=True)
    ]
    frequencies, notes = _frequencies(given, configs[0] if configs else None, language)
    return compare(systems, test_set, (source_language, language), tokenize, frequencies, notes)


def files_read(given: Given) -> list[Path]:
    """The files that `compare_given` reads, as far as the options and the runs name them."""
    runs = [RunFolder(path) for path in given.paths if path.is_dir()]
    named = [*given.paths, *filter(None, (given.source, given.training)), *given.references]
    own = [path for run in runs for path in (run.config, *run.report.glob("*.txt"), run.scores)]
    data = runs[0].load_config().data if runs and not given.training else None
    return [*named, *own, *(files_of(data.train, data) if data else ())]


def _report_of(path: Path) -> Report:
    data = RunFolder(path).load_config().data
    report = Report.read(RunFolder(path).report)
    if report is None and not data.test:
        raise RunError(
            f"{path} has no report, since its configuration names no data.test; translate a test set with it "
            "(`translator translate`), and compare the file with --reference"
        )
    if report is None:
        raise RunError(f"{path} has no report; score it first:  {own_command()} eval {shell_quoted(path)}")
    return report


def _of_one_test_set(runs: dict[Path, Report]) -> dict[Path, Report]:
    """The reports; of one of several pairs of languages, where others are of one test set, the part that is of that."""
    test_sets = {report.test_set for report in runs.values() if len(report.of_pairs) < 2}

    def part(report: Report) -> Report:
        parts = (report.part(each.languages) for each in report.of_pairs)
        return next((each for each in parts if each and {each.test_set} == test_sets), report)

    return {path: part(report) for path, report in runs.items()}


def _languages(report: Report, data: DataConfig) -> LanguagePair:
    """Those of the first sentences of a report."""
    return report.languages(LanguagePair(data.source, data.target))[0]


def _test_set(given: Given, runs: dict[Path, Report]) -> TestSet:
    """The references, and that every run has been scored on these sentences."""
    if given.references:
        test_set = read_test_files(given.source, given.references)
        for path, report in runs.items():
            if len(report.pairs) != len(test_set.pairs):
                raise RunError(
                    f"{path} was scored on {len(report.pairs):,} sentences, but --reference {given.references[0]} has "
                    f"{len(test_set.pairs):,} lines"
                )
        return test_set
    if not runs:
        raise RunError("files of translations need --reference, unless a run is compared with them")
    if given.source:
        raise RunError("--source goes with --reference: the sentences, and what they should become")
    (first, report), *others = runs.items()
    for path, other in others:
        if other.test_set != report.test_set:
            raise RunError(
                f"{path} was scored on another test set than {first}; translate the same sentences with both "
                "(`translator translate`), and compare the two files with --reference"
            )
    return TestSet(report.pairs)


def _translations(path: Path, sentences: int) -> list[str]:
    lines = list(read_lines(path))
    if len(lines) != sentences:
        raise CorpusError(f"{path} has {len(lines):,} lines but the test set has {sentences:,} sentences")
    return lines


def _names(paths: Sequence[Path]) -> list[str]:
    """The shortest ends of paths that tell them apart; a path that is named twice has a number."""
    parts = [path.resolve().parts for path in paths]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(each[-length:]) for each in parts]
        if len(set(names)) == len(set(parts)):
            break
    seen: Counter[str] = Counter()
    numbered = []
    for name in names:
        seen[name] += 1
        numbered.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return numbered


def _frequencies(given: Given, data: DataConfig | None, language: str) -> tuple[Counter[str] | None, list[str]]:
    """How often the training corpus has each word in lower case; or why that is not known."""
    spaceless = writes_no_spaces(language)
    if given.training:
        lines = lines_of(given.training, "--training")
        return Counter(word for line in lines for word in _words(line, spaceless)), []
    if data is None:
        return None, ["No table by frequency: name the training corpus' target side with --training."]
    words: Counter[str] = Counter()
    pairs = 0
    try:
        into = [corpus for corpus in data.train if data.pair_of(corpus).target == language]
        for corpus in open_corpora(into or data.train, data):
            with contextlib.closing(corpus.pairs()) as corpus_pairs:
                for pair in corpus_pairs:
                    if pairs == MOST_COUNTED:
                        return words, [f"Frequencies are those of the first {MOST_COUNTED:,} training pairs."]
                    words.update(_words(pair.target, spaceless))
                    pairs += 1
    except CorpusError as error:
        return None, [f"No table by frequency: the training corpus cannot be read ({error})."]
    return words, []


def _words(line: str, spaceless: bool) -> list[str]:
    return [word.text for word in words_of(line.lower(), spaceless)]


def compared_with_last(run: RunFolder, report: Report, target_language: str) -> str | None:
    """One line about a run beside the last one in the same folder that was scored on the same test set.

    Args:
        run: which has just been scored.
        report: its own.
        target_language: of both.

    Returns:
        None if there is no such run.
    """
    last = _last(run.path, report.test_set)
    if last is None:
        return None
    path, other = last
    references = [[pair.target for pair in report.pairs]]
    metrics = {"bleu": bleu(target_language), "chrf": CHRF2}
    counted = [
        {key: metric.count(lines, references) for key, metric in metrics.items()}
        for lines in (other.hypotheses, report.hypotheses)
    ]
    figures = [f"{metric.name} {metric.differences[0]}" for metric in compared_metrics(counted).values()]
    return (
        f"beside {path}, the last run on this test set: {'; '.join(figures)}. "
        f"More:  {own_command()} compare {shell_quoted(path)} {shell_quoted(run.path)}"
    )


def _last(own: Path, test_set: str) -> tuple[Path, Report] | None:
    """The run beside `own` that was scored last on a test set, and its report."""
    scored: list[tuple[float, Path]] = []
    folder = own.parent if own.name not in ("", "..") else own.resolve().parent
    for path in folder.iterdir():
        scores = RunFolder(path).scores
        with contextlib.suppress(OSError):
            if scores.is_file() and not path.samefile(own):
                scored.append((scores.stat().st_mtime, path))
    for _, path in sorted(scored, reverse=True):
        report = Report.read(RunFolder(path).report)
        if report is not None and report.test_set == test_set:
            return path, report
    return None
