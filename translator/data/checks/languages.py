"""Text in another language than the rest of its side, and pairs whose sides are swapped.

What a side's language looks like is learned from the corpus: its scripts, and how often each run of three letters
comes (Cavnar and Trenkle, 1994). Nothing is downloaded. Most of a corpus has to be right for that.

Letters: n lines of a block, M letters of them all, spaces between words included.
"""

from collections.abc import Callable

import numpy as np

from translator import languages
from translator.data.checks import characters
from translator.data.checks.blocks import SIDES, Block, Texts
from translator.data.checks.findings import Finding, Severity, Tally, counted, graded

TRIGRAM_BITS = 18
LEARNED_PAIRS = 500_000  # after which the statistics stay as they are
FEWEST_TRIGRAMS = 12  # of a line that is judged by them
FEWEST_LETTERS = 3  # of another script
USUAL_SHARE = 0.02  # of a side's letters, from which on a script belongs to it
MORE_LIKELY = 1.0  # nats a trigram by which another side's language must be more likely
UNLIKELY = 6.0  # standard deviations below what is usual on a side
MUCH_LESS_LIKELY = 1.5  # nats a trigram below what is usual on a side

_FACTORS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)
# Scripts of languages, where they say something.
_LANGUAGES = {
    ("HIRAGANA", "KATAKANA", "CJK"): "ja",
    ("CJK",): "zh yue",
    ("HANGUL", "CJK"): "ko",
    ("CYRILLIC",): "be bg kk ky mk mn ru tg tt uk",
    ("ARABIC",): "ar fa ps ug ur",
    ("HEBREW",): "he yi",
    ("DEVANAGARI",): "hi mr ne",
    ("GREEK",): "el",
    ("ARMENIAN",): "hy",
    ("GEORGIAN",): "ka",
    ("THAI",): "th",
    ("LAO",): "lo",
    ("KHMER",): "km",
    ("BENGALI",): "bn",
    ("TAMIL",): "ta",
    ("TELUGU",): "te",
    ("MALAYALAM",): "ml",
    ("KANNADA",): "kn",
    ("GUJARATI",): "gu",
    ("SINHALA",): "si",
    ("MYANMAR",): "my",
    ("ETHIOPIC",): "am",
    ("LATIN",): (
        "af ca cs cy da de en es et eu fi fr ga gl hr hu id is it kr lt lv nb nl nn no pl pt ro sk sl sq sv tr vi"
    ),
}
_OF_LANGUAGES = {code: scripts for scripts, codes in _LANGUAGES.items() for code in codes.split()}
# Scripts by their codes in ISO 15924, which may stand in that of a language: `kk-Arab`.
_OF_CODES = {
    "arab": ("ARABIC",),
    "armn": ("ARMENIAN",),
    "beng": ("BENGALI",),
    "bopo": ("BOPOMOFO",),
    "cyrl": ("CYRILLIC",),
    "deva": ("DEVANAGARI",),
    "ethi": ("ETHIOPIC",),
    "geor": ("GEORGIAN",),
    "grek": ("GREEK",),
    "gujr": ("GUJARATI",),
    "guru": ("GURMUKHI",),
    "hang": ("HANGUL",),
    "hanb": ("CJK", "BOPOMOFO"),
    "hani": ("CJK",),
    "hans": ("CJK",),
    "hant": ("CJK",),
    "hebr": ("HEBREW",),
    "hira": ("HIRAGANA",),
    "hrkt": ("HIRAGANA", "KATAKANA"),
    "jpan": ("HIRAGANA", "KATAKANA", "CJK"),
    "kana": ("KATAKANA",),
    "khmr": ("KHMER",),
    "knda": ("KANNADA",),
    "kore": ("HANGUL", "CJK"),
    "laoo": ("LAO",),
    "latn": ("LATIN",),
    "mlym": ("MALAYALAM",),
    "mong": ("MONGOLIAN",),
    "mymr": ("MYANMAR",),
    "orya": ("ORIYA",),
    "sinh": ("SINHALA",),
    "taml": ("TAMIL",),
    "telu": ("TELUGU",),
    "thai": ("THAI",),
    "tibt": ("TIBETAN",),
}


def scripts_of(code: str) -> tuple[str, ...]:
    """The scripts that a language is written in, by the names in `characters.SCRIPTS`; none where they are unknown."""
    script = languages.script(code)
    return _OF_CODES.get(script, ()) if script else _OF_LANGUAGES.get(languages.primary(code), ())


class LanguageStatistics:
    """What is usual in the text of a language in the training corpora."""

    def __init__(self) -> None:
        self.counts = np.zeros(2**TRIGRAM_BITS, np.int64)
        self.letters = np.zeros(2**8, np.int64)  # of each script

    def learn(self, trigrams: np.ndarray, scripts: np.ndarray) -> None:
        self.counts += np.bincount(trigrams, minlength=2**TRIGRAM_BITS)
        self.letters += np.bincount(scripts, minlength=2**8)

    def log_probabilities(self) -> np.ndarray:
        """Of each class of trigrams: float32."""
        smoothed = self.counts + 0.5
        return np.log(smoothed / smoothed.sum()).astype(np.float32)

    def usual_scripts(self) -> np.ndarray:
        """Which scripts belong to the language: bool; 0, which is for what is not a letter, always does."""
        usual = self.letters >= USUAL_SHARE * max(1, self.letters[1:].sum())
        usual[0] = True
        return usual


class Languages:
    """Lines in another script or language, and pairs with swapped sides."""

    def __init__(
        self, source: str, target: str, sides: tuple[LanguageStatistics, LanguageStatistics] | None = None
    ) -> None:
        """Takes the codes of the two languages, whose scripts may be known, and what other pairs have told of them."""
        self._codes = source, target
        self._sides = sides or (LanguageStatistics(), LanguageStatistics())
        self._pairs = 0
        self._swapped = Tally("swapped")
        self._wrong = Tally("wrong-source-language"), Tally("wrong-target-language")

    def look(self, block: Block) -> None:
        """Learns from training, up to a number of pairs; judges everything."""
        trigrams = [_trigrams(side) for side in block.sides]
        scripts = [characters.scripts_of(side.codes[(side.classes & characters.LETTER) > 0]) for side in block.sides]
        if block.section == "train" and self._pairs < LEARNED_PAIRS:
            self._pairs += len(block)
            for side, (hashes, _), letters in zip(self._sides, trigrams, scripts, strict=True):
                side.learn(hashes, letters)
        own_and_other = [side.log_probabilities() for side in self._sides]
        foreign, other = [], []
        for i, (text, (hashes, rows)) in enumerate(zip(block.sides, trigrams, strict=True)):
            count = np.bincount(rows, minlength=len(text))
            own, others = (
                np.bincount(rows, table[hashes], minlength=len(text)) / np.maximum(count, 1)
                for table in (own_and_other[i], own_and_other[1 - i])
            )
            judged = count >= FEWEST_TRIGRAMS
            other.append(judged & (others - own > MORE_LIKELY))
            foreign.append(_unusual(own, count, judged) | self._in_other_script(i, text))
        swapped = other[0] & other[1]
        self._swapped.add(block, np.flatnonzero(swapped), block.both)
        for name, tally, text, f, o in zip(SIDES, self._wrong, block.sides, foreign, other, strict=True):
            tally.add(block, np.flatnonzero((f | o) & ~swapped), text.lines.__getitem__, name)

    def _in_other_script(self, side: int, text: Texts) -> np.ndarray:
        """Lines most of whose letters are in a script that hardly comes on their side: bool [n]."""
        unusual = ~self._sides[side].usual_scripts()
        is_letter = (text.classes & characters.LETTER) > 0
        letters, strange = text.count(is_letter), text.count(is_letter & unusual[characters.scripts_of(text.codes)])
        return (strange >= FEWEST_LETTERS) & (2 * strange > letters)

    def findings(self) -> list[Finding]:
        """A fifth of a corpus in a wrong language is an error."""
        found = self._swapped.findings(
            lambda count, pairs: (
                graded(count, pairs, 0.001, 0.1),
                f"{counted(count, 'pair has', 'pairs have')} the sides swapped, by the letters that follow each other",
            )
        )
        for tally, side, code, name in zip(self._wrong, self._sides, self._codes, ("source", "target"), strict=True):
            found += tally.findings(_describe(name))
            found += self._of_script(side, code, name)
        return found

    def _of_script(self, side: LanguageStatistics, code: str, name: str) -> list[Finding]:
        """Whether a side of training is written as its language is."""
        expected = scripts_of(code)
        total = int(side.letters[1:].sum())
        if not (expected and total and self._pairs):
            return []
        numbers = [i for i, script in enumerate(characters.SCRIPTS) if script in expected]
        share = side.letters[numbers].sum() / total
        if share >= 0.5:
            return []
        most = characters.SCRIPTS[1 + int(side.letters[1:].argmax())].title()
        called = f" ({known})" if (known := languages.english_name(code)) != code else ""
        message = (
            f"data.{name} is {code}{called}, but {1 - share:.0%} of the letters on that side of training are in other "
            f"scripts, most of them {most}; are {{lang}}, or the columns, the right way round?"
        )
        return [Finding("wrong-script", "error", "train", self._pairs, self._pairs, message)]


def _describe(name: str) -> Callable[[int, int], tuple[Severity, str]]:
    def describe(count: int, pairs: int) -> tuple[Severity, str]:
        what = counted(count, f"{name} looks", f"{name}s look")
        return graded(count, pairs, 0.002, 0.2), f"{what} unlike the language of its side, by script or letters"

    return describe


def _unusual(means: np.ndarray, counts: np.ndarray, judged: np.ndarray) -> np.ndarray:
    """Lines whose mean log-probability is far below what is usual in their block: bool [n].

    The mean of a longer line varies less. Median and median deviation are what is usual, on which outliers have no
    influence.
    """
    if not judged.any():
        return judged
    usual = np.median(means[judged])
    deviations = (means - usual) * np.sqrt(counts)
    scale = 1.4826 * np.median(np.abs(deviations[judged]))
    return judged & (deviations < -UNLIKELY * scale) & (means < usual - MUCH_LESS_LIKELY)


def _trigrams(text: Texts) -> tuple[np.ndarray, np.ndarray]:
    """The class of each run of three letters and the line that has it: int64 and int32.

    Whatever stands between words is one space.
    """
    is_letter = (text.classes & characters.LETTER) > 0
    kept = is_letter.copy()
    kept[1:] |= is_letter[:-1]  # the first one after a word
    codes = np.where(is_letter, characters.lowered(text.codes), ord(" "))[kept].astype(np.uint64)
    rows = text.rows[kept]
    count = max(0, len(codes) - 2)
    hashes = sum((codes[i : i + count] * factor for i, factor in enumerate(_FACTORS)), np.zeros(count, np.uint64))
    hashes ^= hashes >> np.uint64(31)
    hashes *= _FACTORS[0]
    within = rows[:count] == rows[2:][:count]
    return (hashes[within] >> np.uint64(64 - TRIGRAM_BITS)).astype(np.int64), rows[:count][within]
