"""What is checked before training starts."""

import logging

import numpy as np

from translator.config.data import DataConfig
from translator.config.schema import Config
from translator.data.checks.blocks import SIDES
from translator.data.checks.corpora import check_corpora
from translator.data.checks.prepared import vocabulary_for
from translator.data.corpora.formats import open_corpora, read_all
from translator.data.inputs import changes_of, read_inputs, some_of
from translator.data.modifiers import Modifying
from translator.data.prepare import depended_on, present_inputs
from translator.data.store import TokenStore
from translator.data.tokenizer import Tokenizer
from translator.run_folder import RunFolder
from translator.vocabulary import UNK_ID

log = logging.getLogger(__name__)

FIRST_PAIRS = 5_000  # of each training corpus
COUNTED_TOGETHER = 2**24  # ids
MOST_UNKNOWN = 0.01  # of the tokens of a side
MOST_LOST = 0.1  # of the pairs that a modifier changes


def require_evaluation_corpora(data: DataConfig) -> None:
    """Reads the validation and test corpora to their end, so that an error in them is reported before training.

    Raises:
        CorpusError: One of them cannot be read, or has no pair.
    """
    for corpora in (data.validation, data.test):
        if corpora:
            read_all(corpora, data)


def warn_of_trouble(config: Config, run: RunFolder) -> None:
    """Checks the evaluation sets and the first pairs of training, and warns of what is found, a line for each finding.

    A run that has a vocabulary has been checked, but for files that have changed since, which are named.

    Raises:
        RunError: They may not change (`data.on_change`).
    """
    if run.tokenizer("source").is_file():
        inputs = present_inputs(open_corpora(config.data.train, config.data), config, run)
        if not (changed := changes_of(*(depended_on(each, config, run) for each in (read_inputs(run), inputs)))):
            return
        remedy = "" if run.is_trained else f"; delete {run.path} to learn it again"
        log.warning("data.train: %s since the vocabulary was learned, which is kept%s", some_of(changed), remedy)
    report = check_corpora(config, first=FIRST_PAIRS, vocabulary=vocabulary_for(config, run))
    for finding in report.findings:
        if finding.severity != "note" and finding.kind != "unreadable":  # which preparing ends with
            first = f"; the first: {finding.examples[0].place}" if finding.examples else ""
            log.warning("%s: %s%s", finding.corpus, finding.message, first)


def warn_of_unknown(config: Config, store: TokenStore) -> None:
    """Warns of a training corpus many of whose characters the vocabulary lacks, a line for each side."""
    remedy = "raise tokenizer.extend_by" if config.train.init_from else "take another, or tokenizer.byte_fallback"
    for name, side in zip(SIDES, (store.source, store.target), strict=True):
        parts = range(0, len(side.ids), COUNTED_TOGETHER)
        unknown = sum(np.count_nonzero(side.ids[start : start + COUNTED_TOGETHER] == UNK_ID) for start in parts)
        share = unknown / max(1, len(side.ids))
        if share > MOST_UNKNOWN:
            log.warning(
                "data.train: %.1f%% of the %s tokens are unknown, as the vocabulary lacks their characters, which "
                "`translator check` names; %s",
                100 * share, name, remedy,
            )  # fmt: skip


def warn_of_lost_modifiers(config: Config, tokenizers: tuple[Tokenizer, Tokenizer], store: TokenStore) -> None:
    """Warns of modifiers of training pairs that have no effect, or none on many pairs, a line for each."""
    remedy = (
        "set tokenizer.extend_by, which adds them"
        if config.train.init_from
        else "take one that has them, or with tokenizer.byte_fallback"
    )
    for name, (changed, lost) in Modifying(store, tokenizers, config.data.modifiers).effects().items():
        if not changed:
            log.warning("data.modifiers.%s changes no pair of this corpus; leave it out", name)
        elif lost > MOST_LOST * changed:
            log.warning(
                "data.modifiers.%s: %.0f%% of the pairs that it is to change stay as they are, since the vocabulary "
                "lacks characters that it brings; %s",
                name, 100 * lost / changed, remedy,
            )  # fmt: skip
