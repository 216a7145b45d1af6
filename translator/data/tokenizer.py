"""Text to subword ids and back, by SentencePiece (Kudo and Richardson, 2018).

A tokenizer is determined by the bytes of its model: they give the same ids here and, in a graph, in tensorflow-text.
Normalization is part of the model. So with a joint vocabulary and a different normalization for each side, there are
two models with the same subwords.
"""

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import sentencepiece
from google.protobuf.message import DecodeError
from sentencepiece import sentencepiece_model_pb2

from translator.config.tokenizer import Normalization
from translator.data.merges import Merges
from translator.data.normalization import normalizer, writable
from translator.errors import TranslatorError
from translator.files import read_file, write_file
from translator.vocabulary import BOS_ID, EOS_ID, PAD_ID, UNK_ID, WORD_START

# Several spaces, and what ends lines or is not printed: a space in what is decoded. RE2, which the exported graph has,
# reads it alike.
NOT_IN_TEXT = "[ \\x00-\\x1f\\x7f-\\x9f\u2028\u2029]+"


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
        kind: "unigram" or "bpe"; of an adopted model also "word" or "char".
        byte_fallback: Whether characters that it lacks are spelled in bytes.
        prefix: Ids that all sentences begin with but blank ones, which have none.
        symbols: The id of each user-defined symbol: what is one subword wherever it stands in a text.
    """

    def __init__(self, model: bytes, prefix: tuple[int, ...] = ()):
        self.model, self.prefix = model, prefix
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
        self._scores: list[float] = self._processor.get_score(list(range(self.vocabulary_size)))
        spec = _parsed(model).trainer_spec
        self.kind: str = spec.ModelType.Name(spec.model_type).lower()
        self.byte_fallback: bool = spec.byte_fallback
        self.symbols: dict[str, int] = {
            piece.piece: id_ for id_, piece in enumerate(_parsed(model).pieces) if piece.type == piece.USER_DEFINED
        }

    def __reduce__(self) -> tuple[type["Tokenizer"], tuple[bytes, tuple[int, ...]]]:
        return Tokenizer, (self.model, self.prefix)

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

    def with_prefix(self, prefix: tuple[int, ...]) -> "Tokenizer":
        """The same vocabulary, which is not read again, with another prefix."""
        other = object.__new__(Tokenizer)
        other.__dict__ |= self.__dict__ | {"prefix": prefix}
        return other

    def parsed(self) -> sentencepiece_model_pb2.ModelProto:
        """A copy of the model, which may be changed for `with_model`."""
        return _parsed(self.model)

    def with_model(self, model: sentencepiece_model_pb2.ModelProto) -> "Tokenizer":
        """Another model with this one's prefix; it has as many subwords as there are pieces."""
        model.trainer_spec.vocab_size = len(model.pieces)
        return Tokenizer(model.SerializeToString(deterministic=True), self.prefix)

    def with_normalization(self, normalization: Normalization) -> "Tokenizer":
        """The same subwords with another normalization."""
        model = self.parsed()
        spec = model.normalizer_spec
        other = sentencepiece_model_pb2.NormalizerSpec.FromString(
            normalizer(normalization).serialized_normalizer_spec()
        )
        spec.name, spec.precompiled_charsmap = normalization, other.precompiled_charsmap
        return self.with_model(model)

    def with_subwords(self, subwords: Mapping[str, float]) -> "Tokenizer":
        """The same subwords, and more at the end, by their scores."""
        model = self.parsed()
        for text, score in subwords.items():
            model.pieces.add(piece=text, score=score)
        return self.with_model(model)

    def with_symbols(self, symbols: Sequence[str]) -> "Tokenizer":
        """The same subwords, of which these are user-defined symbols; those that it lacks are added at the end."""
        if not symbols:
            return self
        model, kinds = self.parsed(), sentencepiece_model_pb2.ModelProto.SentencePiece
        ids = {piece.piece: id_ for id_, piece in enumerate(model.pieces)}
        for symbol in symbols:
            piece = model.pieces[ids[symbol]] if symbol in ids else model.pieces.add(piece=symbol)
            if piece.type not in (kinds.NORMAL, kinds.USER_DEFINED, kinds.UNUSED):
                raise TokenizerError(f"the symbol {symbol!r} is one of the model's special subwords; take another")
            piece.type, piece.score = kinds.USER_DEFINED, 0.0
        return self.with_model(model)

    def save(self, path: Path) -> None:
        """Writes the model in SentencePiece's own format."""
        write_file(path, self.model)

    def encode(self, sentences: Sequence[str], threads: int = -1) -> list[list[int]]:
        """The ids of each sentence's best segmentation, without BOS and EOS; uses all cores by default."""
        encoded = self._processor.encode([writable(sentence) for sentence in sentences], num_threads=threads)
        return [[*self.prefix, *ids] if ids else ids for ids in encoded] if self.prefix else encoded

    def encode_normalized(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of parts of text that is normalized already, with "▁" for a space."""
        return self._as_it_is.encode(list(texts))

    def normalize(self, text: str) -> str:
        """The text that is segmented, with "▁" for a space."""
        return str(self._processor.normalize(writable(text)))

    def score(self, id_: int) -> float:
        """What the model has of a subword: its log-probability (unigram), or minus the number of its merge (bpe)."""
        return self._scores[id_]

    def encode_in_place(self, sentences: Sequence[str]) -> list[tuple[list[int], list[tuple[int, int]]]]:
        """What `encode` gives, and for each id where in the sentence its subword begins and ends, in characters.

        A subword that normalization put in, or that is one byte of several, may have no character of its own; those of
        the prefix are before the sentence, where no word is.
        """
        found = []
        for sentence in map(writable, sentences):
            subwords = self._processor.encode(sentence, return_type="proto").pieces
            # SentencePiece counts bytes.
            character = [i for i, each in enumerate(sentence) for _ in each.encode()] + [len(sentence)]
            spans = [(character[subword.begin], character[subword.end]) for subword in subwords]
            prefix = self.prefix if subwords else ()
            found.append(([*prefix, *(subword.id for subword in subwords)], [(-1, -1)] * len(prefix) + spans))
        return found

    def likeliest(self, words: Sequence[list[int]], most: int) -> Iterator[list[tuple[float, list[int]]]]:
        """The most probable segmentations of parts of sentences under a unigram model.

        Args:
            words: The best segmentation of each, as `encode` gives it, or a part of one.
            most: Maximum number of segmentations of a word, including the best.

        Yields:
            For each word, pairs (gap, ids) in ascending order. The gap is the log-probability of the best segmentation,
            which comes first, minus that of this one. A word with unknown characters has only the best one.
        """
        score = self._scores.__getitem__
        found = self._as_it_is.nbest_encode([self.spelled(ids) or "" for ids in words], nbest_size=most)
        for plain, segmentations in zip(words, found, strict=True):
            own = sum(map(score, plain))
            others = [
                (max(0.0, own - sum(map(score, ids))), ids)
                for ids in segmentations
                if ids and ids != plain and UNK_ID not in ids
            ]
            others.sort()
            yield [(0.0, plain), *others[: most - 1]]

    def with_dropout(self, word: list[int], skips: Sequence[int]) -> list[int]:
        """A segmentation of a part of a sentence by BPE-dropout (Provilkov et al., 2020, algorithm 1).

        It stays plain where it has characters, or would have subwords, that the vocabulary lacks.

        Args:
            word: plain segmentation, which `encode` gives, or a part of one.
            skips: for each merge, how many of the best are passed over, as `Merges` has it.
        """
        text = self.spelled(word)
        segmentation = None if text is None else self._merges.with_dropout(text, skips)
        return word if segmentation is None else segmentation

    def spelled(self, ids: Sequence[int]) -> str | None:
        """What subwords spell, with "▁" for a space; None where some are special, bytes or user-defined symbols."""
        pieces = [self._texts[id_] for id_ in ids]
        return None if None in pieces else "".join(pieces)  # type: ignore[arg-type]

    def unknown(self, text: str) -> tuple[str, ...]:
        """What of a text, normalized, each UNK_ID of `encode` stands for, in their order."""
        subwords = self._processor.encode(writable(text), return_type="proto").pieces
        return tuple(subword.piece for subword in subwords if subword.id == UNK_ID)

    def decode(self, ids: Sequence[Sequence[int]], unknown: Sequence[Sequence[str]] = ()) -> list[str]:
        """The text of each sequence; PAD_ID, BOS_ID and EOS_ID have no text.

        It is one line without control characters, and spaces are as `keep` has them. Few models write anything else:
        those with byte fallback, adopted ones, and those whose training has hardly begun.

        Args:
            ids: of the sequences.
            unknown: for each sequence, if any has such, what is written for its UNK_IDs; see `unknown`.
        """
        texts = self._processor.decode([list(map(int, row)) for row in ids])
        for i, known in enumerate(unknown):
            if known:
                texts[i] = self._processor.decode(self.pieces(ids[i], known)).replace(WORD_START, " ")
        return [re.sub(NOT_IN_TEXT, " ", text).strip(" ") for text in texts]

    def pieces(self, ids: Sequence[int], unknown: Sequence[str] = ()) -> list[str]:
        """The subwords as they stand in the vocabulary; "▁" is the space before a word.

        Args:
            ids: of one sequence.
            unknown: what stands for its first UNK_IDs.
        """
        pieces = [self._processor.id_to_piece(int(piece)) for piece in ids]
        for place, text in zip((i for i, id_ in enumerate(ids) if id_ == UNK_ID), unknown, strict=False):
            pieces[place] = text
        return pieces

    def is_byte(self, id_: int) -> bool:
        """Whether a subword stands for one byte of a character."""
        return bool(self._processor.is_byte(id_))

    @functools.cached_property
    def _texts(self) -> list[str | None]:
        """What each subword spells; None for those that no other subwords can spell.

        A user-defined symbol is a unit of its own: no segmentation may break it up.
        """
        of_other_kinds = (self._processor.is_control, self._processor.is_unknown, self.is_byte)
        own = set(self.symbols.values())
        return [
            None if id_ in own or any(is_one(id_) for is_one in of_other_kinds) else self._processor.id_to_piece(id_)
            for id_ in range(self.vocabulary_size)
        ]

    @functools.cached_property
    def _merges(self) -> Merges:
        ids = {text: id_ for id_, text in enumerate(self._texts) if text is not None}
        return Merges(ids, {text: -self._scores[id_] for text, id_ in ids.items()})

    @functools.cached_property
    def _as_it_is(self) -> sentencepiece.SentencePieceProcessor:
        """The same subwords for parts of normalised text, to which nothing is to be done."""
        model = self.parsed()
        model.normalizer_spec.CopyFrom(
            sentencepiece_model_pb2.NormalizerSpec(
                name="identity", add_dummy_prefix=False, remove_extra_whitespaces=False, escape_whitespaces=False
            )
        )
        return sentencepiece.SentencePieceProcessor(model_proto=model.SerializeToString())


def _parsed(model: bytes) -> sentencepiece_model_pb2.ModelProto:
    """The model of these bytes; a ValueError if they are not one."""
    try:
        return sentencepiece_model_pb2.ModelProto.FromString(model)
    except DecodeError as error:
        raise ValueError(str(error)) from error
