"""English morphology: regular forms of nouns, verbs and numbers.

The rules hold for the words of `lexicon`, which lists irregular forms.
"""

from functools import cache

from translator.grammar.lexicon import Verb, words

VOWELS = "aeiou"

SMALL_NUMBERS = words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
IRREGULAR_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
MONTHS = words("January February March April May June July August September October November December")


def indefinite_article(next_word: str) -> str:
    """Finds *a* or *an*; no word of the lexicon sounds other than it is spelled (*hour*)."""
    return "an" if next_word[0] in VOWELS else "a"


def _inflect(verb: str, inflect_word: str) -> str:
    """Puts a form of the first word in its place: *get up*, *gets up*."""
    _, space, particle = verb.partition(" ")
    return inflect_word + space + particle


@cache
def third_person(verb: Verb) -> str:
    """Inflects for *he*: works, watches, cries."""
    word = verb.english.split()[0]
    if word == "have":
        form = "has"
    elif word.endswith("y") and word[-2] not in VOWELS:
        form = word[:-1] + "ies"
    else:
        form = word + ("es" if word.endswith(("s", "sh", "ch", "x", "o")) else "s")
    return _inflect(verb.english, form)


@cache
def past(verb: Verb) -> str:
    """Inflects for the past: took off, cried, planned."""
    return _inflect(verb.english, verb.past or _regular_past(verb.english.split()[0]))


@cache
def gerund(verb: Verb) -> str:
    """Inflects for the progressive: taking off, seeing, putting on."""
    word = verb.english.split()[0]
    stem = word[:-1] if word.endswith("e") and not word.endswith("ee") else _doubled(word)
    return _inflect(verb.english, stem + "ing")


def _regular_past(word: str) -> str:
    if word.endswith("e"):
        return word + "d"
    if word.endswith("y") and word[-2] not in VOWELS:
        return word[:-1] + "ied"
    return _doubled(word) + "ed"


def _doubled(word: str) -> str:
    """Doubles the last consonant of a short syllable: *run*, but not *open*, *cook* or *draw*."""
    if len(word) < 3 or word[-1] in VOWELS + "wxy" or word[-2] not in VOWELS or word[-3] in VOWELS:
        return word
    one_syllable = sum(letter in VOWELS for letter in word) == 1
    return word + word[-1] if one_syllable or word == "forget" else word


@cache
def cardinal(number: int) -> str:
    """Writes out a number below a hundred: *twenty-one*."""
    if number < 20:
        return SMALL_NUMBERS[number]
    tens, ones = divmod(number, 10)
    return TENS[tens] + (f"-{SMALL_NUMBERS[ones]}" if ones else "")


@cache
def ordinal(number: int) -> str:
    """Writes out an ordinal below a hundred: *twenty-first*, *thirtieth*."""
    head, hyphen, last = cardinal(number).rpartition("-")
    if last in IRREGULAR_ORDINALS:
        last = IRREGULAR_ORDINALS[last]
    else:
        last = (last[:-1] + "ie" if last.endswith("y") else last) + "th"
    return head + hyphen + last


@cache
def date(day: int, month: int) -> str:
    """Says on which day of the year: *on the third of May*; `month` counts from 1."""
    return f"on the {ordinal(day)} of {MONTHS[month - 1]}"


@cache
def clock(hour: int, minute: int) -> str:
    """Says at what time: *at half past three*, *at ten to one*; hours are 1 to 12, minutes 0 to 55 in fives.

    Raises:
        ValueError: for a minute that has no name here.
    """
    following = cardinal(hour % 12 + 1)
    if minute == 0:
        return f"at {cardinal(hour)} o'clock"
    if minute == 30:
        return f"at half past {cardinal(hour)}"
    names = {5: "five", 10: "ten", 15: "quarter", 20: "twenty"}
    if minute in names:
        return f"at {names[minute]} past {cardinal(hour)}"
    if 60 - minute in names:
        return f"at {names[60 - minute]} to {following}"
    raise ValueError(f"the clock names the minutes 0, 5, 10, 15, 20, 30, 40, 45, 50 and 55; found {minute}")
