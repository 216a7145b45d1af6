"""The built-in grammar: paradigms worked out by hand, word orders, and what holds of the text as a whole."""

import dataclasses
import itertools
import os
import re
import subprocess
import sys
import zlib

import pytest

from translator import grammar
from translator.grammar import adverbials, english, frames, german, lexicon, nominals, phrases, sentences, splits
from translator.grammar.alignment import labelled, written
from translator.grammar.clauses import (
    MODALS,
    Clause,
    english_question,
    english_statement,
    german_main,
    german_subordinate,
)
from translator.grammar.phrases import THIS, A, Nominal, noun_phrase, phrase, pronoun, pronoun_for

VERBS = {
    verb.english: verb
    for table in (
        lexicon.PREPOSITIONAL,
        lexicon.DITRANSITIVE,
        lexicon.DATIVE,
        lexicon.INTRANSITIVE,
        lexicon.LOCATION,
        lexicon.MOTION,
        lexicon.TRANSITIVE,
    )
    for verb in table
}
ADJECTIVES = {adjective.english: adjective for adjective in lexicon.ADJECTIVES}


def noun(name):
    return next(noun for noun in lexicon.NOUNS if noun.english == name)


def take(number, split="train", seed=0):
    return list(itertools.islice(grammar.sentence_pairs(split, seed), number))


def words(sentence):
    return re.findall(r"[\w'-]+", sentence.lower())


@pytest.fixture(scope="module")
def train():
    return take(50_000)


# Declension


@pytest.mark.parametrize(
    ("determiner", "name", "plural", "nominative", "accusative", "dative"),
    [
        (phrases.THE, "dog", False, "der alte Hund", "den alten Hund", "dem alten Hund"),
        (phrases.THE, "cow", False, "die alte Kuh", "die alte Kuh", "der alten Kuh"),
        (phrases.THE, "horse", False, "das alte Pferd", "das alte Pferd", "dem alten Pferd"),
        (phrases.THE, "dog", True, "die alten Hunde", "die alten Hunde", "den alten Hunden"),
        (A, "dog", False, "ein alter Hund", "einen alten Hund", "einem alten Hund"),
        (A, "cow", False, "eine alte Kuh", "eine alte Kuh", "einer alten Kuh"),
        (A, "horse", False, "ein altes Pferd", "ein altes Pferd", "einem alten Pferd"),
        (A, "dog", True, "alte Hunde", "alte Hunde", "alten Hunden"),
        (phrases.MY, "dog", True, "meine alten Hunde", "meine alten Hunde", "meinen alten Hunden"),
        (phrases.OUR, "horse", False, "unser altes Pferd", "unser altes Pferd", "unserem alten Pferd"),
        (THIS, "cow", False, "diese alte Kuh", "diese alte Kuh", "dieser alten Kuh"),
        (phrases.MANY, "cow", True, "viele alte Kühe", "viele alte Kühe", "vielen alten Kühen"),
        (phrases.NO, "dog", True, "keine alten Hunde", "keine alten Hunde", "keinen alten Hunden"),
        (phrases.BARE, "wine", False, "alter Wein", "alten Wein", "altem Wein"),
        (phrases.BARE, "milk", False, "alte Milch", "alte Milch", "alter Milch"),
    ],
)
def test_adjective_endings_follow_case_gender_and_article(determiner, name, plural, nominative, accusative, dative):
    declined = [
        written(noun_phrase(noun(name), determiner, case, plural, [ADJECTIVES["old"]]).german)
        for case in ("nom", "acc", "dat")
    ]
    assert declined == [nominative, accusative, dative]


@pytest.mark.parametrize(
    ("name", "plural", "case", "expected"),
    [
        ("student", False, "nom", "Student"),
        ("student", False, "dat", "Studenten"),
        ("lion", False, "acc", "Löwen"),
        ("cook", False, "acc", "Koch"),
        ("child", True, "dat", "Kindern"),
        ("car", True, "dat", "Autos"),
        ("woman", True, "dat", "Frauen"),
    ],
)
def test_weak_nouns_and_dative_plurals_have_their_ending(name, plural, case, expected):
    assert german.decline_noun(noun(name), plural, case) == expected


def test_an_adjective_may_lose_its_e():
    expensive, dark, tired = (ADJECTIVES[name] for name in ("expensive", "dark", "tired"))
    assert written(noun_phrase(noun("hat"), A, "nom", adjectives=[expensive]).german) == "ein teurer Hut"
    assert written(noun_phrase(noun("forest"), phrases.THE, "dat", adjectives=[dark]).german) == "dem dunklen Wald"
    assert written(noun_phrase(noun("child"), A, "nom", adjectives=[tired]).german) == "ein müdes Kind"


def test_a_preposition_contracts_with_the_definite_article_alone():
    assert written(german.contract("in", labelled("dem alten Garten"))) == "im alten Garten"
    assert written(german.contract("zu", labelled("der Brücke"))) == "zur Brücke"
    assert written(german.contract("in", labelled("diesem Garten"))) == "in diesem Garten"


def test_the_english_indefinite_article_follows_the_sound_of_the_next_word():
    assert written(noun_phrase(noun("apple"), A, "nom").english) == "an apple"
    assert written(noun_phrase(noun("apple"), A, "nom", adjectives=[ADJECTIVES["red"]]).english) == "a red apple"
    assert written(noun_phrase(noun("dog"), A, "nom", adjectives=[ADJECTIVES["old"]]).english) == "an old dog"


@pytest.mark.parametrize(
    ("name", "english_pronoun", "german_pronoun"),
    [
        ("table", "it", "er"),
        ("cup", "it", "sie"),
        ("book", "it", "es"),
        ("woman", "she", "sie"),
        ("girl", "she", "sie"),
    ],
)
def test_it_becomes_a_pronoun_of_the_gender_of_its_noun(name, english_pronoun, german_pronoun):
    back = pronoun_for(noun_phrase(noun(name), phrases.THE, "nom"), "nom")
    assert back is not None
    assert (written(back.english), written(back.german)) == (english_pronoun, german_pronoun)


def test_nothing_refers_back_to_a_child_since_english_would_have_to_choose():
    assert pronoun_for(noun_phrase(noun("child"), phrases.THE, "nom"), "nom") is None


# Conjugation


@pytest.mark.parametrize(
    ("verb", "forms", "participle"),
    [
        ("repair", "repariere reparierst repariert reparieren reparieren", "repariert"),
        ("work", "arbeite arbeitest arbeitet arbeiten arbeiten", "gearbeitet"),
        ("open", "öffne öffnest öffnet öffnen öffnen", "geöffnet"),
        ("draw", "zeichne zeichnest zeichnet zeichnen zeichnen", "gezeichnet"),
        ("dance", "tanze tanzt tanzt tanzen tanzen", "getanzt"),
        ("collect", "sammle sammelst sammelt sammeln sammeln", "gesammelt"),
        ("play", "spiele spielst spielt spielen spielen", "gespielt"),
        ("feed", "füttere fütterst füttert füttern füttern", "gefüttert"),
        ("read", "lese liest liest lesen lesen", "gelesen"),
        ("sleep", "schlafe schläfst schläft schlafen schlafen", "geschlafen"),
        ("eat", "esse isst isst essen essen", "gegessen"),
        ("give", "gebe gibst gibt geben geben", "gegeben"),
        ("invite", "lade lädst lädt laden laden", "eingeladen"),
        ("like", "mag magst mag mögen mögen", "gemocht"),
        ("visit", "besuche besuchst besucht besuchen besuchen", "besucht"),
        ("bark", "belle bellst bellt bellen bellen", "gebellt"),
        ("pick up", "hole holst holt holen holen", "abgeholt"),
    ],
)
def test_german_verbs_conjugate(verb, forms, participle):
    conjugated = [german.conjugate(VERBS[verb], person) for person in range(5)]
    assert (" ".join(conjugated), german.participle(VERBS[verb])) == (forms, participle)


@pytest.mark.parametrize(
    ("verb", "third", "past", "gerund"),
    [
        ("cry", "cries", "cried", "crying"),
        ("play", "plays", "played", "playing"),
        ("watch", "watches", "watched", "watching"),
        ("smoke", "smokes", "smoked", "smoking"),
        ("see", "sees", "saw", "seeing"),
        ("run", "runs", "ran", "running"),
        ("open", "opens", "opened", "opening"),
        ("have", "has", "had", "having"),
        ("get up", "gets up", "got up", "getting up"),
        ("look for", "looks for", "looked for", "looking for"),
    ],
)
def test_english_verbs_conjugate_before_their_particle(verb, third, past, gerund):
    found = VERBS[verb]
    assert (english.third_person(found), english.past(found), english.gerund(found)) == (third, past, gerund)


# Numbers, dates, times


@pytest.mark.parametrize(
    ("number", "in_english", "in_german"),
    [
        (1, "one", "eins"),
        (2, "two", "zwei"),
        (17, "seventeen", "siebzehn"),
        (20, "twenty", "zwanzig"),
        (21, "twenty-one", "einundzwanzig"),
        (67, "sixty-seven", "siebenundsechzig"),
        (99, "ninety-nine", "neunundneunzig"),
    ],
)
def test_german_says_the_ones_before_the_tens(number, in_english, in_german):
    assert (english.cardinal(number), german.cardinal(number)) == (in_english, in_german)


@pytest.mark.parametrize(
    ("day", "month", "in_english", "in_german"),
    [
        (1, 1, "on the first of January", "am ersten Januar"),
        (3, 5, "on the third of May", "am dritten Mai"),
        (7, 3, "on the seventh of March", "am siebten März"),
        (8, 12, "on the eighth of December", "am achten Dezember"),
        (12, 8, "on the twelfth of August", "am zwölften August"),
        (20, 7, "on the twentieth of July", "am zwanzigsten Juli"),
        (31, 10, "on the thirty-first of October", "am einunddreißigsten Oktober"),
    ],
)
def test_dates_have_ordinals(day, month, in_english, in_german):
    assert (english.date(day, month), german.date(day, month)) == (in_english, in_german)


@pytest.mark.parametrize(
    ("hour", "minute", "in_english", "in_german"),
    [
        (1, 0, "at one o'clock", "um ein Uhr"),
        (3, 30, "at half past three", "um halb vier"),
        (12, 30, "at half past twelve", "um halb eins"),
        (6, 10, "at ten past six", "um zehn nach sechs"),
        (9, 15, "at quarter past nine", "um Viertel nach neun"),
        (11, 45, "at quarter to twelve", "um Viertel vor zwölf"),
        (12, 40, "at twenty to one", "um zwanzig vor eins"),
    ],
)
def test_the_german_half_hour_counts_towards_the_next(hour, minute, in_english, in_german):
    assert (english.clock(hour, minute), german.clock(hour, minute)) == (in_english, in_german)


@pytest.mark.parametrize("language", [english, german])
def test_a_minute_without_a_name_is_an_error_that_says_which(language):
    with pytest.raises(ValueError, match=r"0, 5, 10, 15, 20, 30, 40, 45, 50 and 55; found 7$"):
        language.clock(3, 7)


# Word order

WOMAN = noun_phrase(noun("woman"), phrases.THE, "nom", adjectives=[ADJECTIVES["old"]])
BOOK = noun_phrase(noun("book"), phrases.THE, "acc")
YESTERDAY = phrase("yesterday", "gestern")
GARDEN = phrase("in the garden", "im Garten", "0-0 1-0 2-1")


def test_the_verb_is_second_after_a_fronted_adverbial():
    clause = Clause(WOMAN, VERBS["read"], "past", objects=(BOOK,), fronted=YESTERDAY)
    assert written(english_statement(clause)) == "yesterday, the old woman read the book"
    assert written(german_main(clause)) == "gestern hat die alte Frau das Buch gelesen"


def test_the_verb_is_last_in_a_subordinate_clause():
    clause = Clause(WOMAN, VERBS["read"], "past", objects=(BOOK,), place=GARDEN, time=YESTERDAY)
    assert written(english_statement(clause)) == "the old woman read the book in the garden yesterday"
    assert written(german_subordinate(clause)) == "die alte Frau gestern im Garten das Buch gelesen hat"


@pytest.mark.parametrize(
    ("tense", "in_english", "main", "subordinate"),
    [
        ("present", "the old woman gets up", "die alte Frau steht auf", "die alte Frau aufsteht"),
        ("progressive", "the old woman is getting up", "die alte Frau steht auf", "die alte Frau aufsteht"),
        ("past", "the old woman got up", "die alte Frau ist aufgestanden", "die alte Frau aufgestanden ist"),
        ("future", "the old woman will get up", "die alte Frau wird aufstehen", "die alte Frau aufstehen wird"),
    ],
)
def test_a_separable_prefix_parts_from_a_second_verb_alone(tense, in_english, main, subordinate):
    clause = Clause(WOMAN, VERBS["get up"], tense)
    assert written(english_statement(clause)) == in_english
    assert (written(german_main(clause)), written(german_subordinate(clause))) == (main, subordinate)


def test_a_modal_verb_sends_the_infinitive_to_the_end():
    have_to = next(modal for modal in MODALS if modal.german == "musste")
    clause = Clause(WOMAN, VERBS["read"], "past", have_to, objects=(BOOK,))
    assert written(english_statement(clause)) == "the old woman had to read the book"
    assert written(german_main(clause)) == "die alte Frau musste das Buch lesen"
    assert written(german_subordinate(clause)) == "die alte Frau das Buch lesen musste"


def test_questions_have_no_vorfeld_but_what_they_ask_for():
    clause = Clause(WOMAN, VERBS["read"], "past", objects=(BOOK,))
    assert written(english_question(clause)) == "did the old woman read the book"
    assert written(german_main(clause, vorfeld=())) == "hat die alte Frau das Buch gelesen"
    assert written(english_question(clause, labelled("when"))) == "when did the old woman read the book"
    assert written(german_main(clause, vorfeld=labelled("wann"))) == "wann hat die alte Frau das Buch gelesen"


def test_nicht_stands_behind_the_object_and_before_goal_and_predicate():
    read = Clause(WOMAN, VERBS["read"], "future", negated=True, negator="nicht", objects=(BOOK,))
    assert written(english_statement(read)) == "the old woman will not read the book"
    assert written(german_main(read)) == "die alte Frau wird das Buch nicht lesen"
    go = Clause(
        WOMAN, VERBS["go"], "past", negated=True, negator="nicht", complement=phrase("to the lake", "an den See")
    )
    assert written(english_statement(go)) == "the old woman did not go to the lake"
    assert written(german_main(go)) == "die alte Frau ist nicht an den See gegangen"


def test_can_and_not_are_one_word():
    can = next(modal for modal in MODALS if modal.german == "können")
    clause = Clause(WOMAN, VERBS["swim"], "future", can, negated=True, negator="nicht")
    assert written(english_statement(clause)) == "the old woman cannot swim"
    assert written(german_main(clause)) == "die alte Frau kann nicht schwimmen"


def test_pronouns_stand_before_the_time_and_nouns_behind_it():
    give = Clause(WOMAN, VERBS["give"], "past", objects=(pronoun(0, "dat"), BOOK), time=YESTERDAY)
    assert written(english_statement(give)) == "the old woman gave me the book yesterday"
    assert written(german_main(give)) == "die alte Frau hat mir gestern das Buch gegeben"


def test_the_relative_clause_of_a_subject_is_inside_and_that_of_an_object_behind_the_verb():
    relative = phrase("that I bought", "das ich gekauft habe", "0-0 1-1 2-2")
    clause = Clause(WOMAN, VERBS["read"], "past", objects=(BOOK._replace(relative=relative),))
    assert written(german_main(clause)) == "die alte Frau hat das Buch gelesen, das ich gekauft habe"
    who = WOMAN._replace(relative=phrase("whom I helped", "der ich geholfen habe", "0-0 1-1 2-2"))
    assert (
        written(german_main(clause._replace(subject=who, objects=())))
        == "die alte Frau, der ich geholfen habe, hat gelesen"
    )


# The text as a whole


def test_the_same_seed_gives_the_same_text_in_another_process():
    code = (
        "import itertools, sys, zlib; from translator.grammar import sentence_pairs; "
        "text = repr(list(itertools.islice(sentence_pairs('test', 5), 500))); "
        "print(zlib.crc32(text.encode()))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert int(ran.stdout) == zlib.crc32(repr(take(500, "test", 5)).encode())


def test_another_seed_gives_another_text():
    assert take(20, seed=0) != take(20, seed=1)


def test_splits_are_disjoint_across_seeds(train):
    seen = {split: {sentence for pair in take(8_000, split, 3) for sentence in pair} for split in grammar.SPLITS}
    seen["train"].update(sentence for pair in train for sentence in pair)
    assert not seen["train"] & seen["test"]
    assert not seen["train"] & seen["validation"]
    assert not seen["validation"] & seen["test"]


def verbs_with_objects(pairs):
    """Finds (*bought*, *house*) in *bought a house* and in *the house that the old man bought*."""
    pasts = {english.past(verb) for verb in lexicon.TRANSITIVE}
    for sentence, _ in pairs:
        text = words(sentence)
        yield from zip(text, text[2:], strict=False)
        for before, relative, *rest in zip(text, text[1:], *(text[n:] for n in range(2, 7)), strict=False):
            if relative in ("that", "whom") and rest[0] not in ("is", "are", "was", "were"):
                yield from ((word, before) for word in rest if word in pasts)


def test_only_the_test_split_has_the_combinations_held_out_for_it(train):
    held_out = {
        (english.past(verb), name.english)
        for verb in lexicon.TRANSITIVE
        for name in verb.objects
        if splits.split_of(verb.english, name.english) == "test"
    }
    assert set(verbs_with_objects(train)) & held_out == set()
    assert len(set(verbs_with_objects(take(5_000, "test", 1))) & held_out) > 50


def test_only_the_test_split_has_the_descriptions_held_out_for_it(train):
    held_out = {
        (word, adjective.english)
        for adjective in lexicon.ADJECTIVES
        for name in adjective.nouns
        for word in (name.english, name.english_plural)
        if splits.split_of(adjective.english, name.english) == "test"
    }

    def found(pairs):
        """Finds (*house*, *old*) in *the house is not very old* and in *the house that is old*."""
        described = re.compile(r"(?:^\w+ (\w+)|(\w+) (?:that|who)) (?:is|are|was|were) (?:not )?(?:very )?(\w+)")
        found = (match for sentence, _ in pairs for match in described.findall(sentence))
        return {(first or second, adjective) for first, second, adjective in found} & held_out

    assert found(train) == set()
    assert len(found(take(5_000, "test", 1))) > 50


@pytest.mark.parametrize("split", grammar.SPLITS)
def test_every_frame_has_kernels_in_every_split(split):
    tables = [
        lexicon.TRANSITIVE,
        lexicon.DATIVE,
        lexicon.PREPOSITIONAL,
        lexicon.DITRANSITIVE,
        lexicon.INTRANSITIVE,
        lexicon.LOCATION,
        lexicon.MOTION,
        lexicon.ADJECTIVES,
        (lexicon.EXIST,),
        (lexicon.COST, lexicon.YEARS_OLD),
    ]
    assert all(splits.kernels(table, split) for table in tables)


def test_every_verb_and_adjective_is_seen_in_training():
    heads: tuple[lexicon.Verb | lexicon.Adjective, ...] = (*VERBS.values(), *lexicon.ADJECTIVES)
    assert [head.english for head in heads if not splits.kernels((head,), "train")] == []


def test_every_english_word_of_test_is_seen_in_training(train):
    seen = {word for sentence, _ in train for word in words(sentence)}
    assert {word for sentence, _ in take(5_000, "test") for word in words(sentence)} - seen == set()


def test_hardly_a_german_form_of_test_is_not_seen_in_training(train):
    seen = {word for _, sentence in train for word in words(sentence)}
    tested = [word for _, sentence in take(5_000, "test") for word in words(sentence)]
    assert sum(word not in seen for word in tested) < 0.001 * len(tested)


def test_at_least_95_percent_of_the_first_40000_pairs_are_distinct(train):
    assert len(set(train[:40_000])) >= 0.95 * 40_000


def assert_no_sentence_has_two_translations(pairs):
    translation: dict[str, str] = {}
    for english_sentence, german_sentence in pairs:
        assert translation.setdefault(english_sentence, german_sentence) == german_sentence


def test_no_sentence_has_two_translations(train):
    assert_no_sentence_has_two_translations(train)


def test_no_sentence_has_two_translations_in_a_world_so_small_that_many_are_said_again(monkeypatch):
    def shrink(verb):
        return dataclasses.replace(verb, subjects=verb.subjects[:2], objects=verb.objects[:2])

    for table in (
        "TRANSITIVE",
        "DATIVE",
        "PREPOSITIONAL",
        "DITRANSITIVE",
        "INTRANSITIVE",
        "LOCATION",
        "MOTION",
        "DECLARATIVE",
    ):
        monkeypatch.setattr(lexicon, table, tuple(map(shrink, getattr(lexicon, table)[:2])))
    for name in ("INQUIRE", "KNOW", "EXIST"):
        monkeypatch.setattr(lexicon, name, shrink(getattr(lexicon, name)))
    monkeypatch.setattr(lexicon, "ADJECTIVES", lexicon.ADJECTIVES[:2])
    monkeypatch.setattr(lexicon, "LOCATIONS", {verb: places[:1] for verb, places in lexicon.LOCATIONS.items()})
    monkeypatch.setattr(nominals, "PEOPLE", nominals.PEOPLE[:2])
    for module in (nominals, adverbials, sentences):
        monkeypatch.setattr(module, "attribute", lambda *_: ())
    times = {"past": YESTERDAY, "future": phrase("tomorrow", "morgen"), "progressive": phrase("now", "jetzt")}
    every_day = phrase("every day", "jeden Tag")
    monkeypatch.setattr(adverbials, "time", lambda chooser, tense, spans=True: times.get(tense, every_day))
    monkeypatch.setattr(adverbials, "FREQUENCY", adverbials.FREQUENCY[:1])
    few = lambda chooser, low, high: chooser.pick(range(low, min(high, low + 3) + 1))  # noqa: E731
    monkeypatch.setattr(splits.Chooser, "number", few)

    pairs = take(30_000)
    assert len(set(pairs)) < 0.85 * len(pairs)
    assert_no_sentence_has_two_translations(pairs)


def test_sentences_are_capitalised_spaced_and_punctuated(train):
    for sentence in itertools.chain.from_iterable(train):
        assert re.fullmatch(r"[A-ZÄÖÜ][\wäöüß'-]*(?:,? [\w'-]+)*[.?]", sentence), sentence


def test_questions_stay_questions(train):
    assert all(english_sentence[-1] == german_sentence[-1] for english_sentence, german_sentence in train)


def test_sentences_are_short_enough_for_a_small_model(train):
    lengths = sorted(len(words(english_sentence)) for english_sentence, _ in train)
    assert 8 <= sum(lengths) / len(lengths) <= 10
    assert lengths[0] >= 3
    assert lengths[int(0.98 * len(lengths))] <= 16


def test_the_vocabulary_has_hundreds_of_words(train):
    counted = {word for sentence, _ in train for word in words(sentence)}
    assert len(lexicon.NOUNS) + len(VERBS) + len(lexicon.ADJECTIVES) >= 350
    assert len(counted) >= 900


def test_dass_and_weil_always_follow_a_comma(train):
    text = "\n".join(german_sentence for _, german_sentence in train)
    assert len(re.findall(r", (?:dass|weil|obwohl|ob|bevor|während|als|wenn) ", text)) > 5_000
    assert re.findall(r"\w (?:dass|weil|obwohl|ob|bevor|während|wenn) ", text) == []


def test_nothing_is_denied_of_every():
    chooser = splits.Chooser("train", 0)
    clauses = [frames.transitive(chooser, "train", Nominal(*phrase("every man", "jeder Mann"), 2)) for _ in range(500)]
    assert not any(clause.negated for clause in clauses)


@pytest.mark.parametrize("split", ["Train", "dev", ""])
def test_an_unknown_split_is_an_error_that_names_it_and_the_choices(split):
    with pytest.raises(ValueError, match=f"train, validation, test; found {split!r}"):
        grammar.sentence_pairs(split)
