"""Bootstrap samples, intervals and p-values, by hand and beside sacreBLEU's paired test."""

import itertools
import random

import numpy as np
import pytest
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.significance import PairedTest

from translator.evaluation.bootstrap import Difference, difference, interval, samples_of, signed
from translator.evaluation.comparison import compared_metrics
from translator.evaluation.metrics import CHRF2, EDIT_RATE, bleu

WORDS = ["a", "cat", "sat", "on", "the", "mat", "while", "two", "dogs", "ran", "over", "it"]


def systems() -> tuple[list[str], list[str], list[str]]:
    """References and two systems, the second of which changes fewer words."""
    rng = random.Random(3)
    references = [" ".join(rng.choices(WORDS, k=rng.randint(3, 12))) for _ in range(80)]
    noisy = [
        [" ".join(rng.choice(WORDS) if rng.random() < rate else word for word in line.split()) for line in references]
        for rate in (0.3, 0.25)
    ]
    return references, noisy[0], noisy[1]


def test_samples_are_as_large_as_the_test_set_and_the_same_each_time():
    drawn = list(samples_of(7, 50))
    assert all(counts.sum() == 7 for counts in drawn)
    assert len({tuple(counts) for counts in drawn}) > 40
    assert all(map(np.array_equal, drawn, samples_of(7, 50)))
    assert not all(map(np.array_equal, drawn, samples_of(7, 50, seed=1)))


def test_an_interval_leaves_a_fortieth_of_the_samples_out_at_each_end():
    drawn = np.array([*range(80, 0, -1)], float)
    assert interval(40.5, drawn) == (40.5, 3, 78)


def test_a_p_value_is_as_by_hand():
    # Absolute differences 1, 2, 3 and 6, with mean 3; above it by more than 2 lies one of the four; one is added.
    first, second = np.array([0.0, 0, 0, 0]), np.array([1.0, -2, 3, 6])
    found = difference(10, 12, first, second)
    assert (found.value, found.low, found.high, found.p) == (2, -2, 6, 2 / 5)


def test_scores_intervals_and_p_values_are_those_of_sacrebleus_paired_bootstrap():
    references, one, other = systems()
    test = PairedTest(
        [("one", one), ("other", other)], {"bleu": BLEU(), "chrf": CHRF()}, [references], test_type="bs", n_samples=300
    )
    _, theirs = test()
    metrics = {"bleu": bleu("en"), "chrf": CHRF2}
    counted = [{key: metric.count(lines, [references]) for key, metric in metrics.items()} for lines in (one, other)]
    ours = compared_metrics(counted, 300)
    for key, name in (("bleu", "BLEU"), ("chrf", "chrF2")):
        for score, result in zip(ours[key].scores, theirs[name], strict=True):
            assert not isinstance(result, str)
            assert score.value == pytest.approx(result.score)
            assert (score.high - score.low) / 2 == pytest.approx(result.ci, rel=1e-4)  # they add in float32
        result = theirs[name][1]
        assert not isinstance(result, str)
        assert ours[key].differences[0].p == pytest.approx(result.p_value)
        assert 1 / 301 < ours[key].differences[0].p < 1


def test_every_system_is_compared_with_the_first_by_every_metric():
    references, one, other = systems()
    metrics = {"bleu": bleu("en"), "ter": EDIT_RATE}
    texts = {"one": one, "other": other, "right": references}
    counted = {
        name: {key: metric.count(lines, [references]) for key, metric in metrics.items()}
        for name, lines in texts.items()
    }
    pairs = {
        names: compared_metrics([counted[name] for name in names], 40) for names in itertools.permutations(texts, 2)
    }
    all_three = compared_metrics(list(counted.values()), 40)
    for key, metric in all_three.items():
        assert [score.value for score in metric.scores] == [each[key].score() for each in counted.values()]
        clear = metric.differences[1]
        assert clear.low < clear.value < clear.high
        assert clear.value == metric.scores[2].value - metric.scores[0].value
        assert metric.differences == (
            pairs["one", "other"][key].differences[0],
            pairs["one", "right"][key].differences[0],
        )
        forth, back = pairs["one", "other"][key].differences[0], pairs["other", "one"][key].differences[0]
        assert (-back.value, -back.high, -back.low, back.p) == pytest.approx(forth)


def test_systems_that_are_equal_differ_by_nothing():
    references, one, _ = systems()
    counted = {"bleu": bleu("en").count(one, [references])}
    assert compared_metrics([counted, counted], 40)["bleu"].differences == (Difference(0, 0, 0, 1),)


@pytest.mark.parametrize(
    ("value", "shown"), [(1.255, "+1.25"), (-0.5, "−0.50"), (0.0, "0.00"), (-0.004, "0.00"), (0.006, "+0.01")]
)
def test_a_difference_has_a_sign_unless_it_rounds_to_nothing(value: float, shown: str):
    assert signed(value) == shown
