"""Text to subword ids and back, by SentencePiece (Kudo and Richardson, 2018).

A tokenizer is its model's bytes: the same bytes give the same ids here and, inside a graph, in tensorflow-text.
"""

import io
import itertools
import math
import random
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import sentencepiece

from translator.config import TokenizerConfig
from translator.errors import TranslatorError
from translator.files import read_file

PAD_ID, BOS_ID, EOS_ID, UNK_ID = 0, 1, 2, 3

# Training looks at no more than the start of a line: memory stays bounded, and SentencePiece skips long lines silently.
TRAINING_CHARACTERS = 4096
# Part of what training computes, not of how fast: sums are added up in as many parts, whatever the number of cores.
TRAINING_THREADS = 16
# Likeliest segmentations that sampling draws from (l of Kudo, 2018, §3.1).
NBEST = 64
WORD_START = "▁"

_SURROGATES = re.compile("[\ud800-\udfff]")


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
        try:
            self.pieces(range(self.vocabulary_size))
            self.decode([[UNK_ID]])
        except UnicodeDecodeError as error:
            raise TokenizerError(f"the SentencePiece model has a subword that is not UTF-8: {error}") from error
        self._scores = np.array([self._processor.get_score(id_) for id_ in range(self.vocabulary_size)])
        try:
            self._processor.nbest_encode("", nbest_size=1)
            self._is_unigram = True
        except RuntimeError:  # only a unigram model can
            self._is_unigram = False

    @classmethod
    def load(cls, path: Path) -> "Tokenizer":
        """Reads a model file; a TokenizerError names it if it is missing or broken."""
        try:
            return cls(read_file(path))
        except OSError as error:
            raise TokenizerError(f"the tokenizer {path} cannot be read: {error.strerror}") from error
        except TokenizerError as error:
            raise TokenizerError(f"{path}: {error}") from error

    def save(self, path: Path) -> None:
        """Writes the model file, which every SentencePiece can load."""
        path.write_bytes(self.model)

    def encode(self, sentences: Sequence[str], threads: int = -1) -> list[list[int]]:
        """The most probable ids of each sentence, without BOS and EOS; on all cores, or on so many."""
        return self._processor.encode([_writable(sentence) for sentence in sentences], num_threads=threads)

    def sample(self, sentences: Sequence[str], alpha: float, seed: int) -> list[list[int]]:
        """Ids of a segmentation drawn at random for each sentence: a pure function of the arguments.

        A unigram model draws one x of its `NBEST` likeliest segmentations with a probability ∝ P(x)^alpha (subword
        regularization; Kudo, 2018, §3): small values give more, and shorter, subwords. A BPE model skips each merge
        with probability alpha (BPE-dropout; Provilkov et al., 2020), so there it is large values that do.

        SentencePiece's own sampling is of no use here: its draws differ between processes, whatever the seed.

        Args:
            sentences: They share one stream of random numbers, so what comes before a sentence matters to it.
            alpha: In [0, 1). 0 is off: the ids of `encode`.
            seed: Not negative.
        """
        if alpha == 0.0:
            return self.encode(sentences)
        generator = np.random.default_rng(seed)
        texts = [_writable(sentence) for sentence in sentences]
        if self._is_unigram:
            return [
                self._draw(segmentations, alpha, generator)
                for segmentations in self._processor.nbest_encode(texts, nbest_size=NBEST)
            ]
        return [self._merge(pieces, alpha, generator) for pieces in self._processor.encode(texts, out_type=str)]

    def _draw(self, segmentations: list[list[int]], alpha: float, generator: np.random.Generator) -> list[int]:
        """One of several segmentations, by their probability to the power of alpha (Gumbel's trick)."""
        log_probs = np.array([self._scores[ids].sum() for ids in segmentations])
        return segmentations[int(np.argmax(alpha * log_probs + generator.gumbel(size=len(segmentations))))]

    def _merge(self, pieces: list[str], dropout: float, generator: np.random.Generator) -> list[int]:
        """Byte-pair encoding of a segmented sentence from its characters up, each merge skipped by chance."""
        merged: list[int] = []
        for word in re.findall(f"{WORD_START}?[^{WORD_START}]+|{WORD_START}", "".join(pieces)):
            symbols = list(word)
            while True:
                pairs = [(self._rank(a + b), i) for i, (a, b) in enumerate(itertools.pairwise(symbols))]
                kept = generator.random(len(pairs)) >= dropout
                best = min((pair for pair, keep in zip(pairs, kept, strict=True) if keep), default=(math.inf, 0))
                if best[0] == math.inf:
                    break
                symbols[best[1] : best[1] + 2] = [symbols[best[1]] + symbols[best[1] + 1]]
            merged += (self._processor.piece_to_id(symbol) for symbol in symbols)
        return merged

    def _rank(self, piece: str) -> float:
        """How early BPE made a piece; infinite for what is none."""
        id_ = self._processor.piece_to_id(piece)
        return math.inf if id_ == UNK_ID else -float(self._scores[id_])

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """The sentences that the ids spell, a line each; PAD_ID, BOS_ID and EOS_ID spell nothing."""
        # No text of ours has given a subword with a line's end, but the model may be another's.
        return [text.replace("\n", " ") for text in self._processor.decode([list(map(int, row)) for row in ids])]

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
