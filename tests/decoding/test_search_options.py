"""What searches can be asked for, against brute force and searches over plain lists.

Letters: B sentences, W beam width, V vocabulary, N hypotheses.
"""

import dataclasses
import json
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import pytest
import tensorflow as tf
from pydantic import ValidationError

from tests.scripted_search import EOS, IMPOSSIBLE, SPECIAL, IsOver, Script, assert_finds, texts_of
from translator.config.schema import SearchConfig
from translator.data import random_numbers as numpy_random_numbers
from translator.decoding.options import OptionsError, SearchOptions
from translator.decoding.search.constraints import (
    begins_with,
    length_limits,
    no_end_before,
    no_phrase,
    no_repeated_ngram,
    repetition_penalty,
)
from translator.decoding.search.independent import Independent, alternatives, sampled
from translator.decoding.search.loop import Constraint, Step
from translator.decoding.search.random_numbers import keys_of, mixed, unit_interval
from translator.decoding.search.scoring import NEVER, Scoring, Stopping, coverage_score
from translator.decoding.search.strategies import Beam, Greedy

PLAIN = SearchOptions(beam_size=3, length_penalty=1.0, max_length_factor=2.0, max_length_margin=5)


class CoveringScript(Script):
    """A script whose hypotheses have a bonus, as a coverage penalty gives one: at most 0, by their prefix."""

    def step(self, tokens: tf.Tensor, position: tf.Tensor, rows: tf.Tensor, numbers: tf.Tensor) -> Step:
        stepped = super().step(tokens, position, rows, numbers)
        return stepped._replace(bonus=-tf.cast(stepped.hypothesis_state % 5, tf.float32) / 4)

    def bonus(self, full: Sequence[int]) -> float:
        return -(self.number(full[:-1]) % 5) / 4


# Scores


@pytest.mark.parametrize("gnmt", [False, True])
@pytest.mark.parametrize("stopping", ["ahead", "finished", "exact"])
@pytest.mark.parametrize("kind", [Script, CoveringScript])
def test_a_wide_beam_finds_what_brute_force_finds_with_all_forms_of_scores(
    kind: type[Script], stopping: Stopping, gnmt: bool
):
    max_lengths, alpha = [3, 1, 3], 0.8
    script = kind.random(5, len(max_lengths), 4, max(max_lengths))
    every = [script.every_translation(row, length, alpha, gnmt) for row, length in enumerate(max_lengths)]
    covering = kind is CoveringScript
    strategy = Beam(1 + max(map(len, every)), SPECIAL, Scoring(alpha, gnmt, stopping), with_bonus=covering)
    found = script.search(max_lengths, strategy)
    for row, expected in enumerate(every):
        assert_finds(found, row, expected)
        log_probs = [Script.score(script, row, text, max_lengths[row], 0.0) for text in texts_of(found, row)]
        bonus = [script.bonus([*text, EOS][: max_lengths[row]]) for text in texts_of(found, row)]
        np.testing.assert_allclose(
            found.log_probs[row].numpy()[: len(expected)], np.array(log_probs) - bonus, rtol=1e-4, atol=1e-5
        )


def test_coverage_is_the_sum_of_logarithms_of_attention_up_to_1():
    coverage = tf.constant([[0.5, 2.0, 0.25, 1.0], [1.0, 1.5, 3.0, 1.0]])
    np.testing.assert_allclose(coverage_score(coverage, 0.2), [0.2 * math.log(0.125), 0.0], rtol=1e-6)


# The end of a search


def ahead(width: int) -> IsOver:
    return lambda finished, best: len(finished) >= width and best <= finished[0].score


def enough(count: float) -> IsOver:
    return lambda finished, _: len(finished) >= count


@pytest.mark.parametrize("gnmt", [False, True])
@pytest.mark.parametrize("alpha", [0.0, 0.6, 2.0])
@pytest.mark.parametrize(("V", "width"), [(2, 3), (5, 1), (5, 2), (5, 4)])
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    ("scoring", "is_over"),
    [
        (Scoring(0.0, stopping="ahead"), ahead),
        (Scoring(0.0, stopping="finished"), enough),
        (Scoring(0.0, stopping="finished", patience=1.5), lambda width: enough(round(1.5 * width))),
        (Scoring(0.0, stopping="finished", patience=0.5), lambda width: enough(max(1, round(0.5 * width)))),
        # Exact: what search without any end but the limit finds.
        (Scoring(0.0, stopping="exact"), lambda _: None),
    ],
    ids=["ahead", "finished", "patience 1.5", "patience 0.5", "exact"],
)
def test_a_narrow_beam_is_the_textbook_search_with_its_end(
    scoring: Scoring, is_over: Callable[[int], IsOver | None], V: int, width: int, seed: int, alpha: float, gnmt: bool
):
    max_lengths = [5, 1, 3, 5]
    script = Script.random(seed, len(max_lengths), V, max(max_lengths))
    scoring = dataclasses.replace(scoring, length_penalty=alpha, gnmt=gnmt)
    found = script.search(max_lengths, Beam(width, SPECIAL, scoring))
    for row, max_length in enumerate(max_lengths):
        assert_finds(found, row, script.beam_by_the_book(row, max_length, width, alpha, is_over(width), gnmt))


@pytest.mark.parametrize("seed", range(4))
def test_an_exact_search_with_a_bonus_finds_what_search_to_the_limit_finds(seed: int):
    script = CoveringScript.random(seed, 2, 4, 5)
    found = script.search([5, 4], Beam(2, SPECIAL, Scoring(1.0, stopping="exact"), with_bonus=True))
    for row, max_length in enumerate([5, 4]):
        assert_finds(found, row, script.beam_by_the_book(row, max_length, 2, 1.0))


def good_behind_poor() -> Script:
    """The likeliest token is 1, five times, then EOS; whatever else comes ends at once."""
    tables = np.zeros([1, sum(3**length for length in range(6)), 3])
    number = 0
    tables[:] = [9.0, 0.0, 0.0]
    for _ in range(5):
        tables[0, number] = [0.0, 9.0, 1.0]
        number = number * 3 + 2
    tables[0, number] = [9.0, 0.0, 0.0]
    return Script(tables)


@pytest.mark.parametrize("stopping", ["ahead", "exact"])
def test_a_long_translation_that_is_nearly_certain_is_found_behind_short_ones_that_finish_first(stopping: Stopping):
    found = good_behind_poor().search([6], Beam(3, SPECIAL, Scoring(0.0, stopping=stopping)))
    assert texts_of(found, 0)[0] == (1, 1, 1, 1, 1)
    patient = good_behind_poor().search([6], Beam(3, SPECIAL, Scoring(0.0, stopping="finished", patience=5.0)))
    assert texts_of(patient, 0)[0] == (1, 1, 1, 1, 1)


def test_an_exact_search_ends_before_the_limit_where_nothing_can_become_better():
    tables = np.zeros([1, sum(3**length for length in range(6)), 3])
    tables[:] = [9.0, 0.0, 0.0]
    script = Script(tables)
    script.search([6], Beam(2, SPECIAL, Scoring(0.0, stopping="exact")))
    assert len(script.batch_sizes) == 2  # EOS; then a token and EOS, whose rivals have two tokens and no EOS yet


# Constraints


class Constrained(Script):
    """A script whose logits are changed by prefix, over plain lists."""

    def __init__(self, tables: np.ndarray, change: Callable[[np.ndarray, Sequence[int]], None]) -> None:
        super().__init__(tables)
        self.change = change

    def logits(self, row: int, prefix: Sequence[int]) -> np.ndarray:
        logits = super().logits(row, prefix)
        self.change(logits, list(prefix))
        return logits


def without_repeated(n: int) -> Callable[[np.ndarray, Sequence[int]], None]:
    def change(logits: np.ndarray, prefix: Sequence[int]) -> None:
        for token in range(1, len(logits)):
            text = [*prefix, token]
            ngrams = [tuple(text[i : i + n]) for i in range(len(text) - n + 1)]
            if len(set(ngrams)) < len(ngrams):
                logits[token] = NEVER

    return change


def without_phrases(logits: np.ndarray, prefix: Sequence[int]) -> None:
    for phrase in PHRASES:
        for token in range(len(logits)):
            if [*prefix, token][-len(phrase) :] == list(phrase):
                logits[token] = NEVER


def with_penalty(logits: np.ndarray, prefix: Sequence[int]) -> None:
    for token in set(prefix):
        logits[token] = logits[token] * 1.7 if logits[token] < 0 else logits[token] / 1.7


def two_at_least(logits: np.ndarray, prefix: Sequence[int]) -> None:
    if len(prefix) + 1 < 3:
        logits[EOS] = NEVER


PHRASES = [(1, 2), (2, 2), (3,), (1, 1, 1)]


@pytest.mark.parametrize("width", [None, 2, 200], ids=["greedy", "beam of 2", "beam of all"])
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    ("constraint", "change"),
    [
        (no_repeated_ngram(1), without_repeated(1)),
        (no_repeated_ngram(2), without_repeated(2)),
        (no_repeated_ngram(3), without_repeated(3)),
        (no_phrase(PHRASES), without_phrases),
        (repetition_penalty(1.7), with_penalty),
        (no_end_before(tf.constant([3, 3]), EOS), two_at_least),
    ],
    ids=["1-grams", "2-grams", "3-grams", "phrases", "penalty", "length"],
)
def test_a_constrained_search_is_that_of_constrained_logits(
    constraint: Constraint, change: Callable[[np.ndarray, Sequence[int]], None], seed: int, width: int | None
):
    limits = [4, 3]
    script = Script.random(seed, len(limits), 4, max(limits))
    expected = Constrained(script.tables, change)
    scoring = Scoring(0.7, stopping="exact")
    strategy = Greedy(SPECIAL, scoring) if width is None else Beam(width, SPECIAL, scoring)
    found = script.search(limits, strategy, [constraint])
    for row, limit in enumerate(limits):
        if width == 200:
            assert_finds(found, row, expected.every_translation(row, limit, 0.7))
        else:
            is_over = enough(1) if width is None else None
            by_the_book = expected.beam_by_the_book(row, limit, width or 1, 0.7, is_over)
            assert_finds(found, row, [each for each in by_the_book if each.score > IMPOSSIBLE])


@pytest.mark.parametrize("width", [None, 2, 200], ids=["greedy", "beam of 2", "beam of all"])
def test_translations_begin_with_what_is_forced_and_are_scored_without_it(width: int | None):
    forced = [[2, 1], [], [3]]
    limits = [4, 4, 4]
    script = Script.random(3, 3, 4, 4)
    padded = tf.constant([[2, 1], [-1, -1], [3, -1]])

    def force(row: int) -> Constrained:
        def change(logits: np.ndarray, prefix: Sequence[int]) -> None:
            if len(prefix) < len(forced[row]):
                logits[:] = NEVER
                logits[forced[row][len(prefix)]] = 0.0

        return Constrained(script.tables, change)

    scoring = Scoring(1.0, stopping="exact")
    strategy = Greedy(SPECIAL, scoring) if width is None else Beam(width, SPECIAL, scoring)
    # Even a token that other constraints forbid.
    constraints = [begins_with(padded, tf.constant([2, 0, 1]))]
    found = script.search(limits, strategy, constraints)
    for row, limit in enumerate(limits):
        book = force(row).beam_by_the_book(row, limit, width or 1, 1.0, enough(1) if width is None else None)
        assert_finds(found, row, [each for each in book if each.score > IMPOSSIBLE])
        assert all(list(text[: len(forced[row])]) == forced[row] for text in texts_of(found, row))
    both = script.search(limits, strategy, [no_phrase([(2,), (1,), (3,)]), *constraints])
    assert [list(texts_of(both, row)[0]) for row in range(3)] == forced


# Log-probabilities of tokens


@pytest.mark.parametrize("width", [None, 1, 3, "samples"])
def test_log_probabilities_of_tokens_are_the_models(width: int | str | None):
    limits = [5, 2, 4]
    script = Script.random(7, len(limits), 5, max(limits))
    if width == "samples":
        pick = sampled(4, tf.constant(1, tf.int64), tf.range(3, dtype=tf.int64), 1.3, most=3)
        found = script.search(limits, Independent(4, pick, SPECIAL, Scoring(1.0), with_token_log_probs=True))
    elif width is None:
        found = script.search(limits, Greedy(SPECIAL, Scoring(1.0), with_token_log_probs=True))
    else:
        assert isinstance(width, int)
        found = script.search(limits, Beam(width, SPECIAL, Scoring(1.0), with_token_log_probs=True))
    for row, limit in enumerate(limits):
        for place, text in enumerate(texts_of(found, row)):
            full = [*text, EOS][:limit]
            each = found.token_log_probs[row, place].numpy()
            expected = [script.log_probs(row, full[:i])[token] for i, token in enumerate(full)]
            np.testing.assert_allclose(each[: len(full)], expected, rtol=1e-4, atol=1e-5)
            assert not each[len(full) :].any()
            assert found.log_probs[row, place].numpy() == pytest.approx(sum(expected), rel=1e-4)
            assert found.lengths[row, place] == len(full)


# Sampling

SAMPLES = 6000
Z_OF_LEVEL = 3.0902  # of the standard normal distribution, at 1 − 0.001


def chi_square_limit(degrees: int) -> float:
    """What a χ² variable exceeds with probability 0.001 (Wilson and Hilferty, 1931)."""
    return degrees * (1 - 2 / (9 * degrees) + Z_OF_LEVEL * math.sqrt(2 / (9 * degrees))) ** 3


def truncated(temperature: float, most: int, nucleus: float) -> Callable[[np.ndarray, Sequence[int]], None]:
    def change(logits: np.ndarray, _: Sequence[int]) -> None:
        logits /= temperature
        order = np.argsort(-logits)
        if most:
            logits[order[most:]] = NEVER
        probabilities = np.exp(logits - logits.max())
        before = np.cumsum(probabilities[order] / probabilities.sum()) - probabilities[order] / probabilities.sum()
        logits[order[before >= nucleus]] = NEVER

    return change


@pytest.mark.parametrize(
    ("temperature", "most", "nucleus"),
    [(1.0, 0, 1.0), (0.6, 0, 1.0), (1.5, 0, 1.0), (1.0, 2, 1.0), (1.0, 0, 0.8), (1.4, 3, 0.9)],
)
def test_samples_come_as_often_as_the_model_says(temperature: float, most: int, nucleus: float):
    """A χ² test at level 0.001 over all translations; those that are expected less than 5 times are put together."""
    script = Script.random(11, 1, 4, 3, spread=1.0)
    pick = sampled(SAMPLES, tf.constant(5, tf.int64), tf.constant([77], tf.int64), temperature, most, nucleus)
    found = script.search([3], Independent(SAMPLES, pick, SPECIAL, Scoring(0.0)))
    texts = texts_of(found, 0)
    assert len(texts) == SAMPLES
    model = Constrained(script.tables, truncated(temperature, most, nucleus))
    expected = {each.tokens: SAMPLES * math.exp(each.score) for each in model.every_translation(0, 3, 0.0)}
    assert sum(expected.values()) == pytest.approx(SAMPLES)
    assert set(texts) <= set(expected)
    often = [text for text, count in expected.items() if count >= 5]
    pairs = [(texts.count(text), expected[text]) for text in often]
    rest = SAMPLES - sum(expected[text] for text in often)
    if rest >= 5:
        pairs.append((SAMPLES - sum(count for count, _ in pairs), rest))
    statistic = sum((count - wanted) ** 2 / wanted for count, wanted in pairs)
    assert statistic < chi_square_limit(len(pairs) - 1)


def test_samples_depend_on_seed_and_sentence_and_not_on_the_batch():
    limits, keys = [5, 3, 5, 4], [9, 8, 7, 6]
    script = Script.random(3, 4, 4, 5, spread=0.5)

    def samples(rows: Sequence[int], seed: int, width: int = 5) -> list[list[tuple[int, ...]]]:
        pick = sampled(width, tf.constant(seed, tf.int64), tf.constant([keys[row] for row in rows], tf.int64), 1.0)
        strategy = Independent(width, pick, SPECIAL, Scoring(1.0))
        found = script.search([limits[row] for row in rows], strategy, rows=rows)
        return [texts_of(found, i) for i in range(len(rows))]

    together = samples([0, 1, 2, 3], seed=1)
    for rows in ([2, 0], [3, 3, 1], [1]):
        assert samples(rows, seed=1) == [together[row] for row in rows]
    assert samples([0, 1], seed=1, width=3) == [together[row][:3] for row in (0, 1)]
    assert samples([0, 1, 2, 3], seed=2) != together
    assert len(set(together[0])) > 1


def test_random_numbers_in_a_graph_are_those_outside():
    numbers = np.arange(1000)
    expected = numpy_random_numbers.mixed(numbers)
    np.testing.assert_array_equal(mixed(tf.constant(numbers)).numpy().view(np.uint64), expected)
    uniform = unit_interval(mixed(tf.constant(numbers))).numpy()
    np.testing.assert_array_equal(uniform, numpy_random_numbers.unit_interval(expected))


def test_keys_depend_on_tokens_and_their_order_and_not_on_padding():
    ids = tf.constant([[4, 5, 2, 0], [5, 4, 2, 0], [4, 5, 2, 2]])
    keys = keys_of(ids, ids != 0).numpy().tolist()
    assert len(set(keys)) == 3
    assert keys_of(ids[:1, :3], ids[:1, :3] != 0).numpy().tolist() == keys[:1]


# Alternatives


@pytest.mark.parametrize("seed", range(3))
def test_alternatives_begin_with_the_likeliest_tokens_and_go_on_greedily(seed: int):
    script = Script.random(seed, 2, 5, 4)
    forced, at = tf.constant([[2, 3], [1, -1]]), [2, 1]
    pick = alternatives(3, tf.constant(at))
    found = script.search([4, 4], Independent(3, pick, SPECIAL, Scoring(1.0)), [begins_with(forced, tf.constant(at))])
    for row in range(2):
        prefix = forced[row, : at[row]].numpy().tolist()
        firsts = np.argsort(-script.log_probs(row, prefix))[:3]
        expected = []
        for first in firsts.tolist():
            text = [*prefix, first]
            while text[-1] != EOS and len(text) < 4:
                text.append(int(np.argmax(script.log_probs(row, text))))
            expected.append(tuple(token for token in text if token != EOS))
        assert texts_of(found, row) == expected


@pytest.mark.parametrize("constrained", [no_repeated_ngram(1), repetition_penalty(2.0)])
def test_what_has_ended_is_untouched_by_constraints_on_prefixes(constrained: Constraint):
    script = Script.random(1, 2, 5, 4)
    pick = sampled(6, tf.constant(0, tf.int64), tf.constant([1, 2], tf.int64), 1.0)
    found = script.search([4, 4], Independent(6, pick, SPECIAL, Scoring(1.0)), [constrained])
    assert all(len(texts_of(found, row)) == 6 for row in range(2))
    assert np.isfinite(found.scores).all()


# Options


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"patience": 2.0}, "`patience` needs `stopping` finished"),
        ({"stopping": "exact", "patience": 2.0}, "`patience` needs `stopping` finished"),
        ({"beam_size": 1, "stopping": "exact"}, "`stopping` needs beam search, with a `beam_size` of 2 or more"),
        ({"sample": True, "coverage_penalty": 0.1}, "`coverage_penalty` needs beam search, with a `beam_size` of 2"),
        ({"temperature": 0.5, "top_k": 3}, "`temperature`, `top_k` need `sample`"),
        ({"sample": True, "temperature": 0.0}, "`temperature` must be above 0, not 0.0"),
        ({"sample": True, "top_p": 1.5}, "`top_p` must be above 0 and at most 1, not 1.5"),
        ({"alternatives": True, "sample": True}, "`alternatives` needs a search without `sample`"),
        ({"alternatives": True, "beam_size": 1}, "`alternatives` needs a `beam_size` of 2 or more"),
        ({"min_length_factor": 3.0}, "`min_length_factor` needs a `max_length_factor` that is no smaller"),
        ({"suppressed": ((),)}, "`suppressed` must be phrases of one token or more"),
        ({"stopping": "never"}, "`stopping` must be ahead, finished or exact, not never"),
    ],
)
def test_options_that_make_no_sense_are_refused_in_a_line(changes: dict[str, Any], message: str):
    with pytest.raises(OptionsError) as refused:
        dataclasses.replace(PLAIN, **changes)
    assert message in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_options_survive_json_and_are_keys():
    options = dataclasses.replace(PLAIN, suppressed=((1, 2), (3,)), no_repeat_ngram_size=2)
    again = SearchOptions(**json.loads(json.dumps(dataclasses.asdict(options))))
    assert again == options
    assert hash(again) == hash(options)


@pytest.mark.parametrize(("form", "expected"), [("power", -6.0 / 4**0.5), ("gnmt", -6.0 / 1.5**0.5)])
def test_scores_of_options_are_those_of_the_search(form: Literal["power", "gnmt"], expected: float):
    options = dataclasses.replace(PLAIN, length_penalty=0.5, length_penalty_form=form)
    assert options.score(-6.0, 4) == pytest.approx(expected)
    assert float(Scoring(0.5, form == "gnmt").score(tf.constant(-6.0), tf.constant(4))) == pytest.approx(expected)


def test_a_configuration_fixes_what_decides_the_score_of_a_run():
    settings = {
        "length_penalty": 0.6, "length_penalty_form": "gnmt", "coverage_penalty": 0.2, "stopping": "finished",
        "patience": 2.0, "min_length_factor": 0.1, "repetition_penalty": 1.1, "no_repeat_ngram_size": 3,
    }  # fmt: skip
    options = SearchOptions.of(SearchConfig(**settings))
    assert {name: getattr(options, name) for name in settings} == settings


@pytest.mark.parametrize("factor", [0.0, 0.1, 0.3, 0.7, 1.0, 1.1, 1.2, 1.3, 1.5, 1.7, 2.0, 2.3, 3.3])
def test_the_most_tokens_of_a_translation_are_the_same_in_a_graph_and_outside(factor: float):
    options = dataclasses.replace(PLAIN, max_length_factor=factor)
    in_graph = tf.function(lambda lengths: length_limits(lengths, factor, margin=5))(tf.range(1, 4097))
    assert in_graph.numpy().tolist() == [options.max_target_tokens(length) for length in range(1, 4097)]


def test_the_most_tokens_of_a_translation_are_rounded_down():
    options = dataclasses.replace(PLAIN, max_length_factor=1.5, max_length_margin=5)
    assert [options.max_target_tokens(length) for length in (1, 2, 3, 100)] == [6, 8, 9, 155]


def test_an_option_without_meaning_beside_a_change_is_left_out_unless_it_is_asked_for():
    config = SearchConfig(coverage_penalty=0.2, stopping="finished", patience=2.0, no_repeat_ngram_size=3)
    options = SearchOptions.of(config)
    greedy = SearchOptions.of(SearchConfig(beam_size=1, no_repeat_ngram_size=3))
    assert SearchOptions.of(config, 1) == greedy
    assert options.with_changes({"sample": True}).coverage_penalty == 0
    assert options.with_changes({"stopping": "exact"}).patience == 1
    with pytest.raises(OptionsError, match="`coverage_penalty` needs beam search"):
        options.with_changes({"beam_size": 1, "coverage_penalty": 0.2})


@pytest.mark.parametrize(
    ("name", "hint"), [("beam", "did you mean `beam_size`"), ("zzz", "there are `beam_size`, `length_penalty`")]
)
def test_an_option_that_there_is_not_is_named_with_those_that_there_are(name: str, hint: str):
    with pytest.raises(OptionsError, match=f"there is no option `{name}`; {hint}"):
        PLAIN.with_changes({name: 3})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"patience": 2.0}, "patience 2.0 needs stopping finished, not ahead"),
        ({"min_length_factor": 3.0}, "min_length_factor 3.0 is above max_length_factor 2.0"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        SearchConfig(**settings)
