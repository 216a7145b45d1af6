"""The corpora of a configuration past all checks."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from translator.config.corpora import CorpusConfig
from translator.config.data import DataConfig
from translator.config.schema import Config
from translator.data.checks.batches import batch_shapes
from translator.data.checks.blocks import Block, Section, blocks_of
from translator.data.checks.duplicates import Duplicates
from translator.data.checks.findings import Check, Finding, named
from translator.data.checks.languages import Languages, LanguageStatistics
from translator.data.checks.leftovers import Leftovers
from translator.data.checks.lengths import LengthRatios
from translator.data.checks.overlap import Overlap
from translator.data.checks.report import CheckedCorpus, CheckReport
from translator.data.checks.shifts import Shifts
from translator.data.checks.sides import BlankSides, EqualSides
from translator.data.checks.vocabulary import MissingCharacters, Vocabulary
from translator.data.corpora.base import Corpus, CorpusError, FirstPairs
from translator.data.corpora.formats import by_pair, open_corpora
from translator.data.store import TokenStore
from translator.languages import LanguagePair
from translator.progress import Show, show_nothing


def check_corpora(
    config: Config,
    *,
    first: int | None = None,
    vocabulary: Vocabulary | None = None,
    store: TokenStore | None = None,
    show: Show = show_nothing,
) -> CheckReport:
    """Reads the corpora of a configuration once, and reports what is wrong with them.

    Evaluation sets are held in memory. Training streams past; 8 bytes for each of its pairs are kept, and some 20 for
    each that is repeated.

    Args:
        config: The configuration.
        first: How many pairs of each training corpus are read; all by default.
        vocabulary: That of the run (see `prepared_for`); by default one that is still to be learned.
        store: The encoded training corpus, if the run has it already.
        show: Told about progress.
    """
    reading, data = _Reading(show), config.data
    vocabulary = vocabulary or Vocabulary(config.tokenizer)
    # A part of training does not tell which characters the vocabulary will have.
    of_all: list[Check] = [MissingCharacters(vocabulary)] if vocabulary.is_known or first is None else []
    found, languages = [], defaultdict[str, LanguageStatistics](LanguageStatistics)
    for pair in by_pair((*data.train, *data.validation, *(data.test or ())), data):
        found += _checked(data, pair, first, reading, of_all, languages)
    found += [finding for check in of_all for finding in check.findings()]
    return CheckReport.of(reading.corpora, reading.findings + found, batch_shapes(config, store) if store else None)


def _checked(
    data: DataConfig,
    pair: LanguagePair,
    first: int | None,
    reading: "_Reading",
    of_all: Sequence[Check],
    languages: Mapping[str, LanguageStatistics],
) -> list[Finding]:
    """What is found in the corpora of one pair of languages.

    The checks of all pairs look at them too, and what the sides of a pair tell of their languages is known to the next.
    """

    def opened(corpora: Iterable[CorpusConfig]) -> Sequence[Corpus]:
        return open_corpora((corpus for corpus in corpora if data.pair_of(corpus) == pair), data)

    evaluation = [
        *reading.blocks("validation", opened(data.validation)),
        *reading.blocks("test", opened(data.test or ())),
    ]
    training = opened(data.train)
    if first is not None:
        training = [FirstPairs(corpus, first) for corpus in training]
    own: list[Check] = [
        BlankSides(),
        EqualSides(),
        Shifts(),
        Languages(*pair, (languages[pair.source], languages[pair.target])),
        LengthRatios(),
        Leftovers(),
        Duplicates(),
        Overlap(evaluation),
    ]
    for block in itertools.chain(reading.blocks("train", training), evaluation):
        for check in [*own, *of_all]:
            check.look(block)
    return [finding for check in own for finding in check.findings()]


class _Reading:
    """Reads corpora, and notes how far that went."""

    def __init__(self, show: Show) -> None:
        self.corpora: list[CheckedCorpus] = []
        self.findings: list[Finding] = []
        self._show, self._done = show, 0

    def blocks(self, section: Section, corpora: Sequence[Corpus]) -> Iterator[Block]:
        """The blocks of corpora, each as far as it can be read; where one cannot, that is found."""
        for corpus in corpora:
            pairs, problem = 0, None
            try:
                for block in blocks_of(section, corpus):
                    pairs += len(block)
                    yield block
                    self._done += len(block)
                    self._show(self._done, what=f"checking {section}")
            except CorpusError as error:
                problem = str(error)
            if problem is None and not pairs:
                problem = f"{corpus.description}: there is no sentence pair"
            if problem is not None:
                self.findings.append(Finding("unreadable", "error", named(section, corpus), 1, 0, problem))
            self.corpora.append(CheckedCorpus(section, corpus.description, pairs))
