"""The alignment of the built-in corpus: sentences of each construction by hand, and what holds for all."""

import itertools
import re

import pytest

from translator import grammar
from translator.grammar import frames, lexicon, phrases
from translator.grammar.adverbials import PLACE_OF, clock_time, date, distance, goal, location
from translator.grammar.alignment import AlignedPair, Words, aligned, labelled, mark, under, written
from translator.grammar.clauses import (
    MODALS,
    Clause,
    english_question,
    english_statement,
    finish,
    german_main,
    german_subordinate,
)
from translator.grammar.compounds import AND, BUT, coordinated, subordinate
from translator.grammar.nominals import subject
from translator.grammar.phrases import NO, THE, A, Phrase, noun_phrase, phrase, pronoun
from translator.grammar.splits import Chooser

TABLES = lexicon.TRANSITIVE, lexicon.DATIVE, lexicon.DITRANSITIVE, lexicon.INTRANSITIVE, lexicon.MOTION
VERBS = {verb.english: verb for table in (*TABLES, lexicon.PREPOSITIONAL) for verb in table}
NOUNS = {noun.english: noun for noun in lexicon.NOUNS}
MODAL = {modal.german: modal for modal in MODALS}
YESTERDAY = phrase("yesterday", "gestern")
THAT, DAS = labelled("that", "relative"), labelled("das", "relative")
SHE, HE = pronoun(2, "nom", "f", "f"), pronoun(2, "nom")

BOUGHT = Clause(HE, VERBS["buy"], "past")


def read(**others) -> Clause:
    book = noun_phrase(NOUNS["book"], THE, "acc")
    return Clause(SHE, VERBS["read"], **({"tense": "past", "objects": (book,)} | others))


def links(pair: AlignedPair, which: str) -> str:
    """Links as one writes them by hand: english-german, in the order of the English words."""
    found = sorted(getattr(pair, which))
    return " ".join(f"{pair.english_words[i]}-{pair.german_words[j]}" for i, j in found)


def said(clause: Clause, final: str = ".") -> AlignedPair:
    if final == "?":
        return aligned(*finish(english_question(clause), german_main(clause, vorfeld=()), final))
    return aligned(*finish(english_statement(clause), german_main(clause), final))


class Fixed(Chooser):
    """Chooses the first of everything, and the numbers that it is given."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = iter(numbers)
        self._random = lambda: 0.0

    def chance(self, probability: float) -> bool:
        return False

    def number(self, low: int, high: int) -> int:
        return next(self.numbers)


CLAUSES = {
    "an auxiliary alone is possible with the verb": (
        said(read()),
        "She-Sie read-gelesen the-das book-Buch .-.",
        "read-hat",
    ),
    "did and hat do the same": (
        said(read(negated=True, negator="nicht")),
        "She-Sie did-hat not-nicht read-gelesen the-das book-Buch .-.",
        "did-gelesen read-hat",
    ),
    "the auxiliary of a progressive has no counterpart": (
        said(read(tense="progressive"), "?"),
        "she-sie reading-Liest the-das book-Buch ?-?",
        "Is-Liest",
    ),
    "will and werden do the same": (
        said(read(tense="future")),
        "She-Sie will-wird read-lesen the-das book-Buch .-.",
        "",
    ),
    "both words of a modal": (
        said(read(modal=MODAL["möchte"])),
        "She-Sie would-möchte like-möchte read-lesen the-das book-Buch .-.",
        "to-möchte to-lesen",
    ),
    "do before a modal": (
        said(read(modal=MODAL["musste"]), "?"),
        "she-sie have-Musste read-lesen the-das book-Buch ?-?",
        "Did-Musste to-Musste to-lesen",
    ),
    "cannot is two words in one": (
        said(read(modal=MODAL["können"], negated=True, negator="nicht")),
        "She-Sie cannot-kann cannot-nicht read-lesen the-das book-Buch .-.",
        "",
    ),
    "kein is not and a": (
        said(read(tense="future", negated=True, objects=(noun_phrase(NOUNS["book"], NO, "acc"),))),
        "She-Sie will-wird not-kein read-lesen book-Buch .-.",
        "a-kein",
    ),
    "never": (
        said(read(tense="present", adverb=frames.NEVER, negator="nie")),
        "She-Sie never-nie reads-liest the-das book-Buch .-.",
        "",
    ),
    "a particle and a prefix, parted": (
        said(Clause(SHE, VERBS["get up"], "progressive")),
        "She-Sie getting-steht up-auf .-.",
        "is-steht getting-auf up-steht",
    ),
    "a particle and a prefix in one word": (
        said(Clause(SHE, VERBS["get up"], "past")),
        "She-Sie got-aufgestanden up-aufgestanden .-.",
        "got-ist",
    ),
    "one word and a prefix": (
        said(Clause(SHE, VERBS["call"], "progressive", objects=(pronoun(0, "acc"),))),
        "She-Sie calling-ruft calling-an me-mich .-.",
        "is-ruft",
    ),
    "two words and one": (
        said(Clause(SHE, VERBS["look for"], "future", objects=(pronoun(0, "acc"),))),
        "She-Sie will-wird look-suchen for-suchen me-mich .-.",
        "",
    ),
    "a verb with a preposition and a prefix": (
        said(
            Clause(
                SHE,
                VERBS["look after"],
                "progressive",
                complement=Phrase(
                    labelled("me", "pronoun"), mark("auf", ["preposition"]) + labelled("mich", "pronoun")
                ),
            )
        ),
        "She-Sie looking-passt looking-auf after-auf me-mich .-.",
        "is-passt",
    ),
    "what stands in front, and its comma": (
        said(read(fronted=YESTERDAY)),
        "Yesterday-Gestern she-sie read-gelesen the-das book-Buch .-.",
        ",-Gestern read-hat",
    ),
    "a contracted preposition": (
        said(Clause(SHE, VERBS["go"], "future", complement=goal(Fixed(), PLACE_OF[NOUNS["station"]]))),
        "She-Sie will-wird go-gehen to-zum the-zum station-Bahnhof .-.",
        "",
    ),
    "a preposition that is not": (
        said(Clause(SHE, VERBS["sleep"], "future", place=location(Fixed(), PLACE_OF[NOUNS["city"]]))),
        "She-Sie will-wird sleep-schlafen in-in the-der city-Stadt .-.",
        "",
    ),
    "two objects": (
        said(
            Clause(
                HE,
                VERBS["give"],
                "future",
                objects=(pronoun(0, "dat"), noun_phrase(NOUNS["apple"], A, "acc", numeral=0)),
                time=YESTERDAY,
            )
        ),
        "He-Er will-wird give-geben me-mir an-einen apple-Apfel yesterday-gestern .-.",
        "",
    ),
    "the relative clause of an object": (
        said(
            read(
                tense="future",
                objects=(
                    noun_phrase(NOUNS["book"], THE, "acc")._replace(
                        relative=Phrase(THAT + english_statement(BOUGHT), DAS + german_subordinate(BOUGHT))
                    ),
                ),
            )
        ),
        "She-Sie will-wird read-lesen the-das book-Buch that-das he-er bought-gekauft .-.",
        "that-, bought-hat",
    ),
}


@pytest.mark.parametrize("what", CLAUSES)
def test_clauses_are_aligned_as_by_hand(what):
    pair, sure, possible = CLAUSES[what]
    assert (links(pair, "sure"), links(pair, "possible")) == (sure, possible)


def test_the_relative_clause_of_a_subject_has_two_commas_in_german():
    relative = phrase("who sleeps", "der schläft")
    clause = Clause(
        noun_phrase(NOUNS["man"], THE, "nom")._replace(relative=relative), VERBS["work"], "present", time=YESTERDAY
    )
    pair = said(clause)
    assert pair.german == "Der Mann, der schläft, arbeitet gestern."
    assert links(pair, "sure") == "The-Der man-Mann who-der sleeps-schläft works-arbeitet yesterday-gestern .-."
    assert links(pair, "possible") == "who-, who-,"


def test_two_clauses_keep_their_words_apart():
    pair = aligned(*coordinated(Clause(HE, VERBS["sleep"], "past"), AND, Clause(HE, VERBS["work"], "past")))
    assert (pair.english, pair.german) == ("He slept, and he worked.", "Er hat geschlafen und er hat gearbeitet.")
    assert sorted(pair.sure) == [(0, 0), (1, 2), (3, 3), (4, 4), (5, 6), (6, 7)]
    assert sorted(pair.possible) == [(1, 1), (2, 3), (5, 5)]


def test_a_comma_that_both_languages_have_is_sure():
    pair = aligned(*coordinated(Clause(HE, VERBS["sleep"], "present"), BUT, Clause(SHE, VERBS["work"], "present")))
    assert links(pair, "sure") == "He-Er sleeps-schläft ,-, but-aber she-sie works-arbeitet .-."


def test_a_conjunction_is_sure_and_has_a_verb_at_its_end():
    second = subordinate(phrase("because", "weil"), Clause(SHE, VERBS["get up"], "present"))
    pair = aligned(*finish(*second, "."))
    assert links(pair, "sure") == "Because-Weil she-sie gets-aufsteht up-aufsteht .-."


@pytest.mark.parametrize(
    ("phrased", "sure", "possible"),
    [
        (clock_time(Fixed(3, 0), YESTERDAY), "at-um three-drei o'clock-Uhr", ""),
        (date(Fixed(5, 3)), "on-am the-am third-dritten May-Mai", "of-dritten"),
        (distance(Fixed(3), "past"), "three-drei days-Tagen ago-vor", ""),
        (distance(Fixed(3), "future"), "in-in three-drei days-Tagen", ""),
        (phrase("at the moment", "im Moment", lexicon.LINKS["at the moment"]), "at-im the-im moment-Moment", ""),
    ],
)
def test_adverbials_are_aligned_as_by_hand(phrased, sure, possible):
    pair = aligned(*phrased)
    assert (links(pair, "sure"), links(pair, "possible")) == (sure, possible)


def test_half_past_three_and_halb_vier_share_the_half_and_the_hour(monkeypatch):
    monkeypatch.setattr("translator.grammar.adverbials.MINUTES", (30,))
    pair = aligned(*clock_time(Fixed(3), YESTERDAY))
    assert links(pair, "sure") == "at-um half-halb three-vier"
    assert links(pair, "possible") == "past-halb past-vier"


def test_how_many_is_aligned_word_by_word():
    asked = noun_phrase(NOUNS["book"], phrases.HOW_MANY, "acc", plural=True)
    assert links(aligned(asked.english, asked.german), "sure") == "how-wie many-viele books-Bücher"


def test_the_weather_has_its_verb_at_the_end_in_german():
    pair = aligned(*phrase(*lexicon.WEATHER_PAST[2]))
    assert links(pair, "sure") == "the-die sun-Sonne was-hat shining-geschienen"


def test_a_fixed_phrase_of_unequal_lengths_needs_links():
    with pytest.raises(ValueError, match="'at home' and 'daheim' need links: they have 2 and 1 words"):
        phrase("at home", "daheim")


@pytest.fixture(scope="module", params=["train", "validation", "test"])
def pairs(request) -> list[AlignedPair]:
    return list(itertools.islice(grammar.aligned_pairs(request.param), 3000))


def test_aligned_pairs_are_the_sentence_pairs(pairs):
    for split in grammar.SPLITS:
        found = [(pair.english, pair.german) for pair in itertools.islice(grammar.aligned_pairs(split, 3), 300)]
        assert found == list(itertools.islice(grammar.sentence_pairs(split, 3), 300))


def test_words_are_what_spaces_separate_and_punctuation_marks(pairs):
    for pair in pairs:
        for text, words in ((pair.english, pair.english_words), (pair.german, pair.german_words)):
            assert re.findall(r"[\w'-]+|[.,?]", text) == list(words)


def test_links_stay_within_the_sentence_and_are_sure_or_possible(pairs):
    for pair in pairs:
        assert not pair.sure & pair.possible
        for i, j in pair.sure | pair.possible:
            assert 0 <= i < len(pair.english_words)
            assert 0 <= j < len(pair.german_words)


# What has no sure link in some construction, by the rules.
WITHOUT_LINK = {
    "english": {"to", "does", "do", "did", "is", "am", "are", "a", "an", "past", "of", ","},
    "german": {"hat", "habe", "hast", "haben", "ist", "bin", "bist", "sind", ","},
}


def test_every_content_word_has_a_sure_link(pairs):
    for pair in pairs:
        for side, words in enumerate((pair.english_words, pair.german_words)):
            linked = {link[side] for link in pair.sure}
            bare = {word.lower() for i, word in enumerate(words) if i not in linked}
            assert bare <= WITHOUT_LINK[("english", "german")[side]], pair


def test_every_word_has_a_link(pairs):
    for pair in pairs:
        for side, words in enumerate((pair.english_words, pair.german_words)):
            assert {link[side] for link in pair.sure | pair.possible} == set(range(len(words))), pair


def test_words_under_different_roles_are_not_linked():
    one: Words = labelled("dog", "noun")
    assert written(under("subject", one)) == "dog"
    assert aligned(under("subject", one), under("object0", labelled("Hund", "noun"))).sure == frozenset()
    assert subject(Fixed(), (), NOUNS["dog"]).english[0].sure == ("determiner0",)
