"""Sentences of two clauses: subordinate clauses with weil, obwohl, wenn, als, dass and ob, and coordination.

The main clause is built around the split's own kernel, the other clause around one of training or around none.
"""

from translator.grammar import frames, lexicon
from translator.grammar.clauses import (
    Clause,
    Tense,
    english_statement,
    finish,
    german_main,
    german_subordinate,
)
from translator.grammar.lexicon import Verb
from translator.grammar.nominals import PERSONAL_PRONOUNS, is_person, subject
from translator.grammar.phrases import NOTHING, Nominal, Phrase, pronoun_for
from translator.grammar.splits import Chooser

BECAUSE = Phrase("because", "weil")
ALTHOUGH = Phrase("although", "obwohl")
WHEN = Phrase("when", "als")
WHILE = Phrase("while", "während")
BEFORE = Phrase("before", "bevor")
IF = Phrase("if", "wenn")

NEED = next(verb for verb in lexicon.TRANSITIVE if verb.english == "need")
LIKE = next(verb for verb in lexicon.TRANSITIVE if verb.english == "like")
TRUST = next(verb for verb in lexicon.DATIVE if verb.english == "trust")
MOODS = tuple(adjective for adjective in lexicon.ADJECTIVES if adjective.english in lexicon.MOODS)
WEATHER = {
    "past": tuple(Phrase(*item) for item in lexicon.WEATHER_PAST.items()),
    "present": tuple(Phrase(*item) for item in lexicon.WEATHER_PRESENT.items()),
}


def subordinate(conjunction: Phrase, clause: Clause) -> Phrase:
    """Puts a conjunction before a clause, with the German verb at its end."""
    return Phrase(
        f"{conjunction.english} {english_statement(clause)}", f"{conjunction.german} {german_subordinate(clause)}"
    )


def _behind_or_before(chooser: Chooser, main: Clause, second: Phrase, before: float) -> tuple[str, str]:
    """Puts a subordinate clause after the main clause, or into its Vorfeld: *Weil es kalt war, hat er geschlafen*."""
    main = main._replace(fronted=NOTHING)
    if chooser.chance(before):
        english_words = f"{second.english}, {english_statement(main)}"
        return finish(english_words, german_main(main, vorfeld=second.german + ","), ".")
    return finish(f"{english_statement(main)} {second.english}", f"{german_main(main)}, {second.german}", ".")


def _again(main: Clause) -> Nominal | None:
    """Refers back to the subject of the main clause."""
    return main.subject if main.subject.noun is None else pronoun_for(main.subject, "nom")


def reason(chooser: Chooser) -> tuple[str, str]:
    """*The man bought the car because he needed it* -- *Der Mann hat das Auto gekauft, weil er es gebraucht hat*."""
    main = chooser.pick(frames.ALL)(chooser, chooser.split, None, "past", True)
    second = _liking(chooser, main) or (_mood(chooser, main) if chooser.chance(0.4) else _circumstance(chooser))
    return _behind_or_before(chooser, main, second, 0.0 if "it" in second.english.split() else 0.25)


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
        return Phrase(f"{conjunction.english} {weather.english}", f"{conjunction.german} {weather.german}")
    conjunction = chooser.pick((BECAUSE, WHEN, WHILE, BEFORE))
    return subordinate(conjunction, chooser.pick(frames.ALL)(chooser, "train", None, "past", True))


def condition(chooser: Chooser) -> tuple[str, str]:
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
        second = Phrase(f"if {weather.english}", f"wenn {weather.german}")
    return _behind_or_before(chooser, main, second, 0.6)


def _speaker(chooser: Chooser, verb: Verb) -> Nominal:
    return subject(chooser, verb.subjects) if chooser.chance(0.5) else chooser.pick(PERSONAL_PRONOUNS)


def report(chooser: Chooser) -> tuple[str, str]:
    """*I think that the boy is sleeping* -- *Ich glaube, dass der Junge schläft*."""
    verb = chooser.pick(lexicon.DECLARATIVE)
    matrix = Clause(_speaker(chooser, verb), verb, "past" if verb.aspect == "event" else "present")
    frame = frames.copular if chooser.chance(0.15) else chooser.pick(frames.ALL)
    clause = frame(chooser, chooser.split, None, "past" if verb.aspect == "event" else None, verb.aspect == "event")
    return _embed(matrix, Phrase("that", "dass"), clause)


def doubt(chooser: Chooser) -> tuple[str, str]:
    """*She does not know whether the shop is closed* -- *Sie weiß nicht, ob der Laden geschlossen ist*."""
    if chooser.chance(0.4):
        matrix = Clause(_speaker(chooser, lexicon.INQUIRE), lexicon.INQUIRE, "past")
    else:
        matrix = Clause(_speaker(chooser, lexicon.KNOW), lexicon.KNOW, "present", negated=True, negator="nicht")
    frame = frames.copular if chooser.chance(0.2) else chooser.pick(frames.ALL)
    clause = frame(chooser, chooser.split, None, "past", True)
    return _embed(matrix, Phrase("whether", "ob"), clause)


def _embed(matrix: Clause, conjunction: Phrase, clause: Clause) -> tuple[str, str]:
    """Makes a clause the object of another: after it, in German with a comma."""
    if clause.fronted is not NOTHING:
        clause = clause._replace(fronted=NOTHING, time=NOTHING if clause.negated else clause.fronted)
    second = subordinate(conjunction, clause)
    return finish(f"{english_statement(matrix)} {second.english}", f"{german_main(matrix)}, {second.german}", ".")


def contrast(chooser: Chooser) -> tuple[str, str]:
    """*The man cooked, and the woman read a book* -- *Der Mann hat gekocht und die Frau hat ein Buch gelesen*."""
    tense: Tense = "past" if chooser.chance(0.7) else "future"
    one = chooser.pick(frames.ALL)(chooser, chooser.split, None, tense, True)
    two = chooser.pick(frames.ALL)(chooser, "train", None, tense, True)
    conjunction = chooser.pick((Phrase(", but ", ", aber "), Phrase(", and ", " und ")))
    return finish(
        english_statement(one) + conjunction.english + english_statement(two),
        german_main(one) + conjunction.german + german_main(two),
        ".",
    )
