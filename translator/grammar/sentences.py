"""The synchronous rules: each function writes one type of sentence in both languages from one chain of choices."""

import itertools
from collections.abc import Callable, Iterator

from translator.grammar import adverbials, frames, lexicon
from translator.grammar.alignment import AlignedPair, aligned, under, written
from translator.grammar.clauses import (
    ASKED,
    Clause,
    Tense,
    english_question,
    english_statement,
    finish,
    german_main,
    unfronted,
)
from translator.grammar.compounds import (
    AND,
    BUT,
    condition,
    contrast,
    coordinated,
    doubt,
    reason,
    report,
)
from translator.grammar.nominals import ONLY_ONE, existing, is_quantified, subject
from translator.grammar.phrases import (
    HOW_MANY,
    NOTHING,
    WHICH,
    Nominal,
    Phrase,
    adjectives_seen,
    attribute,
    noun_phrase,
    phrase,
    pronoun_for,
)
from translator.grammar.relatives import with_relative_clause
from translator.grammar.splits import SPLITS, Chooser

WHO = Nominal(*phrase("who", "wer"), 2)
WHEN, WHERE, WHY = phrase("when", "wann"), phrase("where", "wo"), phrase("why", "warum")
HOW_OFTEN = phrase("how often", "wie oft")
THERE_IS, THERE_ARE = phrase("there is", "gibt es", "0-1 1-0"), phrase("there are", "gibt es", "0-1 1-0")


def statement(chooser: Chooser) -> Phrase:
    """*Yesterday, the old man bought a house* -- *Gestern hat der alte Mann ein Haus gekauft*."""
    clause = chooser.pick(frames.ALL)(chooser, chooser.split)
    if chooser.chance(0.12):
        clause = clause._replace(subject=with_relative_clause(chooser, clause.subject, clause.verb))
    elif clause.objects and clause.time is NOTHING and clause.place is NOTHING and chooser.chance(0.25):
        *others, last = clause.objects
        clause = clause._replace(objects=(*others, with_relative_clause(chooser, last, clause.verb)))
    return finish(english_statement(clause), german_main(clause), ".")


def description(chooser: Chooser) -> Phrase:
    """*The table is old* -- *Der Tisch ist alt*, sometimes with a relative clause."""
    frame = frames.measure if chooser.chance(0.4) else frames.copular
    clause = frame(chooser, chooser.split)
    if chooser.chance(0.25):
        clause = clause._replace(subject=with_relative_clause(chooser, clause.subject, clause.verb))
    return finish(english_statement(clause), german_main(clause), ".")


def anaphora(chooser: Chooser) -> Phrase:
    """*The table is old, but it is beautiful* -- *Der Tisch ist alt, aber er ist schön*.

    English *it* does not determine whether German has er, sie or es; the antecedent does.
    """
    first, noun = chooser.kernel(lexicon.ADJECTIVES, chooser.split)
    agent = subject(chooser, (), noun, described=True)
    back = pronoun_for(agent, "nom")
    others = [a for a in adjectives_seen(noun) if a.scale != first.scale]
    if back is None or not others or is_quantified(agent):
        return description(chooser)
    tense: Tense = "present" if chooser.chance(0.6) else "past"
    second = frames.predicative(chooser, chooser.pick(others))
    but = chooser.chance(0.5)
    complement = frames.predicative(chooser, first)
    one = Clause(agent, lexicon.BE, tense, negated=but, negator="nicht" if but else "", complement=complement)
    two = Clause(back, lexicon.BE, tense, complement=second)
    return coordinated(one, BUT if but else AND, two)


def existence(chooser: Chooser) -> Phrase:
    """*There are three cats in the garden* -- *Im Garten gibt es drei Katzen.*, also as a question."""
    _, noun = chooser.kernel((lexicon.EXIST,), chooser.split)
    place = adverbials.PLACE_OF[chooser.pick(lexicon.PLACES_WITH[noun])]
    where = adverbials.location(chooser, place)
    what = existing(chooser, noun)
    there = THERE_ARE if what.plural else THERE_IS
    thing = Phrase(what.english, what.german).under("thing")
    where = where.under("place")
    if chooser.chance(0.25):
        return finish(
            there.english[::-1] + thing.english + where.english, there.german + where.german + thing.german, "?"
        )
    return finish(there.english + thing.english + where.english, where.german + there.german + thing.german, ".")


def yes_no_question(chooser: Chooser) -> Phrase:
    """*Did the woman read the book* -- *Hat die Frau das Buch gelesen*?"""
    frame = frames.copular if chooser.chance(0.15) else chooser.pick(frames.ALL)
    clause = unfronted(frame(chooser, chooser.split))
    return finish(english_question(clause), german_main(clause, vorfeld=()), "?")


def adverbial_question(chooser: Chooser) -> Phrase:
    """*When did the woman read the book* -- *Wann hat die Frau das Buch gelesen*?"""
    clause = chooser.pick(frames.ALL)(chooser, chooser.split, None, None, True)
    dynamic = clause.verb.aspect in ("activity", "once")
    if clause.tense == "present" and dynamic:
        asked = HOW_OFTEN
    elif clause.tense in ("past", "future") and clause.verb.aspect != "state":
        asked = chooser.pick((WHEN, WHEN, WHY, WHERE) if clause.verb.english in lexicon.LOCATIONS else (WHEN, WHY))
    else:
        asked = WHY
    if asked is WHERE and (clause.complement is not NOTHING or clause.modal):
        asked = WHEN
    return finish(english_question(clause, asked.english), german_main(clause, vorfeld=under(ASKED, asked.german)), "?")


def agent_question(chooser: Chooser) -> Phrase:
    """*Who bought the house* -- *Wer hat das Haus gekauft*?"""
    clause = chooser.pick(frames.WITH_FREE_AGENT)(chooser, chooser.split, WHO)
    clause = unfronted(clause)
    return finish(english_statement(clause), german_main(clause), "?")


def object_question(chooser: Chooser) -> Phrase:
    """*Which book did the man read* -- *Welches Buch hat der Mann gelesen?*; also *how many*."""
    clause = unfronted(frames.transitive(chooser, chooser.split, None, None, chooser.chance(0.5)))
    noun = clause.objects[0].noun
    if noun is None or not noun.english_plural or noun in ONLY_ONE or clause.negated or clause.adverb is frames.NEVER:
        return agent_question(chooser)
    plural = chooser.chance(0.5)
    determiner = HOW_MANY if plural and clause.adverb is NOTHING and chooser.chance(0.7) else WHICH
    asked = noun_phrase(noun, determiner, "acc", plural, attribute(chooser, noun, 0.2))
    clause = clause._replace(objects=())
    return finish(english_question(clause, asked.english), german_main(clause, vorfeld=under(ASKED, asked.german)), "?")


RULES: tuple[tuple[Callable[[Chooser], Phrase], int], ...] = (
    (statement, 41),
    (description, 9),
    (anaphora, 4),
    (existence, 4),
    (yes_no_question, 6),
    (adverbial_question, 5),
    (agent_question, 3),
    (object_question, 3),
    (reason, 9),
    (condition, 6),
    (report, 7),
    (doubt, 3),
    (contrast, 6),
)
"""Every type of sentence with its weight, which is roughly its percentage."""


def sentence_pairs(split: str, seed: int = 0) -> Iterator[tuple[str, str]]:
    """Streams (English, German) pairs of one split without end.

    A seed gives the same text in every process, on every platform and in every Python version that is supported.

    The splits are disjoint for all seeds, by construction. Each sentence is built around a main clause, and that
    around a *kernel*: a predicate and the noun nearest to it, such as *read* and *newspaper* (see `splits`). A
    twentieth of the kernels is held out for validation and another for test. A test sentence has one of the latter,
    while training sentences have none in any clause; but every single word occurs in training. So the test set
    measures compositional generalization, not memorization. (A pronoun in place of the noun does not form a kernel, and
    neither does an adjective before its noun.)

    Some 99 % of the first 40,000 training pairs are distinct.

    Args:
        split: One of `SPLITS`.
        seed: Another seed gives other sentences of the same split.

    Raises:
        ValueError: There is no such split.
    """
    return ((written(english), written(german)) for english, german in _sentences(split, seed))


def aligned_pairs(split: str, seed: int = 0) -> Iterator[AlignedPair]:
    """Streams what `sentence_pairs` does, with the word alignment by the rules of `translator.grammar.alignment`.

    Raises:
        ValueError: There is no such split.
    """
    return itertools.starmap(aligned, _sentences(split, seed))


def _sentences(split: str, seed: int) -> Iterator[Phrase]:
    if split not in SPLITS:
        raise ValueError(f"the splits of the grammar are {', '.join(SPLITS)}; found {split!r}")
    return _endless(Chooser(split, seed))


def _endless(chooser: Chooser) -> Iterator[Phrase]:
    urn = [rule for rule, share in RULES for _ in range(share)]
    while True:
        yield chooser.pick(urn)(chooser)
