"""The toy language of `scripts/measure_attribution.py` has the causes that it tells of."""

import random
import re
from typing import Any

import numpy as np

from tests.script_modules import load_script

script = load_script("measure_attribution")


def toys(number: int) -> list[Any]:
    rng = random.Random(4)
    return [script.sentence(rng) for _ in range(number)]


def number_of(word: str) -> str:
    return re.sub(r"\D", "", word)


def test_a_planted_cause_has_the_number_of_its_word():
    for toy in toys(50):
        key, echo, _, _, by_gender, by_subject = script.causes(toy)
        assert number_of(toy.target[key.word - 1]) == number_of(toy.source[key.place])
        assert number_of(toy.target[echo.word - 1]) == number_of(toy.target[echo.place])
        agreement = toy.target[by_gender.word - 1]
        assert number_of(agreement) == number_of(toy.source[by_subject.place] + toy.source[by_gender.place])


def test_a_contrast_changes_what_its_cause_decides_and_nothing_else():
    for toy in toys(50):
        *_, by_gender, by_subject = script.causes(toy)
        subject, gender = list(number_of(toy.target[by_gender.word - 1]))
        assert number_of(by_gender.instead)[0] == subject
        assert number_of(by_gender.instead)[1] != gender
        assert number_of(by_subject.instead)[1] == gender
        assert number_of(by_subject.instead)[0] != subject


def test_places_in_the_sentence_do_not_tell_the_cause():
    places = {toy.place("key") for toy in toys(200)}
    assert places == set(range(9))  # 3 to 6 fillers and two others


def test_auc_counts_pairs():
    assert script.auc(np.array([3.0, 1.0]), np.array([2.0, 0.0])) == 0.75
