"""Search with scripted step functions: tables of logits by prefix, and no model.

Letters as in `search`: B sentences, b those still being translated, W beam width, V vocabulary, L longest translation.
"""

import math
from collections.abc import Sequence

import numpy as np
import pytest
import tensorflow as tf

from tests.scripted_search import EOS, SPECIAL, Hypothesis, Script, assert_finds, texts_of
from translator.decoding.search.constraints import never
from translator.decoding.search.loop import Prefixes, search
from translator.decoding.search.scoring import NEVER, Scoring
from translator.decoding.search.strategies import Beam, Greedy, Hypotheses
from translator.decoding.search.top_k import BLOCK, best, top_k

# Beam search


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0, 2.0])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("V", "max_lengths"), [(3, [4, 2, 3]), (4, [1, 3, 3])])
def test_wide_beam_finds_what_brute_force_finds(V: int, max_lengths: list[int], seed: int, alpha: float):
    script = Script.random(seed, len(max_lengths), V, max(max_lengths))
    every = [script.every_translation(row, length, alpha) for row, length in enumerate(max_lengths)]
    # One place more than there are translations: the search never has enough of them, and so sees them all.
    found = script.beam(max_lengths, 1 + max(map(len, every)), alpha)
    for row, expected in enumerate(every):
        assert_finds(found, row, expected)


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0, 2.0])
@pytest.mark.parametrize("width", [1, 2, 4])
def test_scores_are_log_probabilities_over_length_to_the_alpha_and_sorted(width: int, alpha: float):
    max_lengths = [5, 2, 4]
    script = Script.random(7, len(max_lengths), 5, max(max_lengths))
    found = script.beam(max_lengths, width, alpha)
    for row, max_length in enumerate(max_lengths):
        scores = found.scores[row].numpy()
        recomputed = [script.score(row, text, max_length, alpha) for text in texts_of(found, row)]
        np.testing.assert_allclose(scores[: len(recomputed)], recomputed, rtol=1e-5)
        assert (np.diff(scores) <= 0).all()


def chances(script: dict[tuple[int, ...], list[float]], V: int, longest: int) -> Script:
    """A script from probabilities by prefix; after others all tokens are alike."""
    tables = np.zeros((1, sum(V**length for length in range(longest)), V))
    for prefix, probabilities in script.items():
        number = 0
        for token in prefix:
            number = number * V + token + 1
        tables[0, number] = np.log(probabilities)
    return Script(tables)


A, OTHER = 1, 2


def test_best_hypothesis_switches_parents():
    """After one step A leads; after two OTHER's child does, and takes A's place and OTHER's state."""
    script = chances(
        {
            (): [0.01, 0.59, 0.40],
            (A,): [0.2, 0.4, 0.4],  # best: 0.59 · 0.4 = 0.236
            (OTHER,): [0.05, 0.90, 0.05],  # best: 0.40 · 0.9 = 0.36
            (OTHER, A): [0.97, 0.01, 0.02],  # 0.3492, and it ends
            (A, A): [0.5, 0.3, 0.2],  # 0.118
        },
        V=3,
        longest=3,
    )
    found = script.beam([3], 2, 0.0)
    assert texts_of(found, 0) == [(OTHER, A), (A, A)]
    np.testing.assert_allclose(np.exp(found.scores), [[0.40 * 0.90 * 0.97, 0.59 * 0.4 * 0.5]], rtol=1e-5)
    assert texts_of(script.greedy([3], 0.0), 0) == [(A, A)]


def test_length_penalty_favours_length():
    """EOS at once: log 0.4. A, then EOS: log 0.6 + log 0.5 = log 0.3; over its length of 2, log √0.3 ≈ log 0.55."""
    script = chances({(): [0.4, 0.6], (A,): [0.5, 0.5]}, V=2, longest=2)
    assert texts_of(script.beam([3], 2, 0.0), 0)[0] == ()
    assert texts_of(script.beam([3], 2, 1.0), 0)[0] == (A,)
    np.testing.assert_allclose(np.exp(script.beam([3], 2, 1.0).scores), [[math.sqrt(0.3), 0.4]], rtol=1e-5)


def test_a_hypothesis_that_ends_leaves_its_place_to_the_next_best_prefix():
    """Of two places one ends with A; A A comes third, and goes on to be the second best."""
    script = chances(
        {
            (): [1e-9, 0.6, 0.4],
            (A,): [0.5, 0.3, 0.2],  # ends: 0.30; A A: 0.18; A OTHER: 0.12
            (OTHER,): [0.1, 0.5, 0.4],  # OTHER A: 0.20; OTHER OTHER: 0.16
            (A, A): [0.03, 0.95, 0.02],  # 0.171
            (OTHER, A): [0.34, 0.33, 0.33],  # at most 0.068
        },
        V=3,
        longest=3,
    )
    found = script.beam([3], 2, 0.0)
    assert texts_of(found, 0) == [(A,), (A, A, A)]
    np.testing.assert_allclose(np.exp(found.scores), [[0.30, 0.171]], rtol=1e-5)


# Greedy search


@pytest.mark.parametrize("alpha", [0.0, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_greedy_search_takes_the_likeliest_token_each_time(seed: int, alpha: float):
    max_lengths = [5, 1, 4, 5]
    script = Script.random(seed, len(max_lengths), 3, max(max_lengths))
    found = script.greedy(max_lengths, alpha)
    for row, max_length in enumerate(max_lengths):
        text: list[int] = []
        while len(text) < max_length and (token := int(np.argmax(script.log_probs(row, text)))) != EOS:
            text.append(token)
        assert_finds(found, row, [Hypothesis(script.score(row, text, max_length, alpha), tuple(text))])


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_beam_of_one_equals_greedy(seed: int, alpha: float):
    max_lengths = [5, 1, 4, 5, 2]
    script = Script.random(seed, len(max_lengths), 4, max(max_lengths))
    beam, greedy = script.beam(max_lengths, 1, alpha), script.greedy(max_lengths, alpha)
    np.testing.assert_array_equal(beam.ids, greedy.ids)
    np.testing.assert_allclose(beam.scores, greedy.scores, rtol=1e-6)


# The batch


@pytest.mark.parametrize("width", [None, 1, 3], ids=["greedy", "beam of 1", "beam of 3"])
def test_batch_mates_and_their_order_change_nothing(width: int | None):
    max_lengths = [5, 3, 5, 4, 1]
    script = Script.random(3, len(max_lengths), 4, max(max_lengths))

    def search_for(rows: Sequence[int]) -> Hypotheses:
        limits = [max_lengths[row] for row in rows]
        return script.greedy(limits, 1.0, rows) if width is None else script.beam(limits, width, 1.0, rows)

    together = search_for(range(5))
    for order in ([3, 1, 4, 0, 2], [2, 2, 0], [0], [1], [2], [3], [4]):
        found = search_for(order)
        expected = tf.nest.map_structure(lambda part, order=order: tf.gather(part, order), together)
        length = found.ids.shape[-1]
        np.testing.assert_array_equal(found.ids, expected.ids[:, :, :length])
        assert (expected.ids[:, :, length:].numpy() == SPECIAL.pad).all()
        np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-6)


def ends_after(lengths: Sequence[int], V: int = 3) -> Script:
    """Sentences that all but surely have so many tokens, EOS not counted, each of them A."""
    longest = max(lengths) + 1
    tables = np.zeros((len(lengths), sum(V**length for length in range(longest)), V))
    for row, length in enumerate(lengths):
        number = 0
        for position in range(longest):
            tables[row, number] = [20.0 if position == length else -20.0, 10.0, 0.0]
            number = number * V + A + 1
    return Script(tables)


def test_finished_sentences_leave_the_batch_in_greedy_search():
    script = ends_after([0, 2, 1, 2])
    found = script.greedy([9] * 4, 1.0)
    assert [texts_of(found, row) for row in range(4)] == [[()], [(A, A)], [(A,)], [(A, A)]]
    assert script.batch_sizes == [4, 3, 2]


def test_finished_sentences_leave_the_batch_in_beam_search():
    script = ends_after([0, 2, 1, 2])
    found = script.beam([9] * 4, 1, 1.0)
    assert [texts_of(found, row) for row in range(4)] == [[()], [(A, A)], [(A,)], [(A, A)]]
    assert script.batch_sizes == [4, 3, 2]


@pytest.mark.parametrize("width", [None, 1, 2], ids=["greedy", "beam of 1", "beam of 2"])
def test_sentences_that_never_end_stop_at_their_own_limit(width: int | None):
    tables = np.zeros((3, 1 + 3 + 9 + 27, 3))
    tables[:, :, EOS] = -1e4
    tables[:, :, A] = 1.0
    script = Script(tables)
    found = script.greedy([2, 4, 1], 1.0) if width is None else script.beam([2, 4, 1], width, 1.0)
    assert [texts_of(found, row)[0] for row in range(3)] == [(A, A), (A, A, A, A), (A,)]
    assert all(len(text) == limit for row, limit in enumerate([2, 4, 1]) for text in texts_of(found, row))
    assert script.batch_sizes == [3, 2, 1, 1]


def test_a_beam_wider_than_there_are_translations_says_so():
    """One token may be written, of three: two of the five places stay empty."""
    found = Script.random(1, 1, 3, 1).beam([1], 5, 1.0)
    assert len(texts_of(found, 0)) == 3
    np.testing.assert_array_equal(found.scores[0, 3:], [NEVER, NEVER])


@pytest.mark.parametrize("width", [None, 3], ids=["greedy", "beam of 3"])
def test_a_graph_equals_eager(width: int | None):
    max_lengths = [5, 3, 4]
    script = Script.random(5, len(max_lengths), 4, max(max_lengths))
    arguments = tf.TensorSpec([None], tf.int32)

    @tf.function(input_signature=[arguments, arguments])
    def graph(rows: tf.Tensor, limits: tf.Tensor) -> Hypotheses:
        scoring = Scoring(1.0)
        strategy = Greedy(SPECIAL, scoring) if width is None else Beam(width, SPECIAL, scoring)
        return search(script.decoder(rows, strategy.width), limits, strategy)

    for rows in ([0, 1, 2], [1]):
        limits = [max_lengths[row] for row in rows]
        eager = script.greedy(limits, 1.0, rows) if width is None else script.beam(limits, width, 1.0, rows)
        found = graph(tf.constant(rows), tf.constant(limits))
        np.testing.assert_array_equal(found.ids, eager.ids)
        np.testing.assert_allclose(found.scores, eager.scores, rtol=1e-6)
        np.testing.assert_array_equal(found.attention, eager.attention)


# top_k

WIDTHS = [5, BLOCK, BLOCK + 1, 10 * BLOCK, 10 * BLOCK + 1, 25 * BLOCK - 1, 4097]


@pytest.mark.parametrize("k", [1, 2, 5, 10])
@pytest.mark.parametrize("V", WIDTHS)
def test_top_k_is_that_of_tensorflow(V: int, k: int):
    x = np.random.default_rng(V + k).normal(size=(20, V)).astype(np.float32)
    k = min(k, V)
    for numbers in (x, -1e5 - np.abs(x) * 1e4, np.sort(x), np.sort(x)[:, ::-1]):
        values, columns = top_k(tf.constant(numbers), k)
        expected_values, expected_columns = tf.math.top_k(numbers, k)
        np.testing.assert_array_equal(values, expected_values)
        np.testing.assert_array_equal(columns, expected_columns)
        assert columns.dtype == tf.int32


@pytest.mark.parametrize("V", WIDTHS)
def test_top_k_of_ties_gives_different_columns(V: int):
    x = np.random.default_rng(V).integers(-3, 0, (20, V)).astype(np.float32)
    values, columns = top_k(tf.constant(x), 5)
    np.testing.assert_array_equal(values, tf.math.top_k(x, 5).values)
    np.testing.assert_array_equal(np.take_along_axis(x, columns.numpy(), 1), values)
    assert all(len(set(row)) == 5 for row in columns.numpy().tolist())


@pytest.mark.parametrize("V", WIDTHS)
def test_the_best_of_a_row_is_its_first_maximum(V: int):
    rng = np.random.default_rng(V)
    for x in (rng.normal(size=(20, V)), rng.integers(-3, 0, (20, V)), np.full((2, V), -np.inf)):
        np.testing.assert_array_equal(best(tf.constant(x, tf.float32)), x.argmax(1))


def test_top_k_of_a_graph_with_an_unknown_number_of_rows():
    graph = tf.function(lambda x: top_k(x, 2), input_signature=[tf.TensorSpec([None, 1000])])
    x = np.random.default_rng(1).normal(size=(3, 1000)).astype(np.float32)
    np.testing.assert_array_equal(graph(x)[1], tf.math.top_k(x, 2).indices)
    assert graph(x[:0])[0].shape == (0, 2)


# Constraints


@pytest.mark.parametrize("width", [None, 1, 3], ids=["greedy", "beam of 1", "beam of 3"])
def test_tokens_that_are_never_chosen_leave_what_a_model_without_them_would_give(width: int | None):
    script = Script.random(seed=4, sentences=3, V=6, longest=4)
    script.tables[:, :, 2] += 5.0  # by far the likeliest, but for that
    lacking = Script(np.where(np.isin(np.arange(6), [2, 4]), NEVER, script.tables))
    limits = [4, 3, 4]
    found, expected = (
        each.greedy(limits, 0.6, constraints=constraints)
        if width is None
        else each.beam(limits, width, 0.6, constraints=constraints)
        for each, constraints in ((script, [never((2, 4))]), (lacking, []))
    )
    np.testing.assert_array_equal(found.ids, expected.ids)
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-5)
    assert not np.isin(found.ids, [2, 4]).any()


@pytest.mark.parametrize("width", [None, 1, 3], ids=["greedy", "beam of 1", "beam of 3"])
def test_a_constraint_may_look_at_the_state_and_several_are_applied_in_order(width: int | None):
    """EOS is forbidden in the first two steps, then A; what is left is OTHER, twice at least."""

    def no_early_end(logits: tf.Tensor, state: Prefixes) -> tf.Tensor:
        return tf.where((state.position < 2) & (tf.range(3) == EOS), NEVER, logits)

    script = Script.random(seed=2, sentences=2, V=3, longest=3)
    constraints = [no_early_end, never((A,))]
    found = (
        script.greedy([3, 3], 1.0, constraints=constraints)
        if width is None
        else script.beam([3, 3], width, 1.0, constraints=constraints)
    )
    for row in range(2):
        assert texts_of(found, row)[0][:2] == (OTHER, OTHER)
        assert all(len(text) >= 2 and A not in text for text in texts_of(found, row))


# What comes with the tokens


@pytest.mark.parametrize("width", [None, 1, 2, 4])
def test_log_probabilities_are_of_the_tokens_and_lengths_count_eos(width: int | None):
    max_lengths = [5, 2, 4]
    script = Script.random(7, len(max_lengths), 5, max(max_lengths))
    found = script.greedy(max_lengths, 0.6) if width is None else script.beam(max_lengths, width, 0.6)
    for row, max_length in enumerate(max_lengths):
        texts = texts_of(found, row)
        assert found.lengths[row].numpy().tolist()[: len(texts)] == [min(len(t) + 1, max_length) for t in texts]
        expected = [script.score(row, text, max_length, 0.0) for text in texts]
        np.testing.assert_allclose(found.log_probs[row][: len(texts)], expected, rtol=1e-5)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("width", [None, 1, 3], ids=["greedy", "beam of 1", "beam of 3"])
def test_attention_follows_its_hypothesis(width: int | None, seed: int):
    max_lengths = [5, 1, 3, 5]
    script = Script.random(seed, len(max_lengths), 4, max(max_lengths))
    found = script.greedy(max_lengths, 1.0) if width is None else script.beam(max_lengths, width, 1.0)
    for row in range(len(max_lengths)):
        for place, text in enumerate(texts_of(found, row)):
            numbers = [0]
            for token in text:
                numbers.append(numbers[-1] * script.V + token + 1)
            length = int(found.lengths[row, place])
            attention = found.attention[row, place, :, 0].numpy()
            assert attention[:length].tolist() == numbers[:length]
            assert not attention[length:].any()
