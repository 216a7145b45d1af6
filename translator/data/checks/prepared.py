"""The vocabulary and the encoded corpus of a run, as far as they are those of a configuration."""

import logging

from translator.config.schema import Config
from translator.data.checks.vocabulary import Vocabulary
from translator.data.corpora.formats import open_corpora
from translator.data.inherited import base_tokenizers
from translator.data.inputs import inputs_of, read_inputs
from translator.data.prepare import adopt_tokenizers, fingerprint_of, load_tokenizers
from translator.data.store import TokenStore, open_store
from translator.run_folder import RunFolder

log = logging.getLogger(__name__)


def prepared_for(config: Config, folder: RunFolder) -> tuple[Vocabulary, TokenStore | None]:
    """What `prepare` would find in a run folder: its vocabulary and store, without what is of another configuration.

    Of a vocabulary that is still to be made, this is what is known. What is left out is logged, in one line.
    """
    if changed := folder.changed_since_vocabulary(config):
        log.warning(
            "%s is of another configuration: %s; its vocabulary and its encoded corpus are not looked at",
            folder.path, "; ".join(map(str, changed)),
        )  # fmt: skip
        return _to_be_made(config), None
    vocabulary = vocabulary_for(config, folder)
    if not vocabulary.tokenizers or not (store := open_store(folder.data, None)):
        return vocabulary, None
    inputs = inputs_of(open_corpora(config.data.train, config.data), read_inputs(folder))
    if store.fingerprint != fingerprint_of(config, vocabulary.tokenizers, inputs):
        log.warning("%s is of other files than those of data.train; its batches are not looked at", folder.data)
        return vocabulary, None
    return vocabulary, store


def vocabulary_for(config: Config, folder: RunFolder) -> Vocabulary:
    """The vocabulary of a run of this configuration: that which it has, or what is known of the one to be made."""
    if folder.tokenizer("source").is_file() and folder.tokenizer("target").is_file():
        return Vocabulary(config.tokenizer, load_tokenizers(folder))
    return _to_be_made(config)


def _to_be_made(config: Config) -> Vocabulary:
    """What is known of the vocabulary of a run that has none."""
    settings = config.tokenizer
    if config.train.init_from:
        return Vocabulary(settings, base_tokenizers(config), settings.extend_by)
    return Vocabulary(settings, adopt_tokenizers(config) if settings.model else None)
