"""What is done to text before it is segmented, by SentencePiece's rules."""

import functools
import re

import sentencepiece

from translator.config.tokenizer import Normalization

# All that `keep` changes: characters that some programs take for line ends become spaces, control characters go.
KEPT_BUT = {chr(code): " " for code in (*range(0x09, 0x0E), 0x85, 0x2028, 0x2029)} | {
    chr(code): "" for code in (*range(0x01, 0x09), *range(0x0E, 0x20), *range(0x7F, 0x85), *range(0x86, 0xA0))
}

_SURROGATES = re.compile("[\ud800-\udfff]")


@functools.cache
def normalizer(normalization: Normalization) -> sentencepiece.SentencePieceNormalizer:
    """What makes text as a tokenizer with this normalization sees it, but for the space before a sentence."""
    sentencepiece.set_min_log_level(2)  # for this process
    rules = {"norm_map": list(KEPT_BUT.items())} if normalization == "keep" else {"rule_name": normalization}
    return sentencepiece.SentencePieceNormalizer(**rules, add_dummy_prefix=False, escape_whitespaces=False)


def writable(sentence: str) -> str:
    """The sentence with lone surrogates, which UTF-8 cannot encode, replaced."""
    return _SURROGATES.sub("\ufffd", sentence)
