"""Noun phrases and adverbials: each function makes one choice and says it in both languages."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple

from translator.grammar import english, german
from translator.grammar.alignment import Word, Words, labelled, under
from translator.grammar.german import Form, Person
from translator.grammar.lexicon import ADJECTIVES, PREDICATIVE, Adjective, Case, Gender, Noun
from translator.grammar.splits import Chooser, split_of


class Phrase(NamedTuple):
    """Words that mean the same; both empty where the phrase is absent."""

    english: Words
    german: Words

    def under(self, role: str) -> "Phrase":
        """The same as what plays a role in a larger whole."""
        return Phrase(under(role, self.english), under(role, self.german))


NOTHING = Phrase((), ())


@cache
def phrase(english: str, german: str, links: str = "", possible: str = "") -> Phrase:
    """A fixed phrase.

    Args:
        english: its words.
        german: its words.
        links: which correspond, as in "0-1 1-0", the English word first; one by one in order by default.
        possible: links that are no fault.

    Raises:
        ValueError: there are no links, and not as many words in the one language as in the other.
    """
    sides = english.split(), german.split()
    if not links and len(sides[0]) != len(sides[1]):
        raise ValueError(f"{english!r} and {german!r} need links: they have {len(sides[0])} and {len(sides[1])} words")
    sure = links.split() or [f"{i}-{i}" for i in range(len(sides[0]))]
    # The label of a link is the link; a possible one is in `sure` of the German word alone.
    first, second = (
        tuple(
            Word(
                text,
                tuple(link for link in kinds if link.split("-")[side] == str(i)),
                tuple(link for link in possible.split() if link.split("-")[side] == str(i)) if side == 0 else (),
            )
            for i, text in enumerate(sides[side])
        )
        for side, kinds in ((0, sure), (1, [*sure, *possible.split()]))
    )
    return Phrase(first, second)


class Nominal(NamedTuple):
    """A noun phrase or pronoun, in its case.

    Attributes:
        person: What the verb agrees with.
        noun: The head; None for a pronoun.
        relative: The relative clause, kept apart because German puts that of an object after the verb.
    """

    english: Words
    german: Words
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

NEGATED = "negated"
"""The label of *kein*, which English *not* has too."""

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
    german_words = [Word(word, (f"determiner{i}",)) for i, word in enumerate(article.split())]
    english_words = []
    if determiner.german == "kein":
        german_words = [Word(article, (NEGATED,), ("determiner0",))]
    if numeral:
        german_words.append(Word(german.cardinal(numeral), ("numeral",)))
        english_words.append(Word(english.cardinal(numeral), ("numeral",)))
    for i, adjective in enumerate(adjectives):
        label = (f"adjective{i}",)
        german_words.append(Word(german.decline_adjective(adjective, endings, form, case), label))
        english_words.append(Word(adjective.english, label))
    german_words.append(Word(german.decline_noun(noun, plural, case), ("noun",)))
    english_words.append(Word(noun.english_plural if plural else noun.english, ("noun",)))
    english_determiner = determiner.english_plural if plural else determiner.english_singular
    if english_determiner == "a":
        english_determiner = english.indefinite_article(english_words[0].text)
    before = [Word(word, (f"determiner{i}",)) for i, word in enumerate(english_determiner.split())]
    return Nominal((*before, *english_words), tuple(german_words), 4 if plural else 2, noun, plural)


@cache
def pronoun(person: Person, case: Case, gender: Gender = "m", sex: Gender = "m") -> Nominal:
    """Builds a personal pronoun; German *er/sie/es* by gender, English *he/she/it* by sex."""
    english_pronoun = (SUBJECT_PRONOUNS if case == "nom" else OBJECT_PRONOUNS)[person]
    german_pronoun = german.PERSONAL[case][person]
    return Nominal(
        labelled(english_pronoun[sex] if isinstance(english_pronoun, dict) else english_pronoun, "pronoun"),
        labelled(german_pronoun[gender] if isinstance(german_pronoun, dict) else german_pronoun, "pronoun"),
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
    sex = {"he": "m", "she": "f"}.get(subject.english[0].text) if subject.noun is None else subject.noun.sex
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
