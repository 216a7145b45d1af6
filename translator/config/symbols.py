"""User-defined symbols: what a string needs to be one subword wherever it stands."""

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator

from translator.vocabulary import SPECIAL_PIECES, WORD_START

_BYTE = re.compile("<0x[0-9A-F]{2}>")


def _checked(symbols: tuple[str, ...]) -> tuple[str, ...]:
    for number, symbol in enumerate(symbols):
        if problem := problem_of(symbol):
            raise ValueError(problem)
        if symbol in symbols[:number]:
            raise ValueError(f"the symbol {symbol!r:.80} is there twice")
    return symbols


def problem_of(symbol: str) -> str | None:
    """Why a string cannot be a symbol; None if it can."""
    if not symbol:
        return "a symbol has at least one character; found an empty one"
    if symbol in SPECIAL_PIECES or _BYTE.fullmatch(symbol):
        return f"the symbol {symbol!r} is how SentencePiece writes a subword of its own; take another"
    for character in symbol:
        if character.isspace() or character == WORD_START:
            return f"the symbol {symbol!r:.80} has a space or {WORD_START}, which SentencePiece writes for one"
        if unicodedata.category(character) in ("Cc", "Cs"):
            return f"the symbol {symbol!r:.80} has a control character or half of a surrogate pair"
    return None


Symbols = Annotated[tuple[str, ...], AfterValidator(_checked)]
