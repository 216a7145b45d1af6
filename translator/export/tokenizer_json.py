"""A SentencePiece model in the format of Hugging Face's `tokenizers`: `tokenizer.json`.

Spaces and the space before a sentence are left to the normalizer, so that a sentence is segmented as one string, as
SentencePiece does it. What SentencePiece never finds in a text (special subwords, and those for bytes) has a score here
with which it is worse than its characters one by one. Only where the vocabulary lacks one of these does the library
take such a marker for the subword.

User-defined symbols become one private character each before anything else is done to a text, and are not part of any
other subword: so neither normalization nor segmentation breaks them up, and spaces beside them are those of the text.
The library's own added tokens would not do: around them it normalizes each part as a text of its own.
"""

import base64
import json
import sys
from collections.abc import Sequence
from typing import Any

from sentencepiece import sentencepiece_model_pb2 as protobuf

from translator.data.tags import tags_of
from translator.data.tokenizer import NOT_IN_TEXT, Tokenizer
from translator.vocabulary import BOS_ID, EOS_ID, PAD_ID, UNK_ID

SPACE = "▁"
UNKNOWN_PENALTY = 10.0  # of both libraries: an unknown character scores so much less than the worst subword
# What SentencePiece drops: spaces at the start, after others and at the end, where "▁" is one too. A text is one
# string, whatever a line is to the library that reads the pattern.
DROPPED = rf"(?<![\s\S]) +|(?<= ) +|[ {SPACE}]+(?![\s\S])"
FIRST_PRIVATE = 0x100000  # of Unicode's last private plane, in which fonts and programs hardly ever have anything
AT_ENDS = r"(?<![\s\S]) +| +(?![\s\S])"


def refusal(tokenizer: Tokenizer) -> str | None:
    """Why there can be no exact `tokenizer.json` of a model; None if there can."""
    model = protobuf.ModelProto.FromString(tokenizer.model)
    normalizer, kinds = model.normalizer_spec, protobuf.ModelProto.SentencePiece
    if tokenizer.kind not in ("unigram", "bpe"):
        return f"tokenizer.json has nothing for a vocabulary of the kind {tokenizer.kind}"
    if any(piece.type == kinds.UNUSED for piece in model.pieces):
        return "tokenizer.json has nothing for a vocabulary with unused subwords"
    if overlapping := _overlapping(list(tokenizer.symbols)):
        one, other = overlapping
        return (
            f"tokenizer.json has nothing for user-defined symbols of which one begins as another ends: {one}, {other}"
        )
    if normalizer.name.endswith("_cf"):
        return f"tokenizer.json folds no case as the normalization {normalizer.name} does"
    ours = (
        normalizer.add_dummy_prefix, normalizer.remove_extra_whitespaces, normalizer.escape_whitespaces,
        not model.trainer_spec.treat_whitespace_as_suffix,
    )  # fmt: skip
    if not all(ours):
        return "tokenizer.json has nothing for a vocabulary that treats spaces in a way of its own"
    normal = {piece.piece for piece in model.pieces if piece.type == kinds.NORMAL}
    if tokenizer.kind == "unigram" and any(character not in normal for piece in normal for character in piece):
        return "tokenizer.json has nothing for a vocabulary whose subwords have characters that are not subwords"
    return None


def converted(tokenizer: Tokenizer) -> bytes:
    """The file, for a tokenizer without `refusal`; it puts the prefix before a sentence, and EOS behind it."""
    model = protobuf.ModelProto.FromString(tokenizer.model)
    eos = model.pieces[EOS_ID].piece
    private = _private_characters(tokenizer)
    for symbol, character in private.items():
        model.pieces[tokenizer.symbols[symbol]].piece = character
    special = [
        {"id": number, "content": model.pieces[number].piece, "special": True}
        | dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
        for number in (PAD_ID, BOS_ID, EOS_ID, UNK_ID, *tags_of(tokenizer).values())
    ]
    prefix = [(model.pieces[number].piece, number) for number in tokenizer.prefix]
    begin = [{"SpecialToken": {"id": piece, "type_id": 0}} for piece, _ in prefix]
    end = {"SpecialToken": {"id": eos, "type_id": 0}}
    text, other = ({"Sequence": {"id": name, "type_id": 0}} for name in "AB")
    segmentation = _bpe(model.pieces) if tokenizer.kind == "bpe" else _unigram(model.pieces)
    content = {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": special,
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                *(_replacement(symbol, private[symbol]) for symbol in sorted(private, key=len, reverse=True)),
                *_normalizers(model.normalizer_spec.precompiled_charsmap),
            ],
        },
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing", "single": [*begin, text, end],
            "pair": [*begin, text, other, end],
            "special_tokens": {
                piece: {"id": piece, "ids": [number], "tokens": [piece]} for piece, number in [*prefix, (eos, EOS_ID)]
            },
        },
        "decoder": {
            "type": "Sequence",
            "decoders": [
                _replacement(SPACE, " "),
                *(_replacement(character, symbol) for symbol, character in private.items()),
                {"type": "ByteFallback"},
                {"type": "Fuse"},
                {"type": "Replace", "pattern": {"Regex": NOT_IN_TEXT}, "content": " "},
                {"type": "Replace", "pattern": {"Regex": AT_ENDS}, "content": ""},
            ],
        },
        "model": {**segmentation, "byte_fallback": tokenizer.byte_fallback},
    }  # fmt: skip
    return json.dumps(content, ensure_ascii=False, indent=1).encode()


def _normalizers(charsmap: bytes) -> list[dict[str, Any]]:
    """What is done to a text, in this order."""
    precompiled = {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(charsmap).decode()}
    return [
        *([precompiled] if charsmap else []),
        {"type": "Replace", "pattern": {"Regex": DROPPED}, "content": ""},
        _replacement(" ", SPACE),
        {"type": "Prepend", "prepend": SPACE},  # not to what is empty
    ]


def _replacement(text: str, by: str) -> dict[str, Any]:
    return {"type": "Replace", "pattern": {"String": text}, "content": by}


def _private_characters(tokenizer: Tokenizer) -> dict[str, str]:
    """A character of its own for each user-defined symbol, which no subword has."""
    taken = set("".join(tokenizer.pieces(range(tokenizer.vocabulary_size))))
    free = (chr(code) for code in range(FIRST_PRIVATE, sys.maxunicode) if chr(code) not in taken)
    return dict(zip(tokenizer.symbols, free, strict=False))


def _overlapping(symbols: Sequence[str]) -> tuple[str, str] | None:
    """Two symbols, or one twice, of which one may begin inside the other and end behind it."""
    beginnings = {symbol[:i]: symbol for symbol in symbols for i in range(1, len(symbol))}
    ends = ((symbol, symbol[i:]) for symbol in symbols for i in range(1, len(symbol)))
    return next(((symbol, beginnings[end]) for symbol, end in ends if end in beginnings), None)


def _unigram(pieces: Sequence[Any]) -> dict[str, Any]:
    kinds = protobuf.ModelProto.SentencePiece
    normal, found = kinds.NORMAL, (kinds.NORMAL, kinds.USER_DEFINED)
    worst = min(piece.score for piece in pieces if piece.type == normal)
    never = max(len(piece.piece) for piece in pieces if piece.type not in found) * (worst - UNKNOWN_PENALTY) - 1
    vocabulary = [[piece.piece, piece.score if piece.type in found else never] for piece in pieces]
    return {"type": "Unigram", "unk_id": UNK_ID, "vocab": vocabulary}


def _bpe(pieces: Sequence[Any]) -> dict[str, Any]:
    """Merges in the order of the subwords that they make, which is that of the scores."""
    normal = protobuf.ModelProto.SentencePiece.NORMAL
    scores = {piece.piece: piece.score for piece in pieces if piece.type == normal}
    order = {piece.piece: number for number, piece in enumerate(pieces)}
    merges = [
        [whole[:i], whole[i:]]
        for whole in sorted(scores, key=lambda each: (-scores[each], order[each]))
        for i in range(1, len(whole))
        if whole[:i] in scores and whole[i:] in scores
    ]
    unknown = pieces[UNK_ID].piece
    return {"type": "BPE", "unk_token": unknown, "fuse_unk": True, "vocab": order, "merges": merges}
