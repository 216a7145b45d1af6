"""The translations of a sentence's pieces as one text."""

from collections.abc import Iterable

from translator.decoding.pieces import CLOSING, OPENING, QUOTES, is_spaceless

# What a script without spaces is looked for behind, and before.
AT_END, AT_START = (
    "".join(mark for mark in marks if not is_spaceless(mark)) for marks in (CLOSING + QUOTES, OPENING + QUOTES)
)


def joined(texts: Iterable[str], joiner: str) -> str:
    """Pieces as one text; one without any text leaves no joiner behind.

    Args:
        texts: of the pieces.
        joiner: what stands between two; "" for `gap`, in a language without spaces.
    """
    said = list(filter(None, texts))
    if joiner:
        return joiner.join(said)
    return "".join(gap(before, text) + text for before, text in zip(["", *said], said, strict=False))


def gap(before: str, after: str) -> str:
    """What stands between two texts of a language without spaces.

    Nothing where one of the two characters is of a script without spaces, brackets and quotes aside; else a space, as
    between Latin words and between numbers: "Linux" and "Kernel" are not "LinuxKernel".
    """
    if not (before and after):
        return ""
    last, first = before.rstrip(AT_END)[-1:], after.lstrip(AT_START)[:1]
    return "" if is_spaceless(last or " ") or is_spaceless(first or " ") else " "
