"""Damaged text by hand, and typos against the definition of an edit."""

from random import Random

import pytest

from translator.data.rewriting import NEIGHBOURS, noise, title, with_typo, with_typos, without_end_punctuation


def test_a_title_has_a_capital_at_the_beginning_of_each_word_and_nowhere_else():
    assert title("don't stop at émile's 2nd (top) x-ray") == "Don't Stop At Émile's 2nd (top) X-ray"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("A dog runs.", "A dog runs"), ("Who? ", "Who"), ("犬が走る。", "犬が走る"), ("no. 5", "no. 5"), ("...", "...")],
)
def test_punctuation_is_left_out_at_the_end_alone_unless_it_is_all_there_is(text: str, expected: str):
    assert without_end_punctuation(text) == expected


def test_noise_has_the_length_that_is_asked_for_and_no_other_characters():
    for length in range(1, 60):
        text = noise("abc", length, Random(length))
        assert len(text) in (length, length - 1)  # a space that would be last is left out
        assert set(text) <= set("abc ")


def test_the_keys_around_a_key_are_those_that_touch_it():
    assert sorted(NEIGHBOURS["s"]) == sorted("awedzx"[:6])
    assert sorted(NEIGHBOURS["q"]) == sorted("wa")
    assert sorted(NEIGHBOURS["m"]) == sorted("njk")


def edits(word: str) -> set[str]:
    """All words at one typo from a word of letters: swapped, dropped, doubled, or with a neighbouring key."""
    parts = [(word[:i], word[i], word[i + 1 :]) for i in range(len(word))]
    near = {letter: NEIGHBOURS.get(letter, letter) for letter in word}
    swapped = {word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1)}
    dropped = {before + after for before, _, after in parts}
    inserted = {before + letter + key + after for before, letter, after in parts for key in near[letter]}
    replaced = {before + key + after for before, letter, after in parts for key in near[letter]}
    return swapped | dropped | inserted | replaced


def test_each_typo_is_one_edit_and_all_kinds_come():
    random = Random(1)
    found = {with_typo("house", random) for _ in range(4000)}
    assert found == edits("house") - {"house"}


def test_letters_that_the_keyboard_lacks_are_swapped_dropped_or_doubled():
    random = Random(1)
    found = {with_typo("дом", random) for _ in range(500)}
    assert found == {"одм", "дмо", "ом", "дм", "до", "ддом", "доом", "домм"}


@pytest.mark.parametrize("word", ["", "a", "1984", "—", "5."])
def test_a_word_of_fewer_than_two_letters_has_no_typo(word: str):
    assert with_typo(word, Random(1)) == word


def test_a_typo_keeps_the_case_of_the_letter_that_it_replaces():
    found = {with_typo("AB", random) for random in map(Random, range(200))}
    assert {word.upper() for word in found} == found


def test_the_share_of_words_with_a_typo_is_the_one_that_is_asked_for():
    words = ["window"] * 20_000
    damaged = with_typos(" ".join(words), 0.1, Random(3)).split(" ")
    assert len(damaged) == len(words)
    assert 0.09 < sum(word != "window" for word in damaged) / len(words) < 0.11
