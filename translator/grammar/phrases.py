"""Noun phrases and adverbials: each function makes one choice and says it in both languages."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple

from translator.grammar import english, german
from translator.grammar.german import Form, Person
from translator.grammar.lexicon import ADJECTIVES, PREDICATIVE, Adjective, Case, Gender, Noun
from translator.grammar.splits import Chooser, split_of


class Phrase(NamedTuple):
    """Words that mean the same; both empty where the phrase is absent."""

    english: str
    german: str


NOTHING = Phrase("", "")


class Nominal(NamedTuple):
    """A noun phrase or pronoun, in its case.

    Attributes:
        person: What the verb agrees with.
        noun: The head; None for a pronoun.
        relative: The relative clause, kept apart because German puts that of an object after the verb.
    """

    english: str
    german: str
    person: Person
    noun: Noun | None = None
    plural: bool = False
    relative: Phrase = NOTHING


@dataclass(frozen=True, slots=True, eq=False)
class Determiner:
    """An article or another determiner.

    Attributes:
        german: The stem; empty for none. The definite article is spelled out in `german.DEFINITE`.
        endings: Which endings it has itself.
        adjective: Which endings it leaves to an adjective in the singular; in the plural only "strong" is kept.
    """

    english_singular: str
    english_plural: str
    german: str
    endings: Literal["definite", "der", "ein", "none"]
    adjective: Literal["weak", "mixed", "strong"]


THE = Determiner("the", "the", "", "definite", "weak")
A = Determiner("a", "", "ein", "ein", "mixed")
NO = Determiner("a", "", "kein", "ein", "mixed")
"""English *not ... a*, German *kein*."""
NO_MASS = Determiner("", "", "kein", "ein", "mixed")
THIS = Determiner("this", "these", "dies", "der", "weak")
EVERY = Determiner("every", "every", "jed", "der", "weak")
WHICH = Determiner("which", "which", "welch", "der", "weak")
MANY = Determiner("many", "many", "viel", "der", "strong")
HOW_MANY = Determiner("how many", "how many", "wie viel", "der", "strong")
BARE = Determiner("", "", "", "none", "strong")
MY = Determiner("my", "my", "mein", "ein", "mixed")
YOUR = Determiner("your", "your", "dein", "ein", "mixed")
OUR = Determiner("our", "our", "unser", "ein", "mixed")
HIS = Determiner("his", "his", "sein", "ein", "mixed")
HER = Determiner("her", "her", "ihr", "ein", "mixed")
THEIR = Determiner("their", "their", "ihr", "ein", "mixed")

OBJECT_PRONOUNS = ("me", "you", {"m": "him", "f": "her", "n": "it"}, "us", "them")
SUBJECT_PRONOUNS = ("I", "you", {"m": "he", "f": "she", "n": "it"}, "we", "they")


@cache
def determine(determiner: Determiner, form: Form, case: Case) -> str:
    """Declines a determiner: dem, diesen, meiner; nothing for the plural of *ein*."""
    if determiner.endings == "definite":
        return german.DEFINITE[case][form]
    if determiner.endings == "none" or (determiner is A and form == "p"):
        return ""
    table = german.DER_WORD if determiner.endings == "der" else german.EIN_WORD
    return determiner.german + table[case][form]


def noun_phrase(
    noun: Noun,
    determiner: Determiner,
    case: Case,
    plural: bool = False,
    adjectives: Sequence[Adjective] = (),
    numeral: int = 0,
) -> Nominal:
    """Builds determiner, numeral, adjectives and noun, which agree in German in gender, number and case."""
    form = german.form_of(noun, plural)
    article = determine(determiner, form, case)
    endings: str = determiner.adjective
    if plural:
        endings = "weak" if article and determiner.adjective != "strong" else "strong"
    german_words = [article] if article else []
    english_words = []
    if numeral:
        german_words.append(german.cardinal(numeral))
        english_words.append(english.cardinal(numeral))
    for adjective in adjectives:
        german_words.append(german.decline_adjective(adjective, endings, form, case))
        english_words.append(adjective.english)
    german_words.append(german.decline_noun(noun, plural, case))
    english_words.append(noun.english_plural if plural else noun.english)
    words = " ".join(english_words)
    english_determiner = determiner.english_plural if plural else determiner.english_singular
    if english_determiner == "a":
        words = english.with_indefinite_article(words)
    elif english_determiner:
        words = f"{english_determiner} {words}"
    return Nominal(words, " ".join(german_words), 4 if plural else 2, noun, plural)


@cache
def pronoun(person: Person, case: Case, gender: Gender = "m", sex: Gender = "m") -> Nominal:
    """Builds a personal pronoun; German *er/sie/es* by gender, English *he/she/it* by sex."""
    english_pronoun = (SUBJECT_PRONOUNS if case == "nom" else OBJECT_PRONOUNS)[person]
    german_pronoun = german.PERSONAL[case][person]
    return Nominal(
        english_pronoun[sex] if isinstance(english_pronoun, dict) else english_pronoun,
        german_pronoun[gender] if isinstance(german_pronoun, dict) else german_pronoun,
        person,
    )


def pronoun_for(nominal: Nominal, case: Case) -> Nominal | None:
    """Refers back to a noun phrase: *the table ... it*, *der Tisch ... er*; None where English has no sure pronoun."""
    if nominal.noun is None:
        return None
    if nominal.plural:
        return pronoun(4, case)
    sex = nominal.noun.sex
    if sex is None:
        return None
    # Das Mädchen is *sie* like every other woman.
    return pronoun(2, case, nominal.noun.gender if sex == "n" else sex, sex)


def possessive_of(subject: Nominal) -> Determiner | None:
    """Finds the possessive that refers to the subject: *she ... her*; None where English has no sure one."""
    if subject.person in (0, 1, 3):
        return {0: MY, 1: YOUR, 3: OUR}[subject.person]
    if subject.person == 4:
        return THEIR
    sex = {"he": "m", "she": "f"}.get(subject.english) if subject.noun is None else subject.noun.sex
    return {"m": HIS, "f": HER}.get(sex or "")


@cache
def adjectives_of(noun: Noun) -> tuple[Adjective, ...]:
    """Lists the adjectives that can be said of a noun."""
    return tuple(adjective for adjective in ADJECTIVES if noun in adjective.nouns)


@cache
def adjectives_seen(noun: Noun) -> tuple[Adjective, ...]:
    """Lists those of them that make a kernel of training with the noun."""
    return tuple(a for a in adjectives_of(noun) if split_of(a.english, noun.english) == "train")


@cache
def _attributes_of(noun: Noun) -> tuple[Adjective, ...]:
    return tuple(adjective for adjective in adjectives_of(noun) if adjective.english not in PREDICATIVE)


def attribute(chooser: Chooser, noun: Noun, probability: float) -> Sequence[Adjective]:
    """Picks one adjective before the noun, or none."""
    fitting = _attributes_of(noun)
    return (chooser.pick(fitting),) if fitting and chooser.chance(probability) else ()
