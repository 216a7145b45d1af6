"""Text to subword ids and back, by SentencePiece (Kudo and Richardson, 2018).

A tokenizer is determined by the bytes of its model: they give the same ids here and, in a graph, in tensorflow-text.
Normalization is part of the model. So with a joint vocabulary and a different normalization for each side, there are
two models with the same subwords.
"""

import functools
import io
import itertools
import math
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import sentencepiece
from google.protobuf.message import DecodeError
from sentencepiece import sentencepiece_model_pb2

from translator.config.schema import Normalization, TokenizerConfig
from translator.errors import TranslatorError
from translator.files import read_file, write_file
from translator.vocabulary import BOS_ID, EOS_ID, PAD_ID, UNK_ID, WORD_START

# Training uses only the start of a line: this bounds memory, and SentencePiece silently skips long lines.
TRAINING_CHARACTERS = 4096
# Fixed, because it changes the result: sums are computed in this many parts, whatever the number of cores.
TRAINING_THREADS = 16

# All that `keep` changes: characters that some programs take for line ends become spaces, control characters go.
KEPT_BUT = {chr(code): " " for code in (*range(0x09, 0x0E), 0x85, 0x2028, 0x2029)} | {
    chr(code): "" for code in (*range(0x01, 0x09), *range(0x0E, 0x20), *range(0x7F, 0x85), *range(0x86, 0xA0))
}

_SURROGATES = re.compile("[\ud800-\udfff]")


class TokenizerError(TranslatorError):
    """A tokenizer that cannot be read, or a vocabulary that cannot be learned from the corpus."""


class Tokenizer:
    """Splits sentences into subword ids and joins ids into sentences.

    `decode(encode(text))` is the normalized text. `keep` strips and collapses spaces, removes control characters and
    replaces tabs and line separators by spaces; everything else is preserved. Characters outside the vocabulary become
    UNK_ID and are decoded as " ⁇ "; with byte fallback they become their UTF-8 bytes and are preserved. "▁" is decoded
    as a space, which is how SentencePiece writes one. Markers such as "</s>" in a text are ordinary text. A lone
    surrogate, which UTF-8 cannot encode, is read as U+FFFD.

    Attributes:
        model: The serialised SentencePiece model.
        vocabulary_size: Number of subwords, including special ones; every id is below it.
        is_unigram: Whether it is a unigram model, not a byte-pair encoding.
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
                f"expected {[PAD_ID, BOS_ID, EOS_ID, UNK_ID]}"
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
            self.is_unigram = True
        except RuntimeError:  # only unigram models have n-best lists
            self.is_unigram = False

    @classmethod
    def load(cls, path: Path) -> "Tokenizer":
        """Reads a model file; a TokenizerError names a missing or damaged one."""
        try:
            return cls(read_file(path))
        except OSError as error:
            raise TokenizerError(f"the tokenizer {path} cannot be read: {error.strerror}") from error
        except TokenizerError as error:
            raise TokenizerError(f"{path}: {error}") from error

    @classmethod
    def adopt(cls, path: Path) -> "Tokenizer":
        """Reads any SentencePiece model and moves its special subwords to the ids that they have here.

        The other subwords keep their order. A padding subword is added to a model without one.

        Raises:
            TokenizerError: The file is missing or is not a SentencePiece model.
        """
        try:
            model = _parsed(read_file(path))
        except OSError as error:
            raise TokenizerError(f"tokenizer.model: {path} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise TokenizerError(f"tokenizer.model: {path} is not a SentencePiece model: {error}") from error
        spec, pieces = model.trainer_spec, list(model.pieces)
        special = []
        for id_, name in enumerate(("pad", "bos", "eos", "unk")):
            old = getattr(spec, f"{name}_id")
            text = pieces[old].piece if 0 <= old < len(pieces) else getattr(spec, f"{name}_piece")
            kind = model.SentencePiece.UNKNOWN if id_ == UNK_ID else model.SentencePiece.CONTROL
            special.append(model.SentencePiece(piece=text, type=kind))
            setattr(spec, f"{name}_id", id_)
        names = {piece.piece for piece in special}
        others = [piece for piece in pieces if piece.piece not in names]
        del model.pieces[:]
        model.pieces.extend([*special, *others])
        spec.vocab_size = len(model.pieces)
        try:
            return cls(model.SerializeToString())
        except TokenizerError as error:
            raise TokenizerError(f"tokenizer.model: {path}: {error}") from error

    def with_normalization(self, normalization: Normalization) -> "Tokenizer":
        """The same subwords with another normalization."""
        model = _parsed(self.model)
        spec = model.normalizer_spec
        other = sentencepiece_model_pb2.NormalizerSpec.FromString(
            _normalizer(normalization).serialized_normalizer_spec()
        )
        spec.name, spec.precompiled_charsmap = normalization, other.precompiled_charsmap
        return Tokenizer(model.SerializeToString(deterministic=True))

    def save(self, path: Path) -> None:
        """Writes the model in SentencePiece's own format."""
        write_file(path, self.model)

    def encode(self, sentences: Sequence[str], threads: int = -1) -> list[list[int]]:
        """The ids of each sentence's best segmentation, without BOS and EOS; uses all cores by default."""
        return self._processor.encode([_writable(sentence) for sentence in sentences], num_threads=threads)

    def likeliest(self, words: Sequence[list[int]], most: int) -> Iterator[list[tuple[float, list[int]]]]:
        """The most probable segmentations of words under a unigram model.

        Args:
            words: The best segmentation of each, as `encode` gives it.
            most: Maximum number of segmentations of a word, including the best.

        Yields:
            For each word, pairs (gap, ids) in ascending order. The gap is the log-probability of the best segmentation,
            which comes first, minus that of this one. A word with unknown characters has only the best one.
        """
        spelled = [self._spelled(ids) for ids in words]
        found = self._processor.nbest_encode([text or "" for text in spelled], nbest_size=most)
        for plain, text, segmentations in zip(words, spelled, found, strict=True):
            own = self._scores[plain].sum()
            others = [
                (max(0.0, float(own - self._scores[ids].sum())), ids)
                for ids in segmentations
                if ids != plain and UNK_ID not in ids
            ]
            same = text is not None and "".join(self.pieces(segmentations[0])) == "".join(self.pieces(plain))
            yield [(0.0, plain), *sorted(others)[: most - 1]] if same else [(0.0, plain)]

    def with_dropout(self, word: list[int], dropout: float, draws: int) -> list[tuple[float, list[int]]]:
        """Segmentations of a word by BPE-dropout, the deterministic one first: a pure function of the arguments.

        The merges of byte-pair encoding are applied to the word's characters, each skipped with probability `dropout`
        (Provilkov et al., 2020). All gaps are 0, because all segmentations are equally likely.
        """
        if self._spelled(word) is None:
            return [(0.0, word)]
        generator = np.random.default_rng(word)
        symbols = list("".join(self.pieces(word)))
        return [(0.0, word), *((0.0, self._merged(symbols, dropout, generator)) for _ in range(draws))]

    def _spelled(self, ids: list[int]) -> str | None:
        """The text of a word's subwords; None if there are unknown ones or bytes among them."""
        special = any(id_ == UNK_ID or self._processor.is_byte(id_) for id_ in ids)
        return None if special else "".join(self.pieces(ids)).replace(WORD_START, " ")

    def _merged(self, symbols: list[str], dropout: float, generator: np.random.Generator) -> list[int]:
        """The ids of characters after BPE merges, which are skipped at random."""
        symbols = list(symbols)
        while True:
            pairs = [(self._rank(a + b), i) for i, (a, b) in enumerate(itertools.pairwise(symbols))]
            kept = generator.random(len(pairs)) >= dropout
            best = min((pair for pair, keep in zip(pairs, kept, strict=True) if keep), default=(math.inf, 0))
            if best[0] == math.inf:
                return [self._processor.piece_to_id(symbol) for symbol in symbols]
            symbols[best[1] : best[1] + 2] = [symbols[best[1]] + symbols[best[1] + 1]]

    def _rank(self, piece: str) -> float:
        """The position of a subword in the order of BPE merges; infinite for a text that is not a subword."""
        id_ = self._processor.piece_to_id(piece)
        return math.inf if id_ == UNK_ID else -float(self._scores[id_])

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """The text of each sequence, on one line; PAD_ID, BOS_ID and EOS_ID have no text."""
        # Our own models have no subword with a line end, but an adopted model may.
        return [text.replace("\n", " ") for text in self._processor.decode([list(map(int, row)) for row in ids])]

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The subwords as they stand in the vocabulary; "▁" is the space before a word."""
        return [self._processor.id_to_piece(int(piece)) for piece in ids]


def train_tokenizer(texts: Iterable[tuple[str, Normalization]], config: TokenizerConfig) -> Tokenizer:
    """Learns a vocabulary from at most `config.training_sentences` sentences, drawn at random.

    The same texts and configuration give the same model bytes, on any number of cores.

    Args:
        texts: Sentences, each with the normalization to apply before training.
        config: `config.seed` decides which sentences are drawn.

    Returns:
        A tokenizer with the normalization `keep`.

    Raises:
        TokenizerError: There is no text, or it cannot give `config.vocabulary_size` subwords.
    """
    sample = _reservoir(texts, config.training_sentences, random.Random(config.seed))
    if not sample:
        raise TokenizerError("there is no text to learn a vocabulary from: all lines of the training corpus are blank")
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=(_normalizer(normalization).Normalize(text) for text, normalization in sample),
            model_writer=model,
            model_type=config.kind,
            vocab_size=config.vocabulary_size,
            character_coverage=config.character_coverage,
            byte_fallback=config.byte_fallback,
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


def _parsed(model: bytes) -> sentencepiece_model_pb2.ModelProto:
    """The model of these bytes; a ValueError if they are not one."""
    try:
        return sentencepiece_model_pb2.ModelProto.FromString(model)
    except DecodeError as error:
        raise ValueError(str(error)) from error


@functools.cache
def _normalizer(normalization: Normalization) -> sentencepiece.SentencePieceNormalizer:
    sentencepiece.set_min_log_level(2)  # for this process
    rules = {"norm_map": list(KEPT_BUT.items())} if normalization == "keep" else {"rule_name": normalization}
    return sentencepiece.SentencePieceNormalizer(**rules, add_dummy_prefix=False, escape_whitespaces=False)


def _reservoir(
    texts: Iterable[tuple[str, Normalization]], size: int, generator: random.Random
) -> list[tuple[str, Normalization]]:
    """Draws `size` of the non-blank texts with equal probability (algorithm R; Vitter, 1985)."""
    sample: list[tuple[str, Normalization]] = []
    usable = (text for text in texts if text[0].strip())
    for count, (text, normalization) in enumerate(usable, 1):
        place = count - 1 if count <= size else generator.randrange(count)
        if place < size:
            sample[place : place + 1] = [(_writable(text[:TRAINING_CHARACTERS]), normalization)]
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


def _writable(sentence: str) -> str:
    """The sentence with lone surrogates, which UTF-8 cannot encode, replaced."""
    return _SURROGATES.sub("\ufffd", sentence)
