"""What kind of character each code point is: tables that are filled as characters turn up.

A table for all of Unicode would take a second to make, and a corpus has a few hundred or thousand characters.
"""

import functools
import unicodedata

import numpy as np

KNOWN, LETTER, DIGIT, SPACE, CONTROL = 1, 2, 4, 8, 16
WORD = LETTER | DIGIT

_CODES = 0x110000
_DECOMPOSED = 0x20000  # beyond come Han characters only, which no other joins
_classes = np.zeros(_CODES, np.uint8)
_lower = np.arange(_CODES, dtype=np.uint32)
_scripts = np.zeros(_CODES, np.uint8)
SCRIPTS = [""]  # names of scripts by their number; "" is for what is not a letter

# Zero-width space, byte order mark, replacement character, ends of line and paragraph, and marks of direction, some of
# which are invisible. Joiners (U+200C, U+200D) and soft hyphens belong to the text of many languages.
_STRAY = {0x200B, 0xFEFF, 0xFFFD, 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}

_NAMED_OTHERWISE = {
    "IDEOGRAPHIC": "CJK",
    "KATAKANA-HIRAGANA": "KATAKANA",
    "FEMININE": "LATIN",
    "MASCULINE": "LATIN",
    "MICRO": "GREEK",
    "MODIFIER": "",
}


def classes_of(codes: np.ndarray) -> np.ndarray:
    """The classes of code points: uint8 like `codes`, bits as above."""
    classes = _classes[codes]
    unknown = classes == 0
    if unknown.any():
        for code in np.flatnonzero(np.bincount(codes[unknown])):
            _learn(int(code))
        classes = _classes[codes]
    return classes


def lowered(codes: np.ndarray) -> np.ndarray:
    """Code points that `classes_of` has seen in lower case and usual width, digits as 0 to 9: uint32 like `codes`."""
    return _lower[codes]


def scripts_of(codes: np.ndarray) -> np.ndarray:
    """The scripts of code points that `classes_of` has seen, as indices of `SCRIPTS`: uint8 like `codes`."""
    return _scripts[codes]


def joining(codes: np.ndarray) -> np.ndarray:
    """Which code points NFKC may make one character of with what stands before, as an accent: bool like `codes`."""
    return _joining()[codes]


@functools.cache
def _joining() -> np.ndarray:
    table = np.zeros(_CODES, bool)
    table[0x1161:0x1176] = table[0x11A8:0x11C3] = True  # vowels and finals of Hangul, which are composed by a formula
    decomposed = [(code, unicodedata.decomposition(chr(code))) for code in range(_DECOMPOSED)]
    for _, parts in decomposed:
        if len(parts.split()) == 2 and not parts.startswith("<"):
            table[int(parts.split()[1], 16)] = True
    for code, parts in decomposed:
        if parts and table[ord(unicodedata.normalize("NFKC", chr(code))[0])]:
            table[code] = True
    return table


def _learn(code: int) -> None:
    character = chr(code)
    category = unicodedata.category(character)
    classes = KNOWN
    if category[0] in "LM":
        classes |= LETTER
    if category[0] == "N":
        classes |= DIGIT
    if character.isspace():
        classes |= SPACE
    if category in ("Cc", "Cs", "Co", "Cn") or code in _STRAY:
        classes |= CONTROL
    _classes[code] = classes
    lower = unicodedata.normalize("NFKC", character).lower()
    if category == "Nd":
        lower = str(unicodedata.digit(character))
    if len(lower) == 1:
        _lower[code] = ord(lower)
    if category[0] == "L":
        _scripts[code] = _script(character)


def _script(character: str) -> int:
    """The number of a letter's script, which Unicode's names begin with."""
    name = unicodedata.name(character, "OTHER").removeprefix("FULLWIDTH ").removeprefix("HALFWIDTH ").split()[0]
    name = _NAMED_OTHERWISE.get(name, name)
    if name not in SCRIPTS:
        if len(SCRIPTS) == 2**8:
            return 0
        SCRIPTS.append(name)
    return SCRIPTS.index(name)
