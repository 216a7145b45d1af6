"""What may happen to a text before it is translated: capitals, typos, lost punctuation, noise.

These are the words of one language at a time; pairs are made of them in `data.modifiers`, for training, and in
`evaluation.robustness`, to see what they cost. Words are what spaces separate.
"""

import re
from collections.abc import Callable, Sequence
from random import Random

END_PUNCTUATION = ".!?…。！？؟।։"
KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
NOISE_WORD = (1, 8)  # fewest and most characters


def changed_between(symbols: Sequence[str], text: str, change: Callable[[str], str]) -> str:
    """The text with what stands between symbols changed, and the symbols as they are; the longest counts."""
    parts = _between(symbols, text)
    return "".join(part if i % 2 else change(part) for i, part in enumerate(parts))


def without(symbols: Sequence[str], text: str) -> str:
    """The text with a space in the place of each symbol."""
    return " ".join(_between(symbols, text)[::2])


def _between(symbols: Sequence[str], text: str) -> list[str]:
    """What stands between symbols, and the symbols, in turns."""
    if not symbols:
        return [text]
    longest_first = sorted(symbols, key=len, reverse=True)
    return re.split(f"({'|'.join(map(re.escape, longest_first))})", text)


def title(text: str) -> str:
    """The text with a capital at the beginning of each word; other letters stay."""
    return re.sub(r"(?<!\S)\w", lambda match: match[0].upper(), text)


def without_end_punctuation(text: str) -> str:
    """The text without the punctuation that ends it; a text of nothing else stays."""
    return text.rstrip(END_PUNCTUATION + " ") or text


def noise(characters: str, length: int, random: Random) -> str:
    """Words of random characters, of so many characters in all."""
    words = []
    while length > 0:
        size = min(random.randint(*NOISE_WORD), length)
        words.append("".join(random.choices(characters, k=size)))
        length -= size + 1
    return " ".join(words)


def with_typos(text: str, share: float, random: Random) -> str:
    """The text with one typo in a share of its words: two letters swapped, or one dropped, inserted or replaced.

    Letters come from neighbouring keys of the usual Latin keyboard; others are doubled or dropped. A word of one letter
    stays.
    """
    return " ".join(with_typo(word, random) if random.random() < share else word for word in text.split(" "))


def with_typo(word: str, random: Random) -> str:
    """The word with one typo, if it has two letters or more."""
    letters = [i for i, character in enumerate(word) if character.isalpha()]
    if len(letters) < 2:
        return word
    kind = random.choice(("swap", "drop", "insert", "replace"))
    i = random.choice(letters)
    if kind == "swap":
        swaps = [j for j in letters if j + 1 in letters and word[j] != word[j + 1]]
        if swaps:
            j = random.choice(swaps)
            return word[:j] + word[j + 1] + word[j] + word[j + 2 :]
    near = _near_key(word[i], random)
    if kind == "insert":
        return word[: i + 1] + (near or word[i]) + word[i + 1 :]
    if kind == "replace" and near:
        return word[:i] + near + word[i + 1 :]
    return word[:i] + word[i + 1 :]


def _neighbours() -> dict[str, str]:
    """The keys around each: in its row, and where the rows above and below, each half a key further right, touch it."""
    places = {key: (row, column) for row, keys in enumerate(KEYS) for column, key in enumerate(keys)}
    steps = {(0, -1), (0, 1), (1, -1), (1, 0), (-1, 0), (-1, 1)}
    return {
        key: "".join(other for other, (r, c) in places.items() if (r - row, c - column) in steps)
        for key, (row, column) in places.items()
    }


NEIGHBOURS = _neighbours()


def _near_key(letter: str, random: Random) -> str | None:
    near = NEIGHBOURS.get(letter.lower())
    if near is None:
        return None
    key = random.choice(near)
    return key.upper() if letter.isupper() else key
