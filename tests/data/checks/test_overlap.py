"""Evaluation sentences in training, the same and nearly the same."""

import random

import numpy as np
import pytest

from tests.data.checks.planted import checked, edited, found, grammar_pairs, kinds, lines
from translator.data.checks.blocks import Texts
from translator.data.checks.edit_distance import Pattern
from translator.data.checks.shingles import ShingleIndex, edits_of


def by_the_textbook(one: str, other: str) -> int:
    """Edit distance by Wagner and Fischer's table."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        above, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (a != b))
    return row[-1]


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [("kitten", "sitting", 3), ("", "abc", 3), ("abc", "", 3), ("same", "same", 0), ("ab", "ba", 2)],
)
def test_edit_distance_by_hand(one, other, distance):
    assert Pattern(one).distance(other) == distance


def test_edit_distance_is_that_of_the_table():
    draw = random.Random(1)
    for _ in range(300):
        one = "".join(draw.choices("abcd", k=draw.randrange(10, 90)))
        other = "".join(draw.choices("abcd", k=70)) if draw.random() < 0.5 else edited(one + one, 7, draw)
        assert Pattern(one).distance(other) == by_the_textbook(one, other)


def test_the_index_finds_what_all_comparisons_find():
    # Beside random edits, the sentences of a grammar are near each other by themselves.
    draw = random.Random(2)
    sentences = [german for _, german in grammar_pairs("test", 300)]
    texts = [german for _, german in grammar_pairs("test", 500)][300:]
    texts += [edited(text, draw.randrange(1, 8), draw) for text in sentences[:100]]
    index, block = ShingleIndex(sentences), Texts(texts)
    indexed = Texts(sentences).words.lines
    patterns = [Pattern(line) for line in indexed]
    near = set()
    for row, line in enumerate(block.words.lines):
        for number, pattern in enumerate(patterns):
            most = int(edits_of(np.array(max(len(texts[row]), len(sentences[number])))))
            if most and abs(len(line) - len(indexed[number])) <= most and pattern.distance(line) <= most:
                near.add((row, number))
    rows, numbers = divmod(index.candidates(block), len(sentences))
    close = index.near(block, rows, numbers)
    by_index = set(zip(rows[close].tolist(), numbers[close].tolist(), strict=True))
    assert len(near) > 60
    assert by_index <= near
    assert len(by_index) >= 0.97 * len(near)


def test_a_validation_pair_in_training_is_an_error_whatever_its_case_and_marks(tmp_path):
    train, validation = grammar_pairs("train", 3000), grammar_pairs("validation", 100)
    english, german = validation[16]
    train[2000] = (english.upper(), f"„{german}“")
    finding = found(checked(tmp_path, train, validation), "in-training", "validation")
    assert (finding.count, finding.pairs, lines(finding)) == (1, 100, [17])
    assert finding.examples[0].text.startswith(f"{tmp_path / 'train.en'}:2001: ")
    assert finding.severity == "error"


@pytest.mark.parametrize(("times", "severity"), [(4, "note"), (5, "warning"), (50, "error")])
def test_short_sentences_that_both_have_are_an_error_only_where_they_are_half_of_an_evaluation_set(
    tmp_path, times, severity
):
    train, validation = grammar_pairs("train", 1000), grammar_pairs("validation", 100)
    short = ("Yes, of course.", "Ja, natürlich.")
    train[400], validation[:times] = short, [short] * times
    report = checked(tmp_path, train, validation)
    finding = found(report, "in-training-short", "validation")
    assert (finding.count, finding.severity) == (times, severity)
    assert kinds(report).isdisjoint({"in-training", "near-training", "source-in-training"})


def test_a_pair_is_short_if_neither_side_is_long_whatever_its_script(tmp_path):
    train, validation = grammar_pairs("train", 1000), grammar_pairs("validation", 100)
    train[400] = validation[16] = ("彼は昨日学校に行った。", "He went to the school yesterday.")
    assert lines(found(checked(tmp_path, train, validation), "in-training", "validation")) == [17]


def test_a_test_pair_in_training_is_found_too(tmp_path):
    train = grammar_pairs("train", 1000)
    report = checked(tmp_path, train, train[5:6] * 3, data={"test": "train.{lang}"})
    kept = [found(report, kind, "test").count for kind in ("in-training", "in-training-short")]
    assert sum(kept) == 1000
    assert found(report, "in-training", "validation").count == 3


def test_a_source_of_validation_with_another_translation_is_told_apart(tmp_path):
    train, validation = grammar_pairs("train", 1000), grammar_pairs("validation", 100)
    train[400] = (validation[16][0], train[400][1])
    report = checked(tmp_path, train, validation)
    assert lines(found(report, "source-in-training", "validation")) == [17]
    assert kinds(report).isdisjoint({"in-training", "near-training"})


def test_nineteen_of_twenty_near_duplicates_are_found_and_next_to_nothing_else(tmp_path):
    # Up to a tenth of the characters edited on both sides; in 10,000 pairs without any, at most one in a thousand.
    draw = random.Random(3)
    train, validation = grammar_pairs("train", 10_000), grammar_pairs("validation", 1000)
    planted = draw.sample([i for i, pair in enumerate(validation) if min(map(len, pair)) >= 20], 300)
    for place, number in zip(draw.sample(range(len(train)), 300), planted, strict=True):
        source, target = (edited(text, draw.randint(1, len(text) // 10), draw) for text in validation[number])
        train[place] = (source, target)
    report = checked(tmp_path, train, validation)
    of_kinds = {"near-training", "in-training", "in-training-short"}
    assert 0.95 * 300 <= sum(f.count for f in report.findings if f.kind in of_kinds) <= 300 + 0.001 * 10_000
