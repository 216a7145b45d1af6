"""The clause: one abstract structure, and its word orders in both languages.

German is laid out in the topological fields of the school grammars: Vorfeld, left bracket (the finite verb),
Mittelfeld, right bracket (prefix, infinitive, participle), Nachfeld. A main clause has the finite verb second, a
subordinate clause has it at the end of the right bracket, and a yes/no question has no Vorfeld.
"""

from functools import cache
from typing import Literal, NamedTuple

from translator.grammar import english, german
from translator.grammar.german import Person
from translator.grammar.lexicon import Verb
from translator.grammar.phrases import NOTHING, Nominal, Phrase

Tense = Literal["present", "progressive", "past", "future"]
"""German has one present for two of English. Its past is the Perfekt, but *war*, *hatte* and the modals' Präteritum."""


class Modal(NamedTuple):
    """A modal verb.

    Attributes:
        auxiliary: The English word that is inverted and negated; empty if *do* is.
        english: The rest, in the forms for *I*, for *he* and after *do*.
        german: The key of its forms in `german.IRREGULAR`.
        tense: Which expressions of time go with it.
    """

    auxiliary: str
    english: tuple[str, str, str]
    german: str
    tense: Literal["future", "past"]


MODALS = (
    Modal("can", ("", "", ""), "können", "future"),
    Modal("should", ("", "", ""), "sollte", "future"),
    Modal("would", ("like to", "like to", "like to"), "möchte", "future"),
    Modal("", ("want to", "wants to", "want to"), "wollen", "future"),
    Modal("", ("have to", "has to", "have to"), "müssen", "future"),
    Modal("could", ("", "", ""), "konnte", "past"),
    Modal("", ("wanted to", "wanted to", "want to"), "wollte", "past"),
    Modal("", ("had to", "had to", "have to"), "musste", "past"),
)

_COPULA: dict[str, tuple[str, ...]] = {
    "present": ("am", "are", "is", "are", "are"),
    "past": ("was", "were", "was", "were", "were"),
}


class Clause(NamedTuple):
    """A clause before its words are put in order.

    Attributes:
        negated: Whether English has *not*.
        negator: What German has in its place, *nicht* or *nie*; empty if the object has *kein*.
        adverb: How often; *never* stands here in English, as `negator` in German.
        objects: In the order of both languages: dative before accusative.
        complement: What German puts right before the right bracket: a goal, a prepositional object, a predicate.
        fronted: What stands before the subject in English and in the Vorfeld of a German main clause.
    """

    subject: Nominal
    verb: Verb
    tense: Tense
    modal: Modal | None = None
    negated: bool = False
    negator: str = ""
    adverb: Phrase = NOTHING
    objects: tuple[Nominal, ...] = ()
    complement: Phrase = NOTHING
    place: Phrase = NOTHING
    time: Phrase = NOTHING
    fronted: Phrase = NOTHING


@cache
def english_verbs(verb: Verb, person: Person, tense: Tense, modal: Modal | None, do: bool) -> tuple[str, str]:
    """Splits the English verbs into the auxiliary, which is inverted and negated, and the rest; either may be empty.

    Args:
        verb: The lexical verb.
        person: What the verb agrees with.
        tense: Ignored with a modal, which brings its own.
        modal: A modal verb, if any.
        do: Whether *do* is put in where there is no other auxiliary, as in questions and with *not*.
    """
    third = person == 2
    if modal:
        past = modal.tense == "past"
        base = verb.english
        if modal.auxiliary:
            return modal.auxiliary, f"{modal.english[0]} {base}".strip()
        if do:
            return ("did" if past else "does" if third else "do"), f"{modal.english[2]} {base}"
        return "", f"{modal.english[1 if third else 0]} {base}"
    if tense == "future":
        return "will", verb.english
    if tense == "progressive":
        return _COPULA["present"][person], english.gerund(verb)
    if verb.english == "be":
        return _COPULA[tense][person], ""
    if do:
        return ("did" if tense == "past" else "does" if third else "do"), verb.english
    if tense == "past":
        return "", english.past(verb)
    return "", english.third_person(verb) if third else verb.english


@cache
def german_verbs(verb: Verb, person: Person, tense: Tense, modal: Modal | None) -> tuple[str, str, str]:
    """Gives the left and the right bracket of a main clause, and the right bracket of a subordinate clause."""
    infinitive = verb.prefix + verb.infinitive
    if modal:
        finite, rest = german.IRREGULAR_FORMS[modal.german][person], infinitive
    elif tense == "future":
        finite, rest = german.IRREGULAR_FORMS["werden"][person], infinitive
    elif tense == "past" and verb.infinitive in ("sein", "haben"):
        finite, rest = german.IRREGULAR_FORMS[{"sein": "war", "haben": "hatte"}[verb.infinitive]][person], ""
    elif tense == "past":
        finite, rest = german.IRREGULAR_FORMS[verb.auxiliary][person], german.participle(verb)
    else:
        finite = german.conjugate(verb, person)
        return finite, verb.prefix, verb.prefix + finite
    return finite, rest, f"{rest} {finite}".strip()


def join(*words: str) -> str:
    return " ".join([word for word in words if word])


def with_relative(nominal: Nominal) -> Phrase:
    """Puts the relative clause after its noun; German sets commas around it."""
    if nominal.relative is NOTHING:
        return Phrase(nominal.english, nominal.german)
    return Phrase(f"{nominal.english} {nominal.relative.english}", f"{nominal.german}, {nominal.relative.german},")


def _english_predicate(clause: Clause, main_verb: str) -> list[str]:
    """Everything after the auxiliary and *not*."""
    objects = [with_relative(nominal).english for nominal in clause.objects]
    return [
        clause.adverb.english,
        main_verb,
        *objects,
        clause.complement.english,
        clause.place.english,
        clause.time.english,
    ]


def english_statement(clause: Clause) -> str:
    """Orders a statement or subordinate clause: fronted, subject, auxiliary, *not*, predicate."""
    auxiliary, main = english_verbs(clause.verb, clause.subject.person, clause.tense, clause.modal, clause.negated)
    if clause.negated:
        auxiliary = "cannot" if auxiliary == "can" else f"{auxiliary} not"
    fronted = clause.fronted.english + "," if clause.fronted.english else ""
    return join(fronted, with_relative(clause.subject).english, auxiliary, *_english_predicate(clause, main))


def english_question(clause: Clause, asked: str = "") -> str:
    """Orders a question: what is asked for, auxiliary, subject, *not*, predicate."""
    auxiliary, main = english_verbs(clause.verb, clause.subject.person, clause.tense, clause.modal, True)
    negation = "not" if clause.negated else ""
    return join(asked, auxiliary, clause.subject.english, negation, *_english_predicate(clause, main))


def _mittelfeld(clause: Clause) -> list[str]:
    """Orders the words between the brackets after the subject: pronouns first, the negated part last."""
    pronouns = [nominal.german for nominal in clause.objects if nominal.noun is None]
    others = [nominal.german for nominal in clause.objects if nominal.noun is not None]
    adverb = "" if clause.negator else clause.adverb.german
    return [
        *pronouns,
        adverb,
        clause.time.german,
        clause.place.german,
        *others,
        clause.negator,
        clause.complement.german,
    ]


def _nachfeld(clause: Clause) -> str:
    """The relative clause of an object, with its comma."""
    return "".join(f", {nominal.relative.german}" for nominal in clause.objects if nominal.relative is not NOTHING)


def german_main(clause: Clause, vorfeld: str | None = None) -> str:
    """Orders a main clause, finite verb second.

    Args:
        clause: Its own fronted phrase is the Vorfeld, else its subject is.
        vorfeld: What stands there instead; empty for a yes/no question.
    """
    finite, bracket, _ = german_verbs(clause.verb, clause.subject.person, clause.tense, clause.modal)
    subject = with_relative(clause.subject).german
    if vorfeld is None and clause.fronted is NOTHING:
        vorfeld, subject = subject, ""
    elif vorfeld is None:
        vorfeld = clause.fronted.german
    return join(vorfeld, finite, subject, *_mittelfeld(clause), bracket) + _nachfeld(clause)


def german_subordinate(clause: Clause) -> str:
    """Orders a subordinate clause, finite verb last; without its conjunction."""
    *_, bracket = german_verbs(clause.verb, clause.subject.person, clause.tense, clause.modal)
    return join(clause.subject.german, *_mittelfeld(clause), bracket) + _nachfeld(clause)


def finish(english_words: str, german_words: str, mark: str) -> tuple[str, str]:
    """Sets the capital letter and the final mark, and removes the comma of a relative clause before another mark."""
    return (
        english_words[0].upper() + english_words[1:] + mark,
        german_words[0].upper() + german_words[1:].rstrip(",").replace(",,", ",") + mark,
    )
