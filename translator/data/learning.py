"""Vocabularies of subwords, learned from sentences by SentencePiece's trainers."""

import io
import random
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import sentencepiece

from translator.config.tokenizer import Normalization, TokenizerConfig
from translator.data.corpora.base import SentencePair
from translator.data.normalization import normalizer, writable
from translator.data.tokenizer import Tokenizer, TokenizerError
from translator.languages import tag_of
from translator.vocabulary import BOS_ID, EOS_ID, PAD_ID, UNK_ID

# Training uses only the start of a line: this bounds memory, and SentencePiece silently skips long lines.
TRAINING_CHARACTERS = 4096
# Fixed, because it changes the result: sums are computed in this many parts, whatever the number of cores.
TRAINING_THREADS = 16

Kind = TypeVar("Kind")  # what a text is, such as how it is to be normalized


def train_tokenizer(
    texts: Iterable[tuple[str, Normalization]], config: TokenizerConfig, control: Sequence[str] = ()
) -> Tokenizer:
    """Learns a vocabulary from at most `config.training_sentences` sentences, drawn at random.

    The same texts and configuration give the same model bytes, on any number of cores.

    Args:
        texts: Sentences, each with the normalization to apply before training.
        config: `config.seed` decides which sentences are drawn.
        control: Subwords that stand for no text, behind the four special ones.

    Returns:
        A tokenizer with the normalization `keep`.

    Raises:
        TokenizerError: There is no text, or it cannot give `config.vocabulary_size` subwords.
    """
    sample = reservoir(texts, config.training_sentences, random.Random(config.seed))
    if not sample:
        raise TokenizerError("there is no text to learn a vocabulary from: all lines of the training corpus are blank")
    model = io.BytesIO()
    symbols = config.user_defined_symbols
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=(_normalized(text, normalization, symbols) for text, normalization in sample),
            model_writer=model,
            model_type=config.kind,
            vocab_size=config.vocabulary_size,
            character_coverage=config.character_coverage,
            byte_fallback=config.byte_fallback,
            control_symbols=list(control),
            user_defined_symbols=list(symbols),
            normalization_rule_name="identity",
            max_sentence_length=4 * TRAINING_CHARACTERS,  # bytes; UTF-8 takes four at most
            num_threads=TRAINING_THREADS,
            pad_id=PAD_ID,
            bos_id=BOS_ID,
            eos_id=EOS_ID,
            unk_id=UNK_ID,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise TokenizerError(_training_problem(str(error), config.vocabulary_size)) from error
    return Tokenizer(model.getvalue()).with_normalization("keep")


def train_tokenizers(
    pairs: Callable[[], Iterable[SentencePair]], config: TokenizerConfig, languages: Sequence[str]
) -> tuple[Tokenizer, Tokenizer]:
    """Learns the vocabulary of each side, or a joint one, and gives each side its normalization.

    Args:
        pairs: Reads the training pairs, once for a joint vocabulary and once for each side otherwise.
        config: Of both.
        languages: Of the target, if sources are to have tags for them.
    """
    one, other = config.normalizations
    tags = [tag_of(language) for language in languages]
    if config.joint:
        texts = (text for pair in pairs() for text in ((pair.source, one), (pair.target, other)))
        source = target = train_tokenizer(texts, config, tags)
    else:
        source = train_tokenizer(((pair.source, one) for pair in pairs()), config, tags)
        target = train_tokenizer(((pair.target, other) for pair in pairs()), config)
    return source.with_normalization(one), target.with_normalization(other)


def _normalized(text: str, normalization: Normalization, symbols: Sequence[str]) -> str:
    """A text as the tokenizer will see it: symbols stay as they are."""
    normalize = normalizer(normalization).Normalize
    if not symbols:
        return normalize(text)
    longest_first = sorted(symbols, key=len, reverse=True)
    parts = re.split(f"({'|'.join(map(re.escape, longest_first))})", text)
    return "".join(part if i % 2 else normalize(part) for i, part in enumerate(parts))


def reservoir(texts: Iterable[tuple[str, Kind]], size: int, generator: random.Random) -> list[tuple[str, Kind]]:
    """Draws `size` of the non-blank texts, each with what it is, with equal probability (algorithm R; Vitter, 1985)."""
    sample: list[tuple[str, Kind]] = []
    usable = (text for text in texts if text[0].strip())
    for count, (text, kind) in enumerate(usable, 1):
        place = count - 1 if count <= size else generator.randrange(count)
        if place < size:
            sample[place : place + 1] = [(writable(text[:TRAINING_CHARACTERS]), kind)]
    return sample


def _training_problem(message: str, asked: int) -> str:
    """The message for an error of SentencePiece's training, with what to do about it."""
    if largest := re.search(r"too high \(\d+\)\. Please set it to a value <= (\d+)", message):
        return (
            f"tokenizer.vocabulary_size {asked} is too large for this training corpus, which gives at most "
            f"{largest[1]} subwords; set it to {largest[1]} or less"
        )
    if smallest := re.search(r"smaller than required_chars\. \d+ vs (\d+)", message):
        return (
            f"tokenizer.vocabulary_size {asked} is too small for this training corpus, whose characters alone need "
            f"{smallest[1]}; set it to that or more, or tokenizer.character_coverage below 1"
        )
    return f"SentencePiece cannot learn a vocabulary from this training corpus: {message}"
