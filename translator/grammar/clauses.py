"""The clause: one abstract structure, and its word orders in both languages.

German is laid out in the topological fields of the school grammars: Vorfeld, left bracket (the finite verb),
Mittelfeld, right bracket (prefix, infinitive, participle), Nachfeld. A main clause has the finite verb second, a
subordinate clause has it at the end of the right bracket, and a yes/no question has no Vorfeld.
"""

import itertools
from functools import cache
from typing import Literal, NamedTuple

from translator.grammar import english, german
from translator.grammar.alignment import MARKS, Word, Words, labelled, labels_of, mark, under
from translator.grammar.german import Person
from translator.grammar.lexicon import Verb
from translator.grammar.phrases import NEGATED, NOTHING, Nominal, Phrase

Tense = Literal["present", "progressive", "past", "future"]
"""German has one present for two of English. Its past is the Perfekt, but *war*, *hatte* and the modals' Präteritum."""


# The labels of verbs and negation within a clause; the roles of phrases, which stand before their labels.
HEAD, PARTICLE, AUXILIARY, MODAL, NEGATION, FINAL = "head", "particle", "auxiliary", "modal", "negation", "final"
SUBJECT, COMPLEMENT, ADVERB, PLACE, TIME = "subject", "complement", "adverb", "place", "time"
FRONTED, ASKED, RELATIVE = "fronted", "asked", "relative"
OBJECTS = ("object0", "object1")
NOT = Word("not", (NEGATION, *(f"{role}.{NEGATED}" for role in OBJECTS)))


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


def unfronted(clause: Clause) -> Clause:
    """Moves a fronted time to the end of the clause, because a question word, the verb or a conjunction comes first."""
    if clause.fronted is NOTHING:
        return clause
    return clause._replace(fronted=NOTHING, time=NOTHING if clause.negated else clause.fronted)


@cache
def english_verbs(verb: Verb, person: Person, tense: Tense, modal: Modal | None, do: bool) -> tuple[Words, Words]:
    """Splits the English verbs into the auxiliary, which is inverted and negated, and the rest; either may be empty.

    Args:
        verb: The lexical verb.
        person: What the verb agrees with.
        tense: Ignored with a modal, which brings its own.
        modal: A modal verb, if any.
        do: Whether *do* is put in where there is no other auxiliary, as in questions and with *not*.
    """
    third = person == 2
    base = labelled_verb(verb, verb.english)
    if modal:
        past = modal.tense == "past"
        if modal.auxiliary:
            return labelled(modal.auxiliary, MODAL), _modal_words(modal.english[0]) + base
        words = _modal_words(modal.english[2 if do else 1 if third else 0])
        return (mark("did" if past else "does" if third else "do", possible=(MODAL,)) if do else ()), words + base
    if tense == "future":
        return labelled("will", MODAL), base
    if tense == "progressive":
        return _auxiliary(_COPULA["present"][person]), labelled_verb(verb, english.gerund(verb))
    if verb.english == "be":
        return labelled(_COPULA[tense][person], HEAD), ()
    if do:
        return _auxiliary("did" if tense == "past" else "does" if third else "do"), base
    if tense == "past":
        return (), labelled_verb(verb, english.past(verb))
    return (), labelled_verb(verb, english.third_person(verb) if third else verb.english)


def labelled_verb(verb: Verb, words: str) -> Words:
    """Says of the words of an English verb, in any form, what they correspond to in German.

    The second one is the particle, or the preposition if the German verb has one, too.
    """
    first, *others = words.split()
    if not others or verb.preposition:
        preposition = f"{COMPLEMENT}.{german.PREPOSITION}"
        return Word(first, (HEAD, PARTICLE)), *(Word(word, (preposition,)) for word in others)
    return Word(first, (HEAD,), (PARTICLE,)), *(Word(word, (PARTICLE,), (HEAD,)) for word in others)


def _auxiliary(word: str) -> Words:
    return mark(word, (AUXILIARY,), (HEAD,))


def _modal_words(words: str) -> Words:
    return tuple(Word(word, (), (MODAL, HEAD)) if word == "to" else Word(word, (MODAL,)) for word in words.split())


@cache
def german_verbs(verb: Verb, person: Person, tense: Tense, modal: Modal | None) -> tuple[Words, Words, Words]:
    """Gives the left and the right bracket of a main clause, and the right bracket of a subordinate clause."""
    whole = (HEAD, PARTICLE)  # the labels of a verb and its prefix in one word
    infinitive = mark(verb.prefix + verb.infinitive, whole)
    finite: Words
    if modal:
        finite, rest = mark(german.IRREGULAR_FORMS[modal.german][person], (MODAL,)), infinitive
    elif tense == "future":
        finite, rest = mark(german.IRREGULAR_FORMS["werden"][person], (MODAL,)), infinitive
    elif tense == "past" and verb.infinitive in ("sein", "haben"):
        form = german.IRREGULAR_FORMS[{"sein": "war", "haben": "hatte"}[verb.infinitive]][person]
        finite, rest = mark(form, whole), ()
    elif tense == "past":
        finite = _auxiliary(german.IRREGULAR_FORMS[verb.auxiliary][person])
        rest = mark(german.participle(verb), whole)
    else:
        conjugated = german.conjugate(verb, person)
        finite = mark(conjugated, (HEAD,) if verb.prefix else whole)
        return finite, labelled(verb.prefix, PARTICLE), mark(verb.prefix + conjugated, whole)
    return finite, rest, rest + finite


def with_relative(nominal: Nominal) -> Phrase:
    """Puts the relative clause after its noun; German sets commas around it."""
    if nominal.relative is NOTHING:
        return Phrase(nominal.english, nominal.german)
    relative = nominal.relative.under(RELATIVE)
    comma = _comma_before(relative)
    return Phrase(nominal.english + relative.english, nominal.german + comma + relative.german + comma)


def _comma_before(clause: Phrase) -> Words:
    """A comma that German alone sets, for the clause that begins with this conjunction or pronoun."""
    return mark(",", possible=clause.english[0].sure)


def _english_predicate(clause: Clause, main_verb: Words) -> Words:
    """Everything after the auxiliary and *not*."""
    objects = [under(role, with_relative(each).english) for role, each in zip(OBJECTS, clause.objects, strict=False)]
    return join(
        under(ADVERB, clause.adverb.english),
        main_verb,
        *objects,
        under(COMPLEMENT, clause.complement.english),
        under(PLACE, clause.place.english),
        under(TIME, clause.time.english),
    )


def english_statement(clause: Clause) -> Words:
    """Orders a statement or subordinate clause: fronted, subject, auxiliary, *not*, predicate."""
    auxiliary, main = english_verbs(clause.verb, clause.subject.person, clause.tense, clause.modal, clause.negated)
    if clause.negated and auxiliary[-1].text == "can":
        auxiliary = mark("cannot", (MODAL, *NOT.sure))
    elif clause.negated:
        auxiliary += (NOT,)
    fronted = clause.fronted.under(FRONTED)
    comma = mark(",", possible=labels_of(fronted.german)) if fronted.english else ()
    subject = under(SUBJECT, with_relative(clause.subject).english)
    return join(fronted.english, comma, subject, auxiliary, _english_predicate(clause, main))


def english_question(clause: Clause, asked: Words = ()) -> Words:
    """Orders a question: what is asked for, auxiliary, subject, *not*, predicate."""
    auxiliary, main = english_verbs(clause.verb, clause.subject.person, clause.tense, clause.modal, True)
    negation = (NOT,) if clause.negated else ()
    subject = under(SUBJECT, clause.subject.english)
    return join(under(ASKED, asked), auxiliary, subject, negation, _english_predicate(clause, main))


def _mittelfeld(clause: Clause) -> Words:
    """Orders the words between the brackets after the subject: pronouns first, the negated part last."""
    objects = [
        (each.noun is None, under(role, each.german)) for role, each in zip(OBJECTS, clause.objects, strict=False)
    ]
    adverb, negator = under(ADVERB, clause.adverb.german), labelled(clause.negator, NEGATION)
    if clause.negator and adverb:  # *never*, which denies
        adverb, negator = (), adverb
    return join(
        *(words for is_pronoun, words in objects if is_pronoun),
        adverb,
        under(TIME, clause.time.german),
        under(PLACE, clause.place.german),
        *(words for is_pronoun, words in objects if not is_pronoun),
        negator,
        under(COMPLEMENT, clause.complement.german),
    )


def _nachfeld(clause: Clause) -> Words:
    """The relative clause of an object, with its comma."""
    found: Words = ()
    for role, nominal in zip(OBJECTS, clause.objects, strict=False):
        if nominal.relative is not NOTHING:
            relative = nominal.relative.under(RELATIVE).under(role)
            found += _comma_before(relative) + relative.german
    return found


def german_main(clause: Clause, vorfeld: Words | None = None) -> Words:
    """Orders a main clause, finite verb second.

    Args:
        clause: Its own fronted phrase is the Vorfeld, else its subject is.
        vorfeld: What is asked for, or another clause, which stands there instead; empty for a yes/no question.
    """
    finite, bracket, _ = german_verbs(clause.verb, clause.subject.person, clause.tense, clause.modal)
    subject = under(SUBJECT, with_relative(clause.subject).german)
    if vorfeld is None and clause.fronted is NOTHING:
        vorfeld, subject = subject, ()
    elif vorfeld is None:
        vorfeld = under(FRONTED, clause.fronted.german)
    return join(vorfeld, finite, subject, _mittelfeld(clause), bracket, _nachfeld(clause))


def german_subordinate(clause: Clause) -> Words:
    """Orders a subordinate clause, finite verb last; without its conjunction."""
    *_, bracket = german_verbs(clause.verb, clause.subject.person, clause.tense, clause.modal)
    return join(under(SUBJECT, clause.subject.german), _mittelfeld(clause), bracket, _nachfeld(clause))


def join(*parts: Words) -> Words:
    return tuple(itertools.chain.from_iterable(parts))


def finish(english_words: Words, german_words: Words, final: str) -> Phrase:
    """Sets the capital letter and the final mark, and removes the comma of a relative clause before another mark."""
    end = labelled(final, FINAL)
    return Phrase(_finished(english_words + end), _finished(german_words + end))


def _finished(words: Words) -> Words:
    kept = [word for word, following in itertools.pairwise(words) if not (word.text == "," and following.text in MARKS)]
    first = kept[0]._replace(text=kept[0].text[0].upper() + kept[0].text[1:])
    return first, *kept[1:], words[-1]
