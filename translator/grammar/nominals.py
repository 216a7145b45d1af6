"""Which noun phrases serve as subjects and objects: determiner, number and adjectives chosen to suit the noun."""

from translator.grammar.alignment import labelled, under
from translator.grammar.german import Person
from translator.grammar.lexicon import WITH_OWNER, Case, Gender, Noun, Verb, nouns
from translator.grammar.phrases import (
    BARE,
    EVERY,
    MANY,
    MY,
    NO,
    NO_MASS,
    OUR,
    THE,
    THIS,
    YOUR,
    A,
    Determiner,
    Nominal,
    attribute,
    noun_phrase,
    possessive_of,
    pronoun,
)
from translator.grammar.splits import Chooser

OWNERS = (MY, MY, YOUR, OUR)
PERSONAL_PRONOUNS = (
    pronoun(0, "nom"),
    pronoun(1, "nom"),
    pronoun(2, "nom", "m", "m"),
    pronoun(2, "nom", "f", "f"),
    pronoun(3, "nom"),
    pronoun(4, "nom"),
)

# (determiner, whether plural, whether counted). In the lists below a shape is repeated by its weight.
Shape = tuple[Determiner, bool, bool]
SINGULAR_THE: Shape = (THE, False, False)
SINGULAR_A: Shape = (A, False, False)
SINGULAR_THIS: Shape = (THIS, False, False)
PLURAL_THE: Shape = (THE, True, False)
PLURAL_THIS: Shape = (THIS, True, False)
PLURAL_BARE: Shape = (A, True, False)
PLURAL_MANY: Shape = (MANY, True, False)
COUNTED: Shape = (A, True, True)
COUNTED_THE: Shape = (THE, True, True)
SINGULAR_EVERY: Shape = (EVERY, False, False)

SUBJECT_SHAPES = (
    *[SINGULAR_THE] * 8,
    *[SINGULAR_A] * 2,
    SINGULAR_THIS,
    SINGULAR_EVERY,
    *[PLURAL_THE] * 3,
    PLURAL_THIS,
    COUNTED,
    COUNTED_THE,
    PLURAL_MANY,
)
OBJECT_SHAPES = (
    *[SINGULAR_THE] * 5,
    *[SINGULAR_A] * 5,
    SINGULAR_THIS,
    *[PLURAL_THE] * 2,
    PLURAL_THIS,
    *[COUNTED] * 2,
    PLURAL_MANY,
    PLURAL_BARE,
)
PERSON_SHAPES = tuple(shape for shape in OBJECT_SHAPES if shape != PLURAL_BARE)
DEFINITE_SHAPES = (*[SINGULAR_THE] * 4, SINGULAR_THIS, *[PLURAL_THE] * 2, PLURAL_THIS)
DESCRIBED_SHAPES = (*DEFINITE_SHAPES, *[SINGULAR_THE] * 2, COUNTED_THE, PLURAL_MANY)
INDEFINITE_SHAPES = (*[SINGULAR_A] * 6, *[COUNTED] * 3, PLURAL_MANY)
MASS_DETERMINERS = (THE, THE, BARE, BARE, THIS)

PEOPLE = nouns("people")
UNOWNED = ("place", "opening", "person", "animal", "transport")
ONLY_ONE = nouns("mother father grandmother grandfather")
COUPLES = (
    nouns("mother father"),
    nouns("sister brother"),
    nouns("aunt uncle"),
    nouns("grandmother grandfather"),
    nouns("daughter son"),
)


def is_person(nominal: Nominal) -> bool:
    """Whether it may be the subject of a modal verb: a personal pronoun or a noun for a person."""
    return nominal.noun is None or nominal.noun.noun_class in ("person", "kin")


def _kin(chooser: Chooser, noun: Noun, case: Case, owner: Determiner, adjective: float) -> Nominal:
    """A kinship noun always has an owner."""
    plural = noun not in ONLY_ONE and chooser.chance(0.15)
    return noun_phrase(noun, owner, case, plural, attribute(chooser, noun, adjective))


def _can_be_owned(noun: Noun) -> bool:
    return noun.noun_class not in UNOWNED or noun in WITH_OWNER


def _shaped(chooser: Chooser, noun: Noun, case: Case, shape: Shape, adjective: float) -> Nominal:
    determiner, plural, counted = shape
    numeral = 0
    if counted:
        numeral = chooser.number(2, 4 if chooser.chance(0.6) else 12)
    return noun_phrase(noun, determiner, case, plural, attribute(chooser, noun, adjective), numeral)


def subject(
    chooser: Chooser,
    candidates: tuple[Noun, ...],
    noun: Noun | None = None,
    other: Noun | None = None,
    described: bool = False,
) -> Nominal:
    """Chooses a subject.

    Args:
        chooser: Makes the choices.
        candidates: What the verb selects; persons may be named by a pronoun, and relatives in pairs.
        noun: The head, where the kernel has already chosen it.
        other: A noun that the clause has already, and that is not repeated.
        described: Whether the predicate is an adjective: the subject has none then, and is a definite one.
    """
    if noun is None:
        if candidates[0].noun_class == "person" and chooser.chance(0.3):
            return chooser.pick(PERSONAL_PRONOUNS)
        noun = chooser.pick(candidates)
        if noun is other:
            return pronoun(0, "nom")
        if noun.noun_class == "kin" and chooser.chance(0.1):
            return _two_relatives(chooser)
    if noun.noun_class == "kin":
        return _kin(chooser, noun, "nom", chooser.pick(OWNERS), 0.0 if described else 0.15)
    if not noun.english_plural:
        return noun_phrase(noun, THE, "nom", adjectives=attribute(chooser, noun, 0.0 if described else 0.25))
    if described:
        return _shaped(chooser, noun, "nom", chooser.pick(DESCRIBED_SHAPES), 0.0)
    return _shaped(chooser, noun, "nom", chooser.pick(SUBJECT_SHAPES), 0.3)


def _two_relatives(chooser: Chooser) -> Nominal:
    """Coordinates two subjects into a plural: *my aunt and my uncle*."""
    owner, names = chooser.pick(OWNERS), chooser.pick(COUPLES)
    first, second = (noun_phrase(noun, owner, "nom") for noun in names)
    english, german = (
        (*under("first", one), *labelled(conjunction, "and"), *under("second", two))
        for one, conjunction, two in ((first.english, "and", second.english), (first.german, "und", second.german))
    )
    return Nominal(english, german, 4, names[0], plural=True)


def verbal_object(
    chooser: Chooser, noun: Noun, subject: Nominal, verb: Verb, negated: bool, case: Case | None = None
) -> Nominal:
    """Chooses the object of a verb.

    Args:
        chooser: Makes the choices.
        noun: Its head.
        subject: Who may own it: *she ... her book*.
        verb: Verbs of state take definite objects (*love the ...*), *have* takes indefinite ones.
        negated: Whether *not a* may merge into *kein*.
        case: Another case than that which the verb governs, for the recipient.
    """
    case = case or verb.case
    if noun.noun_class == "kin":
        own = possessive_of(subject)
        return _kin(chooser, noun, case, own if own and chooser.chance(0.5) else chooser.pick(OWNERS), 0.15)
    if not noun.english_plural:
        determiner = BARE if noun.noun_class == "game" else chooser.pick(MASS_DETERMINERS)
        if negated and determiner is BARE:
            determiner = NO_MASS
        return noun_phrase(noun, determiner, case, adjectives=attribute(chooser, noun, 0.2))
    if verb.english == "have":
        shapes: tuple[Shape, ...] = INDEFINITE_SHAPES
    else:
        active = PERSON_SHAPES if noun.noun_class == "person" else OBJECT_SHAPES
        shapes = DEFINITE_SHAPES if verb.aspect == "state" else active
        if _can_be_owned(noun) and chooser.chance(0.2):
            own = possessive_of(subject) or chooser.pick(OWNERS)
            # Each of several people wears his own: *they put on their coats*.
            plural = chooser.chance(0.2) or (noun.noun_class == "clothing" and subject.person in (3, 4))
            return _shaped(chooser, noun, case, (own, plural, False), 0.25)
    shape = chooser.pick(shapes)
    if negated and shape in (SINGULAR_A, PLURAL_BARE, COUNTED, PLURAL_MANY):
        shape = (NO, chooser.chance(0.3), False)
    return _shaped(chooser, noun, case, shape, 0.3)


def recipient(chooser: Chooser, agent: Nominal, verb: Verb) -> Nominal:
    """Chooses who gets something, in the dative: *ihr*, *dem Kind*; nobody gives to himself here."""
    if chooser.chance(0.4):
        groups: dict[int, tuple[Person, ...]] = {0: (1, 2, 4), 1: (0, 2, 3, 4), 3: (1, 2, 4)}
        person = chooser.pick(groups.get(agent.person, (0, 1, 2, 3, 4)))
        sex: Gender = "m" if chooser.chance(0.5) else "f"
        return pronoun(person, "dat", sex, sex)
    noun = chooser.pick(PEOPLE)
    if noun is agent.noun:
        return pronoun(0, "dat")
    return verbal_object(chooser, noun, agent, verb, negated=False, case="dat")


def singular(chooser: Chooser, noun: Noun) -> Nominal:
    """Chooses a subject of which one states a measure: *this old chair*, *my aunt*."""
    if noun.noun_class == "kin":
        determiner = chooser.pick(OWNERS)
    else:
        determiner = chooser.pick((THE, THE, THIS, MY) if _can_be_owned(noun) else (THE, THIS))
    return noun_phrase(noun, determiner, "nom", adjectives=attribute(chooser, noun, 0.3))


def existing(chooser: Chooser, noun: Noun) -> Nominal:
    """Chooses the accusative object of *es gibt*, *there is*: always indefinite."""
    if chooser.chance(0.4):
        numeral = chooser.number(2, 99)
        return noun_phrase(noun, A, "acc", True, attribute(chooser, noun, 0.3), numeral)
    return _shaped(chooser, noun, "acc", chooser.pick(INDEFINITE_SHAPES), 0.35)


def takes_kein(nominal: Nominal) -> bool:
    """Whether the negation of the clause is merged into the article of its object."""
    return nominal.german[0].text.startswith("kein")


def is_quantified(nominal: Nominal) -> bool:
    """Whether *not* would be ambiguous after it: *every student has not slept*."""
    return nominal.english[0].text in ("every", "many")


def is_owned(nominal: Nominal) -> bool:
    """Whether a possessive has said already which one is meant."""
    return nominal.english[0].text in ("my", "your", "his", "her", "our", "their")
