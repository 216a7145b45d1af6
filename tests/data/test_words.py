"""Words of a text, and the subwords that they are made of."""

import itertools

import numpy as np
import pytest

from tests.tokenizers import tokenizer_of
from translator import grammar
from translator.config.tokenizer import TokenizerConfig
from translator.data.tokenizer import Tokenizer
from translator.data.words import Word, membership, shares, words_of


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("The old man.", {}, ["The", "old", "man", "."]),
        ("„Ja“, sagte er (leise)...", {}, ["„", "Ja", "“", ",", "sagte", "er", "(", "leise", ")", ".", ".", "."]),
        ("twenty-one o'clock, 3,5 €", {}, ["twenty-one", "o'clock", ",", "3,5", "€"]),
        ("हिन्दी भाषा।", {}, ["हिन्दी", "भाषा", "।"]),
        ("don 't split. ", {"tokenized": True}, ["don", "'t", "split."]),
        ("今日は。", {"spaceless": True}, ["今", "日", "は", "。"]),
        ("ที่นี่", {"spaceless": True}, ["ที่", "นี่"]),
        (" \t", {}, []),
        ("...", {}, [".", ".", "."]),
    ],
)
def test_words_are_split_as_by_hand(text, options, expected):
    found = words_of(text, **options)
    assert [word.text for word in found] == expected
    assert [text[word.start : word.end] for word in found] == expected


def test_words_of_the_grammars_text_are_the_words_of_its_alignment():
    for pair in itertools.islice(grammar.aligned_pairs("validation"), 500):
        assert tuple(word.text for word in words_of(pair.english)) == pair.english_words
        assert tuple(word.text for word in words_of(pair.german)) == pair.german_words


def test_a_subword_is_part_of_each_word_that_it_shares_a_character_with():
    words = [Word("ab", 0, 2), Word("cd", 3, 5), Word(".", 5, 6)]
    subwords = [(0, 1), (1, 2), (2, 4), (4, 6), (2, 3)]  # a, b, " c", "d.", and a space alone
    expected = [[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 1], [0, 1, 0]]
    np.testing.assert_array_equal(membership(words, subwords), np.array(expected, bool))


def test_nothing_is_part_of_no_words():
    assert membership([], [(0, 1)]).shape == (1, 0)
    assert membership([Word("a", 0, 1)], []).shape == (0, 1)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return tokenizer_of(["ant bear cat.", "häuser süß"], TokenizerConfig(vocabulary_size=24, kind="bpe"))


def test_ids_in_place_are_those_of_encode_and_cover_the_text(tokenizer):
    sentences = ["ant  bear.", "häuser, süß", "", "ant 今 \ud800 cat", "ﬁx"]
    found = tokenizer.encode_in_place(sentences)
    assert [ids for ids, _ in found] == tokenizer.encode(sentences)
    for sentence, (ids, spans) in zip(sentences, found, strict=True):
        assert len(ids) == len(spans)
        covered = {i for start, end in spans for i in range(start, end)}
        assert {i for i, character in enumerate(sentence) if character != " "} <= covered
        assert sorted(spans) == spans


def test_a_subword_of_several_words_is_divided_among_them():
    found = shares(words_of("Wait..."), [(0, 4), (4, 7)])
    np.testing.assert_allclose(found, np.array([[1, 0, 0, 0], [0, 1 / 3, 1 / 3, 1 / 3]]))
