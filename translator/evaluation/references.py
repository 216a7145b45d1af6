"""Test sets: sentences with their references, from files or as the configuration of a run names them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from translator.config.changes import changes
from translator.config.load import load_config
from translator.config.schema import Config
from translator.data.corpora.base import CorpusError, SentencePair
from translator.data.corpora.formats import read_by_pair
from translator.data.corpora.lines import read_lines
from translator.decoding.language_choice import require_language
from translator.languages import LanguagePair
from translator.run_folder import RunError, RunFolder


class TestSet(NamedTuple):
    """Sentences, each with one reference or several.

    Attributes:
        pairs: sources, each with its first reference.
        more: lists of further references of all.
    """

    pairs: Sequence[SentencePair]
    more: Sequence[Sequence[str]] = ()

    @property
    def sources(self) -> list[str]:
        """What is translated."""
        return [pair.source for pair in self.pairs]

    @property
    def references(self) -> list[Sequence[str]]:
        """Lists of references of all, the first ones first."""
        return [[pair.target for pair in self.pairs], *self.more]


def read_test_files(source: Path | None, references: Sequence[Path]) -> TestSet:
    """Reads sentences with their references, line by line; the first references are those of the pairs.

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
    return TestSet(list(map(SentencePair, sources, targets[0])), targets[1:])


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
    return {pair: TestSet(read) for pair, read in read_by_pair(wanted, config.data).items()}


def only_pair(test_sets: Mapping[LanguagePair, TestSet], run: RunFolder) -> tuple[LanguagePair, TestSet]:
    """The test set of a run, if that is of one pair of languages; else a RunError."""
    if len(test_sets) > 1:
        pairs, targets = ", ".join(map(str, test_sets)), {pair.target for pair in test_sets}
        files = "its --source, --reference and --to"
        raise RunError(
            f"{run.path} has test sets of {pairs}, and this takes one pair of languages: give "
            + (files if len(targets) == 1 else f"--to; where that leaves several, {files}")
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
