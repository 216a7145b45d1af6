"""Which of some languages a text is in."""

import math
from pathlib import Path

import numpy as np
import pytest

from tests.serve.scripted import ENGLISH, GERMAN, profile, tokenizer
from translator.run_folder import RunFolder
from translator.serve.detection import UNKNOWN, Profile, detect

PROFILES = {"en": profile(tuple(ENGLISH)), "de": profile(tuple(GERMAN))}


def test_a_text_is_as_probable_as_its_subwords_are_frequent():
    [ids] = tokenizer().encode(["das Haus"])
    counts = np.full(tokenizer().vocabulary_size, 0.5)
    counts[ids] = 1.5  # smoothed to 2, where all others are 1
    total = 2 * len(set(ids)) + tokenizer().vocabulary_size - len(set(ids))
    expected = len(ids) * math.log(2 / total)
    assert Profile(tokenizer(), counts).log_prob("das Haus") == pytest.approx(expected)


def test_characters_of_another_script_count_one_by_one():
    counts = np.zeros(tokenizer().vocabulary_size)
    known = Profile(tokenizer(), counts)
    assert known.log_prob("犬猫") - known.log_prob("犬") == pytest.approx(UNKNOWN)


def test_confidences_are_the_shares_of_the_probabilities():
    (first, of_first), (second, of_second) = detect("das", PROFILES)
    odds = math.exp(PROFILES["de"].log_prob("das") - PROFILES["en"].log_prob("das"))
    assert (first, second) == ("de", "en")
    assert of_first == pytest.approx(100 * odds / (1 + odds))
    assert of_second == pytest.approx(100 / (1 + odds))


@pytest.mark.parametrize("text", ["", " \n", "\u3000"])
def test_a_blank_text_is_of_no_language(text: str):
    assert detect(text, PROFILES) == [("en", 0.0), ("de", 0.0)]


def test_a_run_without_its_data_goes_by_the_order_of_the_vocabulary(tmp_path: Path):
    found = Profile.of_run(RunFolder(tmp_path), tokenizer())
    assert found.log_prob("das Haus") == Profile(
        tokenizer(), 1e6 / (1 + np.arange(tokenizer().vocabulary_size))
    ).log_prob("das Haus")
