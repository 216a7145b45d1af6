"""Text to subword ids and back, by SentencePiece (Kudo and Richardson, 2018).

A tokenizer is its model's bytes: the same bytes give the same ids here and, inside a graph, in tensorflow-text.
"""

import io
import random
import re
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

import sentencepiece

from translator.config import TokenizerConfig
from translator.errors import TranslatorError

PAD_ID, BOS_ID, EOS_ID, UNK_ID = 0, 1, 2, 3

# Training looks at no more than the start of a line: memory stays bounded, and SentencePiece skips long lines silently.
TRAINING_CHARACTERS = 4096
# Part of what training computes, not of how fast: sums are added up in as many parts, whatever the number of cores.
TRAINING_THREADS = 16
# SentencePiece takes 2³² − 1 for "no seed" and goes on with the last one.
SEEDS = 2**32 - 1

_SURROGATES = re.compile("[\ud800-\udfff]")
# SentencePiece keeps one seed for the whole process.
_seeding = threading.Lock()


class TokenizerError(TranslatorError):
    """A tokenizer that cannot be read, or a vocabulary that cannot be learned from the corpus."""


class Tokenizer:
    """Splits sentences into subword ids and joins ids into sentences.

    Text is normalised on its way in, by SentencePiece's `nmt_nfkc`: compatibility characters become plain ones ("ﬁ" is
    "fi"), most control characters go, runs of whitespace become one space, and spaces at the ends go.
    `decode(encode(text))` is the text so normalised, but for characters that the vocabulary lacks: they become UNK_ID
    and come back as " ⁇ ". Markers such as "</s>" in a text are text. Half a surrogate pair, which UTF-8 cannot hold,
    is read as U+FFFD, which the normalisation makes a space.

    Attributes:
        model: The serialised SentencePiece model.
        vocabulary_size: Subwords, special ones included; every id is below it.
    """

    def __init__(self, model: bytes):
        self.model = model
        self._processor = sentencepiece.SentencePieceProcessor()
        try:
            self._processor.LoadFromSerializedProto(model)
        except RuntimeError as error:
            raise TokenizerError(f"these {len(model)} bytes are not a SentencePiece model: {error}") from error
        ids = [getattr(self._processor, name)() for name in ("pad_id", "bos_id", "eos_id", "unk_id")]
        if ids != [PAD_ID, BOS_ID, EOS_ID, UNK_ID]:
            raise TokenizerError(
                f"the SentencePiece model has the ids {ids} for padding, begin, end and unknown; "
                f"needed are {[PAD_ID, BOS_ID, EOS_ID, UNK_ID]}"
            )
        self.vocabulary_size: int = self._processor.get_piece_size()

    @classmethod
    def load(cls, path: Path) -> "Tokenizer":
        """Reads a model file; a TokenizerError names it if it is missing or broken."""
        try:
            return cls(path.read_bytes())
        except OSError as error:
            raise TokenizerError(f"the tokenizer {path} cannot be read: {error.strerror}") from error
        except TokenizerError as error:
            raise TokenizerError(f"{path}: {error}") from error

    def save(self, path: Path) -> None:
        """Writes the model file, which every SentencePiece can load."""
        path.write_bytes(self.model)

    def encode(self, sentences: Sequence[str]) -> list[list[int]]:
        """The most probable ids of each sentence, without BOS and EOS."""
        return self._processor.encode([_writable(sentence) for sentence in sentences])

    def sample(self, sentences: Sequence[str], alpha: float, seed: int) -> list[list[int]]:
        """Ids of a segmentation drawn at random for each sentence: a pure function of the arguments.

        A unigram model draws each segmentation x with a probability ∝ P(x)^alpha (subword regularization; Kudo, 2018,
        §3): small values give more, and shorter, subwords. A BPE model skips each merge with probability alpha
        (BPE-dropout; Provilkov et al., 2020), so there it is large values that do.

        Args:
            sentences: They share one stream of random numbers, so what comes before a sentence matters to it.
            alpha: In [0, 1). 0 is off: the ids of `encode`.
            seed: Not negative; equal modulo 2³² − 1 is equal.
        """
        if alpha == 0.0:
            return self.encode(sentences)
        texts = [_writable(sentence) for sentence in sentences]
        with _seeding:
            sentencepiece.set_random_generator_seed(seed % SEEDS)
            # Given a list, the encoder works in a new thread of its own, whose generator starts from the seed.
            return self._processor.encode(texts, enable_sampling=True, alpha=alpha, nbest_size=-1, num_threads=1)

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """The sentences that the ids spell; PAD_ID, BOS_ID and EOS_ID spell nothing."""
        return self._processor.decode([list(map(int, row)) for row in ids])

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The subwords as written in the vocabulary, "▁" standing for a space before a word."""
        return [self._processor.id_to_piece(int(piece)) for piece in ids]


def train_tokenizer(sentences: Iterable[str], config: TokenizerConfig, seed: int) -> Tokenizer:
    """Learns a vocabulary from at most `config.training_sentences` sentences drawn at random.

    The same sentences, configuration and seed give the same model bytes, on any number of cores.

    Raises:
        TokenizerError: if there is no text, or its vocabulary cannot have `config.vocabulary_size` subwords.
    """
    sample = _reservoir(sentences, config.training_sentences, random.Random(seed))
    if not sample:
        raise TokenizerError("there is no text to learn a vocabulary from: the training corpus has only blank lines")
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sample),
            model_writer=model,
            model_type=config.kind,
            vocab_size=config.vocabulary_size,
            character_coverage=config.character_coverage,
            normalization_rule_name="nmt_nfkc",
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
    return Tokenizer(model.getvalue())


def _reservoir(sentences: Iterable[str], size: int, generator: random.Random) -> list[str]:
    """Draws `size` of the non-blank sentences, each with the same chance (algorithm R; Vitter, 1985)."""
    sample: list[str] = []
    texts = (sentence for sentence in sentences if sentence.strip())
    for count, text in enumerate(texts, 1):
        place = count - 1 if count <= size else generator.randrange(count)
        if place < size:
            sample[place : place + 1] = [_writable(text[:TRAINING_CHARACTERS])]
    return sample


def _training_problem(message: str, asked: int) -> str:
    """What to do about SentencePiece's complaint."""
    if largest := re.search(r"too high \(\d+\)\. Please set it to a value <= (\d+)", message):
        return (
            f"tokenizer.vocabulary_size {asked} is too large for this training corpus, which has {largest[1]} subwords "
            f"to give; set it to {largest[1]} or less"
        )
    if smallest := re.search(r"smaller than required_chars\. \d+ vs (\d+)", message):
        return (
            f"tokenizer.vocabulary_size {asked} is too small for this training corpus, whose characters alone need "
            f"{smallest[1]}; set it to that or more, or tokenizer.character_coverage below 1"
        )
    return f"SentencePiece cannot learn a vocabulary from this training corpus: {message}"


def _writable(sentence: str) -> str:
    """The sentence as UTF-8 can hold it: lone surrogates replaced."""
    return _SURROGATES.sub("\ufffd", sentence)
