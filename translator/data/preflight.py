"""What is checked before training starts."""

import logging

from translator.config.data import DataConfig
from translator.config.schema import Config
from translator.data.checks.corpora import check_corpora, run_tokenizers
from translator.data.corpora.formats import read_all
from translator.data.modifiers import Modifying
from translator.data.store import TokenStore
from translator.data.tokenizer import Tokenizer
from translator.run_folder import RunFolder

log = logging.getLogger(__name__)

FIRST_PAIRS = 5_000  # of each training corpus
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

    A run whose corpus has been encoded has been checked.
    """
    if run.data.is_dir():
        return
    report = check_corpora(config, first=FIRST_PAIRS, tokenizers=run_tokenizers(config, run))
    for finding in report.findings:
        if finding.severity != "note" and finding.kind != "unreadable":  # which preparing ends with
            first = f"; the first: {finding.examples[0].place}" if finding.examples else ""
            log.warning("%s: %s%s", finding.corpus, finding.message, first)


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
