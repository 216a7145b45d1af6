"""A search in which no shape changes, as XLA compiles it, finds what the search finds whose batch shrinks."""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.decoding.test_scored import SOURCES, model_of
from tests.scripted_search import EOS, SPECIAL, Script
from translator.decoding.engines.ensemble import EnsembleEngine
from translator.decoding.engines.graphs import few_shapes
from translator.decoding.engines.transformer import TransformerEngine
from translator.decoding.options import Hypothesis, SearchOptions
from translator.decoding.search.constraints import (
    begins_with,
    no_end_before,
    no_phrase,
    no_repeated_ngram,
    repetition_penalty,
)
from translator.decoding.search.independent import Independent, alternatives, sampled
from translator.decoding.search.loop import Constraint
from translator.decoding.search.scoring import Scoring
from translator.decoding.search.strategies import Beam, Greedy, Hypotheses, Strategy
from translator.vocabulary import EOS_ID, PAD_ID

# Scripts

LIMITS = [5, 1, 3, 5, 4]
SCORING = Scoring(0.7)
STRATEGIES: dict[str, Strategy] = {
    "greedy": Greedy(SPECIAL, SCORING, with_token_log_probs=True),
    "ahead": Beam(3, SPECIAL, SCORING, with_token_log_probs=True),
    "finished": Beam(4, SPECIAL, Scoring(1.0, stopping="finished", patience=1.5)),
    "exact": Beam(4, SPECIAL, Scoring(0.6, gnmt=True, stopping="exact")),
    "samples": Independent(
        3, sampled(3, tf.constant(7, tf.int64), tf.range(5, dtype=tf.int64), 1.3, most=3, nucleus=0.9), SPECIAL, SCORING
    ),
    "alternatives": Independent(3, alternatives(3, tf.constant([0, 0, 1, 2, 0])), SPECIAL, SCORING),
}


def assert_equal(found: Hypotheses, expected: Hypotheses, longest: int) -> None:
    """The same, with nothing behind the longest limit."""
    for new, old in zip(tf.nest.flatten(found), tf.nest.flatten(expected), strict=True):
        if new.shape.rank > 2:
            assert new.shape[2] == longest
            behind = new[:, :, old.shape[2] :].numpy()
            assert (behind == (0 if new.dtype == tf.float32 else SPECIAL.pad)).all()
            new = new[:, :, : old.shape[2]]
        np.testing.assert_allclose(new, old, rtol=1e-6)


@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
@pytest.mark.parametrize("seed", range(2))
def test_fixed_shapes_change_nothing(strategy: Strategy, seed: int):
    script = Script.random(seed, len(LIMITS), 4, 7)
    found = script.search(LIMITS, strategy, longest=7)
    assert_equal(found, script.search(LIMITS, strategy), 7)


@pytest.mark.parametrize(
    "constraint",
    [
        no_repeated_ngram(1),
        no_repeated_ngram(3),
        no_phrase([(2,), (1, 3), (3, 1, 1)]),
        repetition_penalty(1.7),
        no_end_before(tf.constant([3, 1, 2, 4, 0]), EOS),
        begins_with(tf.constant([[2, 1], [0, 0], [3, 0], [1, 1], [0, 0]]), tf.constant([2, 0, 1, 2, 0])),
    ],
    ids=["1-grams", "3-grams", "phrases", "penalty", "length", "prefix"],
)
@pytest.mark.parametrize("strategy", [STRATEGIES["greedy"], STRATEGIES["exact"], STRATEGIES["samples"]])
def test_constraints_see_the_same_prefixes(strategy: Strategy, constraint: Constraint):
    script = Script.random(5, len(LIMITS), 4, 6)
    found = script.search(LIMITS, strategy, [constraint], longest=6)
    assert_equal(found, script.search(LIMITS, strategy, [constraint]), 6)


def test_the_batch_keeps_its_size_until_the_last_sentence_is_done():
    script = Script.random(1, 3, 3, 4)
    script.search([1, 4, 2], Beam(2, SPECIAL, Scoring(1.0, stopping="exact")), longest=9)
    assert set(script.batch_sizes) == {3}
    assert len(script.batch_sizes) <= 4


# Models

OPTIONS = SearchOptions(3, length_penalty=0.6, max_length_factor=2.0, max_length_margin=1)
EVERYTHING: dict[str, dict[str, Any]] = {
    "greedy": {"beam_size": 1, "with_token_log_probs": True, "with_attention": True},
    "beam": {
        "stopping": "exact",
        "coverage_penalty": 0.3,
        "with_token_log_probs": True,
        "with_attention": True,
        "repetition_penalty": 1.3,
        "no_repeat_ngram_size": 2,
        "suppressed": ((5,), (6, 4)),
        "min_length_factor": 0.5,
    },
    "samples": {"sample": True, "temperature": 1.2, "top_p": 0.9, "seed": 3},
}


def assert_alike(found: Sequence[Sequence[Hypothesis]], expected: Sequence[Sequence[Hypothesis]]) -> None:
    for a, b in zip(itertools.chain(*found), itertools.chain(*expected), strict=True):
        assert (a.ids, a.ended) == (b.ids, b.ended)
        assert (a.score, a.log_prob) == pytest.approx((b.score, b.log_prob), abs=1e-4)
        assert (a.token_log_probs or ()) == pytest.approx(b.token_log_probs or (), abs=1e-4)
        assert (a.attention is None) == (b.attention is None)
        if a.attention is not None and b.attention is not None:
            np.testing.assert_allclose(a.attention, b.attention, atol=1e-5)


@pytest.mark.parametrize("changes", EVERYTHING.values(), ids=EVERYTHING)
def test_compiled_by_xla_it_is_the_same_search(changes: dict[str, Any]):
    engine, options = TransformerEngine(model_of(3)), dataclasses.replace(OPTIONS, **changes)
    found = engine.search(SOURCES[:3], dataclasses.replace(options, xla=True))
    assert_alike(found, engine.search(SOURCES[:3], options))


def test_compiled_by_xla_translations_begin_with_their_prefixes():
    engine, prefixes = EnsembleEngine([model_of(3), model_of(4)]), [(4, 5), (), (7,)]
    found = engine.search_after(SOURCES[:3], prefixes, dataclasses.replace(OPTIONS, xla=True))
    assert_alike(found, engine.search_after(SOURCES[:3], prefixes, OPTIONS))


def test_batches_come_in_few_shapes():
    rows = np.array([[4, EOS_ID, PAD_ID], [5, 6, EOS_ID], [7, 8, EOS_ID]], np.int32)
    padded = few_shapes(rows)
    assert padded.shape == (4, 16)
    np.testing.assert_array_equal(padded[:3, :3], rows)
    np.testing.assert_array_equal(padded[3], padded[2])
    assert not padded[:, 3:].any()
    assert few_shapes(np.ones([5, 17], np.int32)).shape == (8, 32)
    assert few_shapes(np.ones([1, 0], np.int32)).shape == (1, 0)
