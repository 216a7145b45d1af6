"""German morphology: declension, conjugation, numbers, dates and times.

Paradigms are laid out as in a school grammar. Irregular forms stand in `lexicon`.
"""

from functools import cache
from typing import Literal

from translator.grammar.alignment import Word, Words
from translator.grammar.lexicon import Adjective, Case, Noun, Verb, words

Form = Literal["m", "f", "n", "p"]
"""What articles and adjectives agree with: a gender in the singular, or the plural."""
Person = Literal[0, 1, 2, 3, 4]
"""ich, du, er/sie/es, wir, sie."""

# Endings of the der-words (der, dieser, jeder, welcher; in the plural also of the ein-words and of viele).
DER_WORD = {
    "nom": {"m": "er", "f": "e", "n": "es", "p": "e"},
    "acc": {"m": "en", "f": "e", "n": "es", "p": "e"},
    "dat": {"m": "em", "f": "er", "n": "em", "p": "en"},
}
# The ein-words (ein, kein, mein, ...) have no ending in three forms.
EIN_WORD = {
    "nom": {**DER_WORD["nom"], "m": "", "n": ""},
    "acc": {**DER_WORD["acc"], "n": ""},
    "dat": DER_WORD["dat"],
}
DEFINITE = {
    "nom": {"m": "der", "f": "die", "n": "das", "p": "die"},
    "acc": {"m": "den", "f": "die", "n": "das", "p": "die"},
    "dat": {"m": "dem", "f": "der", "n": "dem", "p": "den"},
}
# The relative pronoun differs from the definite article in one form.
RELATIVE = {**DEFINITE, "dat": {**DEFINITE["dat"], "p": "denen"}}

# Adjective endings: weak after der-words, mixed after ein-words, strong after none, numbers and viele.
WEAK = {
    "nom": {"m": "e", "f": "e", "n": "e", "p": "en"},
    "acc": {"m": "en", "f": "e", "n": "e", "p": "en"},
    "dat": {"m": "en", "f": "en", "n": "en", "p": "en"},
}
MIXED = {
    "nom": {"m": "er", "f": "e", "n": "es", "p": "en"},
    "acc": {"m": "en", "f": "e", "n": "es", "p": "en"},
    "dat": {"m": "en", "f": "en", "n": "en", "p": "en"},
}
STRONG = DER_WORD

PERSONAL = {
    "nom": ("ich", "du", {"m": "er", "f": "sie", "n": "es"}, "wir", "sie"),
    "acc": ("mich", "dich", {"m": "ihn", "f": "sie", "n": "es"}, "uns", "sie"),
    "dat": ("mir", "dir", {"m": "ihm", "f": "ihr", "n": "ihm"}, "uns", "ihnen"),
}

PREPOSITION = "preposition"
"""The label of a preposition."""

CONTRACTIONS = {
    "in dem": "im",
    "in das": "ins",
    "an dem": "am",
    "von dem": "vom",
    "zu dem": "zum",
    "zu der": "zur",
}

# Present (or the one past form that is used) of what is irregular throughout: ich, du, er, wir, sie.
IRREGULAR = {
    "sein": "bin bist ist sind sind",
    "war": "war warst war waren waren",
    "haben": "habe hast hat haben haben",
    "hatte": "hatte hattest hatte hatten hatten",
    "werden": "werde wirst wird werden werden",
    "wissen": "weiß weißt weiß wissen wissen",
    "mögen": "mag magst mag mögen mögen",
    "können": "kann kannst kann können können",
    "müssen": "muss musst muss müssen müssen",
    "wollen": "will willst will wollen wollen",
    "dürfen": "darf darfst darf dürfen dürfen",
    "möchte": "möchte möchtest möchte möchten möchten",
    "sollte": "sollte solltest sollte sollten sollten",
    "konnte": "konnte konntest konnte konnten konnten",
    "musste": "musste musstest musste mussten mussten",
    "wollte": "wollte wolltest wollte wollten wollten",
    "durfte": "durfte durftest durfte durften durften",
}
IRREGULAR_FORMS = {word: forms.split() for word, forms in IRREGULAR.items()}

UNSEPARATED_PREFIXES = ("be", "emp", "ent", "er", "ge", "ver", "zer")

SMALL_NUMBERS = words(
    "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn "
    "achtzehn neunzehn"
)
TENS = ["", "", "zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig"]
IRREGULAR_ORDINALS = {1: "erste", 3: "dritte", 7: "siebte", 8: "achte"}
MONTHS = words("Januar Februar März April Mai Juni Juli August September Oktober November Dezember")


def form_of(noun: Noun, plural: bool) -> Form:
    return "p" if plural else noun.gender


@cache
def decline_noun(noun: Noun, plural: bool, case: Case) -> str:
    """Declines a noun: dem Studenten, den Kindern, den Autos."""
    if plural:
        word = noun.german_plural
        return word + "n" if case == "dat" and not word.endswith(("n", "s")) else word
    return noun.german_plural if noun.weak and case != "nom" else noun.german


@cache
def decline_adjective(adjective: Adjective, endings: str, form: Form, case: Case) -> str:
    """Declines an adjective; `endings` is "weak", "mixed" or "strong"."""
    table = {"weak": WEAK, "mixed": MIXED, "strong": STRONG}[endings]
    ending = table[case][form]
    return (adjective.stem.removesuffix("e") if ending else adjective.stem) + ending


def contract(preposition: str, noun_phrase: Words) -> Words:
    """Joins a preposition to what it governs: *im* Garten for *in dem* Garten."""
    article, *rest = noun_phrase
    if contracted := CONTRACTIONS.get(f"{preposition} {article.text}"):
        return (Word(contracted, (PREPOSITION, *article.sure), article.possible), *rest)
    return (Word(preposition, (PREPOSITION,)), *noun_phrase)


def _verb_stem(infinitive: str) -> str:
    return infinitive.removesuffix("n") if infinitive.endswith(("eln", "ern")) else infinitive.removesuffix("en")


def _needs_e(stem: str) -> bool:
    """Whether an *e* eases -st and -t: du arbeitest, er öffnet, er zeichnet; but er lernt, er wohnt."""
    return stem.endswith(("d", "t", "chn")) or (stem[-1] in "mn" and stem[-2] not in "aeiouäöülrhmn")


@cache
def conjugate(verb: Verb, person: Person) -> str:
    """Conjugates for the present, without a separable prefix: du liest, er steht (auf)."""
    infinitive = verb.infinitive
    if infinitive in IRREGULAR_FORMS:
        return IRREGULAR_FORMS[infinitive][person]
    stem = _verb_stem(infinitive)
    if person == 0:
        return (stem[:-2] + "l" if infinitive.endswith("eln") else stem) + "e"
    if person in (3, 4):
        return infinitive
    if person == 2 and verb.third:
        return verb.third
    if person == 1 and verb.third:
        # The stem vowel changes for du as it does for er, and then no *e* is put in: du hältst, du lädst.
        stem = verb.third if stem.endswith("t") else verb.third.removesuffix("t")
        easing = ""
    else:
        easing = "e" if _needs_e(stem) else ""
    if person == 1:
        return stem + easing + ("t" if stem.endswith(("s", "ß", "z", "x")) else "st")
    return stem + easing + "t"


@cache
def participle(verb: Verb) -> str:
    """Forms the past participle: gelesen, aufgewacht, besucht, repariert."""
    if verb.participle:
        return verb.participle
    stem = _verb_stem(verb.infinitive)
    unprefixed = verb.infinitive.endswith("ieren") or verb.infinitive.startswith(UNSEPARATED_PREFIXES)
    return verb.prefix + ("" if unprefixed else "ge") + stem + ("et" if _needs_e(stem) else "t")


@cache
def cardinal(number: int) -> str:
    """Writes out a number below a hundred: *einundzwanzig*."""
    if number < 20:
        return SMALL_NUMBERS[number]
    tens, ones = divmod(number, 10)
    if ones == 0:
        return TENS[tens]
    return f"{'ein' if ones == 1 else SMALL_NUMBERS[ones]}und{TENS[tens]}"


@cache
def ordinal(number: int) -> str:
    """Writes out an ordinal below a hundred, weak nominative: (der) *dritte*, *einundzwanzigste*."""
    if number in IRREGULAR_ORDINALS:
        return IRREGULAR_ORDINALS[number]
    return cardinal(number) + ("te" if number < 20 else "ste")


@cache
def date(day: int, month: int) -> str:
    """Says on which day of the year: *am dritten Mai*; `month` counts from 1."""
    return f"am {ordinal(day)}n {MONTHS[month - 1]}"


@cache
def clock(hour: int, minute: int) -> str:
    """Says at what time: *um halb vier*, *um zehn vor eins*; hours are 1 to 12, minutes 0 to 55 in fives.

    German counts the half hour towards the next: half past three is *halb vier*.

    Raises:
        ValueError: for a minute that has no name here.
    """
    following = cardinal(hour % 12 + 1)
    if minute == 0:
        return f"um {'ein' if hour == 1 else cardinal(hour)} Uhr"
    if minute == 30:
        return f"um halb {following}"
    names = {5: "fünf", 10: "zehn", 15: "Viertel", 20: "zwanzig"}
    if minute in names:
        return f"um {names[minute]} nach {cardinal(hour)}"
    if 60 - minute in names:
        return f"um {names[60 - minute]} vor {following}"
    raise ValueError(f"the clock names the minutes 0, 5, 10, 15, 20, 30, 40, 45, 50 and 55; found {minute}")
