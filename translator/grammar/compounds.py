"""Sentences of two clauses: subordinate clauses with weil, obwohl, wenn, als, dass and ob, and coordination.

The main clause is built around the split's own kernel, the other clause around one of training or around none.
"""

from translator.grammar import frames, lexicon
from translator.grammar.alignment import labelled, mark, under
from translator.grammar.clauses import (
    Clause,
    Tense,
    english_statement,
    finish,
    german_main,
    german_subordinate,
    unfronted,
)
from translator.grammar.lexicon import Verb
from translator.grammar.nominals import PERSONAL_PRONOUNS, is_person, subject
from translator.grammar.phrases import NOTHING, Nominal, Phrase, phrase, pronoun_for
from translator.grammar.splits import Chooser

BECAUSE = phrase("because", "weil")
ALTHOUGH = phrase("although", "obwohl")
WHEN = phrase("when", "als")
WHILE = phrase("while", "während")
BEFORE = phrase("before", "bevor")
IF = phrase("if", "wenn")
# English sets a comma before both, German before *aber* alone.
BUT = phrase(", but", ", aber")
AND = Phrase(mark(",", possible=("and",)) + labelled("and", "and"), labelled("und", "and"))

NEED = next(verb for verb in lexicon.TRANSITIVE if verb.english == "need")
LIKE = next(verb for verb in lexicon.TRANSITIVE if verb.english == "like")
TRUST = next(verb for verb in lexicon.DATIVE if verb.english == "trust")
MOODS = tuple(adjective for adjective in lexicon.ADJECTIVES if adjective.english in lexicon.MOODS)
WEATHER = {
    "past": tuple(phrase(*row) for row in lexicon.WEATHER_PAST),
    "present": tuple(phrase(*row) for row in lexicon.WEATHER_PRESENT),
}


def subordinate(conjunction: Phrase, clause: Clause) -> Phrase:
    """Puts a conjunction before a clause, with the German verb at its end."""
    return _introduced(conjunction, Phrase(english_statement(clause), german_subordinate(clause)))


def _introduced(conjunction: Phrase, clause: Phrase) -> Phrase:
    """A subordinate clause, which no label shares with a main clause."""
    english, german = (
        under("conjunction", first) + under("second", second) for first, second in zip(conjunction, clause, strict=True)
    )
    return Phrase(english, german)


def coordinated(one: Clause, conjunction: Phrase, two: Clause) -> Phrase:
    """A sentence of two main clauses."""
    join = conjunction.under("conjunction")
    return finish(
        english_statement(one) + join.english + under("second", english_statement(two)),
        german_main(one) + join.german + under("second", german_main(two)),
        ".",
    )


def _behind(main: Clause, second: Phrase) -> Phrase:
    """A sentence with a subordinate clause at its end, before which German sets a comma."""
    comma = mark(",", possible=second.english[0].sure)
    return finish(english_statement(main) + second.english, german_main(main) + comma + second.german, ".")


def _behind_or_before(chooser: Chooser, main: Clause, second: Phrase, before: float) -> Phrase:
    """Puts a subordinate clause after the main clause, or into its Vorfeld: *Weil es kalt war, hat er geschlafen*."""
    main = main._replace(fronted=NOTHING)
    if not chooser.chance(before):
        return _behind(main, second)
    comma = labelled(",", "comma")
    return finish(second.english + comma + english_statement(main), german_main(main, second.german + comma), ".")


def _again(main: Clause) -> Nominal | None:
    """Refers back to the subject of the main clause."""
    return main.subject if main.subject.noun is None else pronoun_for(main.subject, "nom")


def reason(chooser: Chooser) -> Phrase:
    """*The man bought the car because he needed it* -- *Der Mann hat das Auto gekauft, weil er es gebraucht hat*."""
    main = chooser.pick(frames.ALL)(chooser, chooser.split, None, "past", True)
    second = _liking(chooser, main) or (_mood(chooser, main) if chooser.chance(0.4) else _circumstance(chooser))
    return _behind_or_before(chooser, main, second, 0.0 if any(word.text == "it" for word in second.english) else 0.25)


def _liking(chooser: Chooser, main: Clause) -> Phrase | None:
    """Refers back to subject and object: *weil er es gebraucht hat*, *weil sie ihm vertraut hat*."""
    agent = _again(main)
    if agent is None or main.verb.english not in lexicon.WANTED or len(main.objects) != 1:
        return None
    verb = LIKE if main.verb.english not in ("buy", "rent", "look for", "repair", "steal") else NEED
    patient = pronoun_for(main.objects[0], "acc")
    if patient is None or chooser.chance(0.3):
        return None
    return subordinate(BECAUSE, Clause(agent, verb, "past", objects=(patient,)))


def _mood(chooser: Chooser, main: Clause) -> Phrase:
    """*because she was tired*; the weather, where no pronoun can refer to the subject."""
    agent = _again(main)
    if agent is None or not is_person(main.subject):
        return _circumstance(chooser)
    complement = frames.predicative(chooser, chooser.pick(MOODS))
    conjunction = chooser.pick((BECAUSE, BECAUSE, ALTHOUGH))
    return subordinate(conjunction, Clause(agent, lexicon.BE, "past", complement=complement))


def _circumstance(chooser: Chooser) -> Phrase:
    """What the weather was, or what somebody else did."""
    if chooser.chance(0.35):
        conjunction, weather = chooser.pick((BECAUSE, ALTHOUGH, WHEN)), chooser.pick(WEATHER["past"])
        return _introduced(conjunction, weather)
    conjunction = chooser.pick((BECAUSE, WHEN, WHILE, BEFORE))
    return subordinate(conjunction, chooser.pick(frames.ALL)(chooser, "train", None, "past", True))


def condition(chooser: Chooser) -> Phrase:
    """*If it rains, we will go to the cinema* -- *Wenn es regnet, werden wir ins Kino gehen*."""
    main = chooser.pick(frames.ALL)(chooser, chooser.split, None, "future", True)
    kind = chooser.number(1, 4)
    agent = _again(main)
    if kind <= 2 and agent is not None and is_person(main.subject):
        complement = frames.predicative(chooser, chooser.pick(MOODS))
        second = subordinate(IF, Clause(agent, lexicon.BE, "present", complement=complement))
    elif kind == 3:
        second = subordinate(IF, frames.copular(chooser, "train", None, "present", True))
    else:
        weather = chooser.pick(WEATHER["present"])
        second = _introduced(IF, weather)
    return _behind_or_before(chooser, main, second, 0.6)


def _speaker(chooser: Chooser, verb: Verb) -> Nominal:
    return subject(chooser, verb.subjects) if chooser.chance(0.5) else chooser.pick(PERSONAL_PRONOUNS)


def report(chooser: Chooser) -> Phrase:
    """*I think that the boy is sleeping* -- *Ich glaube, dass der Junge schläft*."""
    verb = chooser.pick(lexicon.DECLARATIVE)
    matrix = Clause(_speaker(chooser, verb), verb, "past" if verb.aspect == "event" else "present")
    frame = frames.copular if chooser.chance(0.15) else chooser.pick(frames.ALL)
    clause = frame(chooser, chooser.split, None, "past" if verb.aspect == "event" else None, verb.aspect == "event")
    return _embed(matrix, phrase("that", "dass"), clause)


def doubt(chooser: Chooser) -> Phrase:
    """*She does not know whether the shop is closed* -- *Sie weiß nicht, ob der Laden geschlossen ist*."""
    if chooser.chance(0.4):
        matrix = Clause(_speaker(chooser, lexicon.INQUIRE), lexicon.INQUIRE, "past")
    else:
        matrix = Clause(_speaker(chooser, lexicon.KNOW), lexicon.KNOW, "present", negated=True, negator="nicht")
    frame = frames.copular if chooser.chance(0.2) else chooser.pick(frames.ALL)
    clause = frame(chooser, chooser.split, None, "past", True)
    return _embed(matrix, phrase("whether", "ob"), clause)


def _embed(matrix: Clause, conjunction: Phrase, clause: Clause) -> Phrase:
    """Makes a clause the object of another: after it, in German with a comma."""
    return _behind(matrix, subordinate(conjunction, unfronted(clause)))


def contrast(chooser: Chooser) -> Phrase:
    """*The man cooked, and the woman read a book* -- *Der Mann hat gekocht und die Frau hat ein Buch gelesen*."""
    tense: Tense = "past" if chooser.chance(0.7) else "future"
    one = chooser.pick(frames.ALL)(chooser, chooser.split, None, tense, True)
    two = chooser.pick(frames.ALL)(chooser, "train", None, tense, True)
    return coordinated(one, chooser.pick((BUT, AND)), two)
