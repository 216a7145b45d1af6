"""Tables by length, frequency and casing, worked out by hand."""

import pytest

from translator.evaluation.breakdown import CASINGS, by_casing, by_frequency, by_length, casing
from translator.evaluation.metrics import bleu

REFERENCES = ["the cat", "The cat sat on the mat", "NATO is an alliance"]
WORDS = [line.split() for line in REFERENCES]


def test_sentences_of_each_length_are_scored_apart():
    hypotheses = ["the dog", *REFERENCES[1:]]
    counted = [bleu("en").count(lines, [REFERENCES]) for lines in (REFERENCES, hypotheses)]
    table = by_length([2, 6, 4], counted, "reference")
    assert [(row.label, row.count) for row in table.rows] == [("0–4", 2), ("5–9", 1)]
    alone = bleu("en").count([hypotheses[0], hypotheses[2]], [[REFERENCES[0], REFERENCES[2]]]).score()
    assert table.rows[0].figures == pytest.approx((100, alone))
    assert table.rows[1].figures == pytest.approx((100, 100))


@pytest.mark.parametrize(("length", "label"), [(0, "0–4"), (4, "0–4"), (5, "5–9"), (60, "60 and more"), (59, "40–59")])
def test_a_length_belongs_to_one_row(length: int, label: str):
    counted = [bleu("en").count(["a"], [["a"]])]
    assert [row.label for row in by_length([length], counted, "source").rows] == [label]


def test_f1_of_rare_words_is_as_by_hand():
    hypothesis = [["the", "cat"], ["the", "cat", "sat", "mat"], ["nato", "mat"]]
    frequencies = {"the": 2000, "cat": 12, "sat": 1, "on": 3, "mat": 1, "is": 12, "an": 12}
    table = by_frequency(WORDS, [hypothesis], frequencies)
    assert [(row.label, row.count) for row in table.rows] == [
        ("0", 2), ("1", 2), ("2–4", 1), ("10–99", 4), ("1,000 and more", 3),
    ]  # fmt: skip
    f1 = [
        0,  # NATO and alliance; nato is another word
        200 * 2 / (2 + 3),  # sat and mat are found, and a mat more is written
        0,
        200 * 2 / (4 + 2),  # of cat, cat, is and an both cats
        200 * 2 / (3 + 2),  # the and the, not The
    ]
    assert [row.figures for row in table.rows] == [pytest.approx((figure,)) for figure in f1]


def test_words_of_each_casing_are_found_apart():
    hypothesis = [["the", "Cat"], ["the", "cat", "sat", "on", "the", "mat"], ["Nato", "is", "an", "alliance"]]
    table = by_casing(WORDS, [WORDS, hypothesis], ["A", "B"])
    assert [(row.label, row.count, row.figures) for row in table.rows] == [
        ("lower case", 10, (100, pytest.approx(200 * 9 / (10 + 10)))),
        ("Capitalized", 1, (100, 0)),
        ("ALL CAPITALS", 1, (100, 0)),
    ]
    assert table.note == "Words that are right but for their case: 0 of A, 3 of B."


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("word", 0), ("Word", 1), ("A", 1), ("WORD", 2), ("USA-Reise", 3), ("iPhone", 3), ("T-Shirt", 3),
        ("3,5", 4), (".", 4), ("犬", 4), ("3D", 2), ("ß", 0), ("Über", 1),
    ],
)  # fmt: skip
def test_the_casing_of_a_word(word: str, expected: int):
    assert CASINGS[casing(word)] == CASINGS[expected]
