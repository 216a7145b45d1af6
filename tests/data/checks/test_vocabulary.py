"""Characters that the vocabulary lacks, or will lack."""

import unicodedata

import pytest

from tests.data.checks.planted import Pairs, checked, config_of, found, grammar_pairs, kinds, lines, write
from translator.config.tokenizer import TokenizerConfig
from translator.data.checks.corpora import check_corpora
from translator.data.checks.vocabulary import Vocabulary
from translator.data.learning import train_tokenizer


def with_pair(pairs: Pairs, place: int, pair: tuple[str, str]) -> Pairs:
    return [*pairs[:place], pair, *pairs[place + 1 :]]


def test_a_character_that_training_lacks_is_found_in_validation(tmp_path):
    validation = with_pair(grammar_pairs("validation", 50), 30, ("The dog is in Łódź.", "Der Hund ist in Łódź."))
    report = checked(tmp_path, grammar_pairs("train", 500), validation)
    for kind in ("missing-source-character", "missing-target-character"):
        finding = found(report, kind, "validation")
        assert lines(finding)[0] == 31 or finding.count > 1
        assert "Ł (U+0141)" in finding.message


def test_what_normalization_makes_of_a_source_character_counts(tmp_path):
    # NFKC turns the ligature into f and i; the target keeps it.
    validation = with_pair(grammar_pairs("validation", 50), 30, ("The ﬁrst dog.", "Der Hund ist ﬁnster."))
    report = checked(tmp_path, grammar_pairs("train", 2000), validation)
    assert "missing-source-character" not in kinds(report)
    assert "ﬁ (U+FB01)" in found(report, "missing-target-character", "validation").message


def decomposed(pairs: Pairs) -> Pairs:
    """The pairs with each accent and each part of a syllable as a character of its own, on the source side."""
    return [(unicodedata.normalize("NFD", source).replace("ガ", "ｶﾞ"), target) for source, target in pairs]


def letters_with_accents(count: int) -> Pairs:
    return [(f"příliš žluťoučký kůň {word}", "a very yellow horse") for word in ["tiếng", "한글", "ガ"] * count]


@pytest.mark.parametrize("is_there", [False, True])
@pytest.mark.parametrize("of_training", [decomposed, list])
@pytest.mark.parametrize("of_validation", [decomposed, list])
def test_an_accent_counts_as_normalization_joins_it_to_its_letter(tmp_path, is_there, of_training, of_validation):
    train = of_training(letters_with_accents(40))
    settings = TokenizerConfig(vocabulary_size=36, character_coverage=1.0)
    texts = [(text, "nmt_nfkc") for pair in train for text in pair]
    tokenizer = train_tokenizer(texts, settings).with_normalization("nmt_nfkc")  # type: ignore[arg-type]
    write(tmp_path, "train", train)
    write(tmp_path, "val", of_validation(letters_with_accents(3)))
    vocabulary = Vocabulary(settings, (tokenizer, tokenizer) if is_there else None)
    report = check_corpora(config_of(tmp_path), vocabulary=vocabulary)
    assert kinds(report).isdisjoint({"missing-source-character", "missing-target-character"})


def test_an_accent_that_is_kept_apart_is_a_character_of_its_own(tmp_path):
    validation = [("The dog.", unicodedata.normalize("NFD", "Der Hund ist schön."))]
    report = checked(tmp_path, [("The dog.", "Der Hund ist schön.")] * 50, validation)
    assert "(U+0308)" in found(report, "missing-target-character", "validation").message


def test_with_bytes_nothing_is_missing(tmp_path):
    validation = [("The dog is in Łódź.", "Der Hund ist in Łódź.")]
    report = checked(tmp_path, grammar_pairs("train", 500), validation, tokenizer={"byte_fallback": True})
    assert kinds(report).isdisjoint({"missing-source-character", "missing-target-character"})


def test_rare_characters_are_outside_the_coverage(tmp_path):
    # Of 1,002 characters beside spaces, 0.998 of which are to be covered, the two that come once are outside.
    train = [("a" * 50, "b" * 50)] * 10 + [("ç", "ø")]
    report = checked(tmp_path, train, [("a", "b")], tokenizer={"character_coverage": 0.998})
    assert "1 character, 0.20% of the source text" in found(report, "missing-source-character").message
    assert "ç (U+00E7)" in found(report, "missing-source-character").message
    assert "ø (U+00F8)" in found(report, "missing-target-character").message


def test_an_existing_vocabulary_is_asked(tmp_path):
    settings = TokenizerConfig(vocabulary_size=200)
    texts = [(text, "keep") for pair in grammar_pairs("train", 500) for text in pair]
    tokenizer = train_tokenizer(texts, settings)  # type: ignore[arg-type]
    write(tmp_path, "train", [*grammar_pairs("train", 500), ("A dog in Łódź.", "Ein Hund.")])
    write(tmp_path, "val", grammar_pairs("validation", 10))
    report = check_corpora(config_of(tmp_path), vocabulary=Vocabulary(TokenizerConfig(), (tokenizer, tokenizer)))
    finding = found(report, "missing-source-character")
    assert "Ł (U+0141)" in finding.message
    assert finding.examples[0].place == f"{tmp_path / 'train.en'}:501"


def test_a_vocabulary_that_will_be_extended_gets_the_most_frequent_characters_that_it_lacks(tmp_path):
    texts = [(text, "keep") for pair in grammar_pairs("train", 500) for text in pair]
    tokenizer = train_tokenizer(texts, TokenizerConfig(vocabulary_size=200))  # type: ignore[arg-type]
    write(tmp_path, "train", [*grammar_pairs("train", 500), ("Łłłł", "ł"), ("ź", "źź")])  # five ł, three ź, one Ł
    write(tmp_path, "val", [("Łódź", "Łódź"), ("ł", "ź")])
    for added, lacking in ((1, {"Ł", "ź"}), (2, {"Ł"}), (3, set())):
        vocabulary = Vocabulary(TokenizerConfig(), (tokenizer, tokenizer), added)
        report = check_corpora(config_of(tmp_path), vocabulary=vocabulary)
        messages = [each.message for each in report.findings if each.kind == "missing-source-character"]
        assert {character for character in "Łłź" if any(character in message for message in messages)} == lacking
    assert kinds(check_corpora(config_of(tmp_path), first=100, vocabulary=vocabulary)) == set()


def test_a_part_of_training_does_not_tell_what_is_missing(tmp_path):
    write(tmp_path, "train", grammar_pairs("train", 500))
    write(tmp_path, "val", [("The dog is in Łódź.", "Der Hund ist in Łódź.")])
    assert kinds(check_corpora(config_of(tmp_path), first=100)) == set()
