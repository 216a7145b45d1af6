"""Valency frames: each function builds a clause around one kernel, with what its kind of predicate asks for."""

from functools import cache
from typing import NamedTuple, Protocol

from translator.grammar import adverbials, english, german, lexicon
from translator.grammar.alignment import written
from translator.grammar.clauses import MODALS, Clause, Modal, Tense
from translator.grammar.lexicon import Adjective, Verb
from translator.grammar.nominals import (
    is_person,
    is_quantified,
    recipient,
    singular,
    subject,
    takes_kein,
    verbal_object,
)
from translator.grammar.phrases import NOTHING, Nominal, Phrase, phrase
from translator.grammar.splits import Chooser

TENSES: dict[str, tuple[Tense | None, ...]] = {
    "activity": ("past", "past", "past", "progressive", "present", "present", "future", None),
    "once": ("past", "past", "past", "progressive", "future", "future", None),
    "event": ("past",),
    "state": ("present", "present", "present", "past"),
}
"""The tenses that an aspect allows, each repeated by its weight; None stands for a modal verb."""

NEVER = phrase("never", "nie")


class Setting(NamedTuple):
    """Tense, polarity and time of a clause; the fields are those of `Clause`."""

    tense: Tense
    modal: Modal | None = None
    negated: bool = False
    adverb: Phrase = NOTHING
    time: Phrase = NOTHING
    fronted: Phrase = NOTHING


def setting(chooser: Chooser, verb: Verb, agent: Nominal, tense: Tense | None, bare: bool) -> Setting:
    """Chooses tense, modal verb, negation and time so that they go together.

    Args:
        chooser: Makes the choices.
        verb: Its aspect limits the tenses.
        agent: The subject: only persons have modal verbs, and *every* excludes negation.
        tense: Fixed where the sentence requires one, such as that of another clause.
        bare: Whether to leave out negation and all expressions of time.
    """
    modal = None
    if tense is None:
        tense = chooser.pick(TENSES[verb.aspect])
        if tense is None and not is_person(agent):
            tense = "past"
        elif tense is None:
            modal = chooser.pick(MODALS)
            tense = modal.tense
    if bare:
        return Setting(tense, modal)
    deniable = not is_quantified(agent)
    if verb.aspect == "state":
        return Setting(tense, negated=deniable and chooser.chance(0.2))
    if tense == "present":
        return _habit(chooser)
    # With a negation the time is fronted, to keep its scope unambiguous: *Gestern hat er das Buch nicht gelesen.*
    negated = deniable and chooser.chance(0.15)
    if not chooser.chance(0.3 if tense == "progressive" or modal else 0.6):
        return Setting(tense, modal, negated)
    when = adverbials.time(chooser, tense, verb.english not in lexicon.DAILY)
    if negated or chooser.chance(0.35):
        return Setting(tense, modal, negated, fronted=when)
    return Setting(tense, modal, time=when)


def _habit(chooser: Chooser) -> Setting:
    """A simple present says how often something is done."""
    if chooser.chance(0.12):
        return Setting("present", adverb=NEVER)
    if chooser.chance(0.4):
        return Setting("present", adverb=chooser.pick(adverbials.FREQUENCY))
    when = adverbials.time(chooser, "present")
    return Setting("present", fronted=when) if chooser.chance(0.3) else Setting("present", time=when)


def _place(chooser: Chooser, verb: Verb, chosen: Setting, bare: bool) -> Phrase:
    """Says where, if the verb has places and the clause is not negated."""
    places = lexicon.LOCATIONS.get(verb.english)
    if places is None or bare or chosen.negated or chosen.adverb is NEVER or not chooser.chance(0.4):
        return NOTHING
    return adverbials.location(chooser, adverbials.PLACE_OF[chooser.pick(places)])


def _clause(
    agent: Nominal,
    verb: Verb,
    chosen: Setting,
    objects: tuple[Nominal, ...] = (),
    complement: Phrase = NOTHING,
    place: Phrase = NOTHING,
) -> Clause:
    """Puts a clause together; it is negated with *nicht* unless an object has *kein*."""
    if chosen.adverb is NEVER:
        negator = written(NEVER.german)
    elif chosen.negated and not any(takes_kein(nominal) for nominal in objects):
        negator = "nicht"
    else:
        negator = ""
    tense, modal, negated, adverb, time, fronted = chosen
    return Clause(agent, verb, tense, modal, negated, negator, adverb, objects, complement, place, time, fronted)


@cache
def _heads(verbs: tuple[Verb, ...], tense: Tense | None) -> tuple[Verb, ...]:
    """Leaves out verbs whose aspect excludes a tense that the sentence requires."""
    aspects = {None: ("activity", "once", "event", "state"), "past": ("activity", "once", "event")}
    return tuple(verb for verb in verbs if verb.aspect in aspects.get(tense, ("activity", "once")))


def transitive(
    chooser: Chooser, split: str, agent: Nominal | None = None, tense: Tense | None = None, bare: bool = False
) -> Clause:
    """Somebody does something to an object: *Die Frau liest ein Buch*."""
    return _with_object(chooser, split, lexicon.TRANSITIVE, agent, tense, bare)


def dative(
    chooser: Chooser, split: str, agent: Nominal | None = None, tense: Tense | None = None, bare: bool = False
) -> Clause:
    """The one object is a dative in German: *Die Frau hilft dem Kind*."""
    return _with_object(chooser, split, lexicon.DATIVE, agent, tense, bare)


def _with_object(
    chooser: Chooser,
    split: str,
    verbs: tuple[Verb, ...],
    agent: Nominal | None,
    tense: Tense | None,
    bare: bool,
) -> Clause:
    verb, noun = chooser.kernel(_heads(verbs, tense), split)
    agent = agent or subject(chooser, verb.subjects, other=noun)
    chosen = setting(chooser, verb, agent, tense, bare)
    patient = verbal_object(chooser, noun, agent, verb, chosen.negated)
    place = NOTHING if noun.noun_class == "place" else _place(chooser, verb, chosen, bare)
    return _clause(agent, verb, chosen, (patient,), place=place)


def prepositional(
    chooser: Chooser, split: str, agent: Nominal | None = None, tense: Tense | None = None, bare: bool = False
) -> Clause:
    """The object has a preposition, which German lets govern a case: *Die Frau wartet auf den Bus*."""
    verb, noun = chooser.kernel(_heads(lexicon.PREPOSITIONAL, tense), split)
    agent = agent or subject(chooser, verb.subjects, other=noun)
    chosen = setting(chooser, verb, agent, tense, bare)
    # *nicht auf einen Brief*: the preposition keeps *nicht* and the article apart.
    nominal = verbal_object(chooser, noun, agent, verb, negated=False)
    # The English preposition stands with the verb; see `clauses.english_verbs`.
    complement = Phrase(nominal.english, german.contract(verb.preposition, nominal.german))
    return _clause(agent, verb, chosen, complement=complement, place=_place(chooser, verb, chosen, bare))


def ditransitive(
    chooser: Chooser, split: str, agent: Nominal | None = None, tense: Tense | None = None, bare: bool = False
) -> Clause:
    """A recipient in the dative, then an object in the accusative: *Die Frau gibt dem Kind einen Apfel*."""
    verb, noun = chooser.kernel(_heads(lexicon.DITRANSITIVE, tense), split)
    agent = agent or subject(chooser, verb.subjects)
    chosen = setting(chooser, verb, agent, tense, bare)
    to_whom = recipient(chooser, agent, verb)
    theme = verbal_object(chooser, noun, agent, verb, chosen.negated)
    return _clause(agent, verb, chosen, (to_whom, theme))


def intransitive(
    chooser: Chooser, split: str, agent: Nominal | None = None, tense: Tense | None = None, bare: bool = False
) -> Clause:
    """Somebody does something: *Das Kind schläft*."""
    verb, noun = chooser.kernel(_heads(lexicon.INTRANSITIVE, tense), split)
    agent = agent or subject(chooser, verb.subjects, noun)
    chosen = setting(chooser, verb, agent, tense, bare)
    return _clause(agent, verb, chosen, place=_place(chooser, verb, chosen, bare))


def location(
    chooser: Chooser, split: str, agent: Nominal | None = None, tense: Tense | None = None, bare: bool = False
) -> Clause:
    """Somebody is somewhere: *Die Katze sitzt im Garten*."""
    verb, noun = chooser.kernel(_heads(lexicon.LOCATION, tense), split)
    agent = agent or subject(chooser, verb.subjects, noun)
    chosen = setting(chooser, verb, agent, tense, bare)
    place = adverbials.PLACE_OF[chooser.pick(lexicon.LOCATIONS[verb.english])]
    return _clause(agent, verb, chosen, complement=adverbials.location(chooser, place))


def motion(
    chooser: Chooser, split: str, agent: Nominal | None = None, tense: Tense | None = None, bare: bool = False
) -> Clause:
    """Somebody goes somewhere: *Die Frau geht in den Park*."""
    verb, noun = chooser.kernel(_heads(lexicon.MOTION, tense), split)
    agent = agent or subject(chooser, verb.subjects)
    chosen = setting(chooser, verb, agent, tense, bare)
    return _clause(agent, verb, chosen, complement=adverbials.goal(chooser, adverbials.PLACE_OF[noun]))


def copular(
    chooser: Chooser, split: str, agent: Nominal | None = None, tense: Tense | None = None, bare: bool = False
) -> Clause:
    """Something has a property: *Der Tisch ist sehr alt.* The adjective has no ending."""
    adjective, noun = chooser.kernel(lexicon.ADJECTIVES, split)
    agent = agent or subject(chooser, (), noun, described=True)
    tense = tense or ("past" if chooser.chance(0.25) else "present")
    negated = not bare and not is_quantified(agent) and chooser.chance(0.15)
    return _clause(agent, lexicon.BE, Setting(tense, negated=negated), complement=predicative(chooser, adjective))


def predicative(chooser: Chooser, adjective: Adjective) -> Phrase:
    """Makes a predicate of an adjective, sometimes with its degree."""
    if adjective.english in lexicon.UNGRADED or chooser.chance(0.7):
        return phrase(adjective.english, adjective.german)
    return phrase(f"very {adjective.english}", f"sehr {adjective.german}")


def measure(
    chooser: Chooser, split: str, agent: Nominal | None = None, tense: Tense | None = None, bare: bool = False
) -> Clause:
    """Says an age or a price in words: *Meine Tante ist einundvierzig Jahre alt*."""
    head, noun = chooser.kernel((lexicon.COST, lexicon.YEARS_OLD), split)
    if head is lexicon.COST:
        verb, number = lexicon.COST, chooser.number(2, 99)
        complement = phrase(f"{english.cardinal(number)} euros", f"{german.cardinal(number)} Euro")
    else:
        verb, number = lexicon.BE, chooser.number(*lexicon.AGE_OF[noun])
        complement = phrase(f"{english.cardinal(number)} years old", f"{german.cardinal(number)} Jahre alt")
    return _clause(singular(chooser, noun), verb, Setting("present"), complement=complement)


class Frame(Protocol):
    """A function that builds a clause."""

    def __call__(
        self, chooser: Chooser, split: str, agent: Nominal | None = None, tense: Tense | None = None, bare: bool = False
    ) -> Clause: ...


ALL: tuple[Frame, ...] = (
    *[transitive] * 10,
    *[ditransitive] * 3,
    *[dative] * 2,
    *[prepositional] * 3,
    *[intransitive] * 4,
    *[location] * 1,
    *[motion] * 2,
)
"""The frames of verbs, each repeated by its weight."""
WITH_FREE_AGENT: tuple[Frame, ...] = (
    *[transitive] * 6,
    *[ditransitive] * 2,
    dative,
    prepositional,
    motion,
)
"""The frames whose kernel does not include the subject, so that a question may ask for it."""
