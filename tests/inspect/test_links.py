"""Links from weights, joined and written; and the alignment error rate."""

import numpy as np
import pytest

from translator.data.alignment import pharaoh, talp
from translator.evaluation.alignment_error import alignment_score
from translator.inspect.alignment import AlignmentOptions, links_of
from translator.inspect.links import (
    SYMMETRIZATIONS,
    best_of_sources,
    best_of_targets,
    grow_diag_final_and,
    reversed_links,
)


def links(text: str) -> frozenset[tuple[int, int]]:
    return frozenset((int(i), int(j)) for i, j in (link.split("-") for link in text.split()))


# A row for each target word; the last column is the end of the sentence.
WEIGHTS = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.2, 0.5, 0.3]])


def test_each_target_word_takes_the_word_that_it_looks_at_most_or_none():
    assert best_of_targets(WEIGHTS) == links("0-0 1-2")


def test_each_source_word_takes_the_word_that_looks_at_it_most():
    assert best_of_sources(WEIGHTS) == links("0-0 1-2")
    assert best_of_sources(np.array([[0.3, 0.6, 0.1]])) == links("0-0 1-0")


def test_without_words_there_are_no_links():
    for empty in (np.zeros([0, 3]), np.zeros([0, 1])):
        assert best_of_targets(empty) == best_of_sources(empty) == frozenset()
    assert best_of_targets(np.ones([2, 1])) == best_of_sources(np.ones([2, 1])) == frozenset()


@pytest.mark.parametrize(
    ("forward", "backward", "expected"),
    [
        ("0-0 1-1", "0-0 1-1", "0-0 1-1"),
        # 1-0 is a neighbour of 0-0, and word 1 has no link yet.
        ("0-0 1-0", "0-0", "0-0 1-0"),
        # A diagonal neighbour, from which another grows.
        ("0-0 1-1 2-2", "0-0", "0-0 1-1 2-2"),
        # 5-5 has no neighbour, but both words are free; 5-6 is left out, for word 5 has a link then.
        ("0-0 5-5", "0-0 5-6", "0-0 5-5"),
        # Both words of 0-1 have links: it neither grows nor is added at the end.
        ("0-0 1-1 0-1", "0-0 1-1", "0-0 1-1"),
        ("", "", ""),
    ],
)
def test_grow_diag_final_and_by_hand(forward, backward, expected):
    assert grow_diag_final_and(links(forward), links(backward)) == links(expected)


def test_intersection_union_and_none():
    forward, backward = links("0-0 1-1"), links("0-0 2-1")
    assert SYMMETRIZATIONS["intersection"](forward, backward) == links("0-0")
    assert SYMMETRIZATIONS["union"](forward, backward) == links("0-0 1-1 2-1")
    assert SYMMETRIZATIONS["none"](forward, backward) == forward


def test_formats():
    assert pharaoh(links("10-2 0-1 2-0")) == "0-1 2-0 10-2"
    assert talp(links("10-2 0-1")) == "1-2 11-3"
    assert reversed_links(links("10-2 0-1")) == links("2-10 1-0")


def test_two_models_agree_by_the_product_of_their_weights():
    # The first prefers word 0 for both target words; the second, whose rows are source words, knows better.
    forward = np.array([[0.6, 0.4, 0.0], [0.5, 0.4, 0.1]])
    backward = np.array([[0.9, 0.1, 0.0], [0.1, 0.8, 0.1]])
    none = AlignmentOptions(symmetrization="none")
    assert links_of([forward], none) == links("0-0 0-1")
    assert links_of([forward, backward], none) == links("0-0 1-1")


def test_independent_models_make_the_links_of_their_target_words():
    forward = np.array([[0.6, 0.4, 0.0], [0.5, 0.4, 0.1]])
    backward = np.array([[0.1, 0.9, 0.0], [0.1, 0.8, 0.1]])
    union = AlignmentOptions(symmetrization="union", agreement=False)
    assert links_of([forward, backward], union) == links("0-0 0-1 1-1")


def test_the_error_rate_by_hand():
    # |A| = 4, |S| = 3, A ∩ S = 2, A ∩ P = 3: 1 - (2 + 3) / (4 + 3).
    score = alignment_score(
        [links("0-0 1-1 2-0"), links("0-0")], [links("0-0 1-1"), links("1-1")], [links("2-0"), links("")]
    )
    assert score == pytest.approx((1 - 5 / 7, 3 / 4, 2 / 3))


def test_the_gold_itself_has_no_error_and_possible_links_may_be_absent():
    assert alignment_score([links("0-0")], [links("0-0")], [links("1-0")]).error_rate == 0
    assert alignment_score([links("0-0 1-0")], [links("0-0")], [links("1-0")]).error_rate == 0
    assert alignment_score([], [], []).error_rate == 0
