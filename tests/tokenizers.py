"""Tokenizers for tests."""

from collections.abc import Iterable

from translator.config.tokenizer import Normalization, TokenizerConfig
from translator.data.learning import train_tokenizer
from translator.data.tokenizer import Tokenizer


def tokenizer_of(
    sentences: Iterable[str], config: TokenizerConfig, normalization: Normalization = "nmt_nfkc"
) -> Tokenizer:
    """Trained on sentences that it sees through its own normalisation."""
    texts = ((sentence, normalization) for sentence in sentences)
    return train_tokenizer(texts, config).with_normalization(normalization)
