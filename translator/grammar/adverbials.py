"""Adverbials of time and place, in both languages."""

from translator.grammar import english, german, lexicon
from translator.grammar.alignment import labelled
from translator.grammar.lexicon import PLACES, Case, Place
from translator.grammar.phrases import THE, Phrase, attribute, noun_phrase, phrase
from translator.grammar.splits import Chooser

PLACE_OF = {place.noun: place for place in PLACES}
MINUTES = (0, 0, 5, 10, 15, 20, 30, 30, 30, 40, 45, 50, 55)
LAST_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _phrases(*tables: dict[str, str]) -> tuple[Phrase, ...]:
    return tuple(phrase(*item, lexicon.LINKS.get(item[0], "")) for table in tables for item in table.items())


# For each tense: days, which a clock time may follow, and longer spans, which it may not.
DAYS = {
    "past": _phrases(lexicon.PAST_DAYS, lexicon.DAYS),
    "future": _phrases(lexicon.FUTURE_DAYS, lexicon.DAYS),
    "present": _phrases(lexicon.HABITUAL_DAYS),
}
SPANS = {
    "past": _phrases(lexicon.PAST_SPANS),
    "future": _phrases(lexicon.FUTURE_SPANS),
    "present": _phrases(lexicon.HABITUAL_SPANS),
}
NOW = _phrases(lexicon.NOW)
FREQUENCY = _phrases(lexicon.FREQUENCY)
UNITS = tuple(lexicon.UNITS.items())


def clock_time(chooser: Chooser, day: Phrase) -> Phrase:
    """Says a clock time, *at half past three*, that suits the part of the day."""
    earliest, latest = (6, 11) if day.english[-1].text in ("morning", "evening") else (1, 12)
    hour, minute = chooser.number(earliest, latest), chooser.pick(MINUTES)
    links = ("0-0 1-1 3-2", "2-1 2-2") if minute == 30 else ()
    return phrase(english.clock(hour, minute), german.clock(hour, minute), *links)


def date(chooser: Chooser) -> Phrase:
    """Says a day of the year: *on the third of May*, *am dritten Mai*."""
    month = chooser.number(1, 12)
    day = chooser.number(1, LAST_DAYS[month - 1])
    return phrase(english.date(day, month), german.date(day, month), "0-0 1-0 2-1 4-2", "3-1")


def distance(chooser: Chooser, tense: str) -> Phrase:
    """Says how long ago or how soon: *three days ago*, *vor drei Tagen*; *in three days*, *in drei Tagen*."""
    number, unit = chooser.number(2, 20), chooser.pick(UNITS)
    english_words = f"{english.cardinal(number)} {unit[0]}"
    german_words = f"{german.cardinal(number)} {unit[1]}"
    if tense == "past":
        return phrase(f"{english_words} ago", f"vor {german_words}", "0-1 1-2 2-0")
    return phrase(f"in {english_words}", f"in {german_words}")


def time(chooser: Chooser, tense: str, spans: bool = True) -> Phrase:
    """Says when, as the tense allows; a habit ("present") has no dates."""
    if tense == "progressive":
        return chooser.pick(NOW)
    kind = chooser.number(1, 10)
    if kind <= 2 and spans:
        return chooser.pick(SPANS[tense])
    if kind <= 4 and tense != "present":
        return date(chooser) if kind == 3 else distance(chooser, tense)
    day = chooser.pick(DAYS[tense])
    if kind <= 7:
        return day
    clock = clock_time(chooser, day).under("clock")
    return Phrase(day.english + clock.english, day.german + clock.german)


def location(chooser: Chooser, place: Place) -> Phrase:
    """Says where, with the dative: *in the old garden*, *im alten Garten*."""
    return _prepositional(chooser, place, place.english_at, place.german_at, "dat")


def goal(chooser: Chooser, place: Place) -> Phrase:
    """Says where to: with *zu* and the dative (zum Bahnhof), else the accusative (in den Garten)."""
    return _prepositional(chooser, place, "to", place.german_to, "dat" if place.german_to == "zu" else "acc")


def _prepositional(chooser: Chooser, place: Place, english_preposition: str, preposition: str, case: Case) -> Phrase:
    nominal = noun_phrase(place.noun, THE, case, adjectives=attribute(chooser, place.noun, 0.25))
    before = labelled(english_preposition, german.PREPOSITION)
    return Phrase(before + nominal.english, german.contract(preposition, nominal.german))
