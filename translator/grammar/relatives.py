"""Relative clauses: *der Hund, den die Frau sieht*; the pronoun has the gender of its noun and the case of its role."""

from functools import cache

from translator.grammar import german, lexicon
from translator.grammar.alignment import labelled
from translator.grammar.clauses import Clause, Tense, english_statement, german_subordinate
from translator.grammar.frames import motion, predicative, transitive
from translator.grammar.lexicon import Case, Noun, Verb
from translator.grammar.nominals import is_owned, subject
from translator.grammar.phrases import Nominal, Phrase, adjectives_seen
from translator.grammar.splits import Chooser, split_of


@cache
def _verbs_taking(noun: Noun, verbs: tuple[Verb, ...]) -> tuple[Verb, ...]:
    """Lists the verbs that a noun is the object of, as far as that is seen in training."""
    return tuple(verb for verb in verbs if noun in verb.objects and split_of(verb.english, noun.english) == "train")


def with_relative_clause(chooser: Chooser, antecedent: Nominal, main_verb: Verb) -> Nominal:
    """Adds a relative clause, in which the noun is the subject, the object or the dative; rarely, none fits."""
    noun = antecedent.noun
    if noun is None or is_owned(antecedent):
        return antecedent
    person = noun.noun_class == "person"
    relative: Phrase | None
    if person and chooser.chance(0.3):
        relative = _as_agent(chooser, antecedent)
    elif adjectives_seen(noun) and chooser.chance(0.3):
        relative = _as_subject(chooser, antecedent, noun)
    elif person and chooser.chance(0.3):
        relative = _as_object(chooser, antecedent, noun, lexicon.DATIVE, main_verb)
    else:
        relative = _as_object(chooser, antecedent, noun, lexicon.TRANSITIVE, main_verb)
    return antecedent._replace(relative=relative) if relative else antecedent


def _pronoun(antecedent: Nominal, noun: Noun, case: Case) -> Nominal:
    """Builds the relative pronoun; English has *who* and *whom* for persons and *that* for the rest."""
    words = ("who" if case == "nom" else "whom") if noun.noun_class == "person" else "that"
    relative = german.RELATIVE[case][german.form_of(noun, antecedent.plural)]
    return Nominal(labelled(words, "relative"), labelled(relative, "relative"), antecedent.person)


def _as_agent(chooser: Chooser, antecedent: Nominal) -> Phrase:
    """*the man who bought the house*."""
    assert antecedent.noun is not None
    frame = transitive if chooser.chance(0.7) else motion
    agent = _pronoun(antecedent, antecedent.noun, "nom")
    clause = frame(chooser, "train", agent, "past", True)
    return Phrase(english_statement(clause), german_subordinate(clause))


def _as_subject(chooser: Chooser, antecedent: Nominal, noun: Noun) -> Phrase:
    """*the house that is very old*."""
    complement = predicative(chooser, chooser.pick(adjectives_seen(noun)))
    tense: Tense = "present" if chooser.chance(0.6) else "past"
    clause = Clause(_pronoun(antecedent, noun, "nom"), lexicon.BE, tense, complement=complement)
    return Phrase(english_statement(clause), german_subordinate(clause))


def _as_object(
    chooser: Chooser, antecedent: Nominal, noun: Noun, verbs: tuple[Verb, ...], main_verb: Verb
) -> Phrase | None:
    """*the house that the man bought*, *the man whom the woman helped*; None if no other verb takes the noun."""
    fitting = _verbs_taking(noun, verbs)
    verb = chooser.pick(fitting) if fitting else main_verb
    if verb is main_verb:
        return None
    agent = subject(chooser, verb.subjects, other=noun, described=True)
    clause = Clause(agent, verb, "present" if verb.aspect == "state" else "past")
    relative = _pronoun(antecedent, noun, verb.case)
    return Phrase(relative.english + english_statement(clause), relative.german + german_subordinate(clause))
