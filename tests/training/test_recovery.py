"""Steps that are NaN or infinite: what is counted, and what training goes back to."""

import math

import pytest
import tensorflow as tf

from translator.data.plan import Position
from translator.training.errors import TrainingError
from translator.training.recovery import MAX_RATE_HALVINGS, Pending, Taken, gone_back
from translator.training.state import TrainingState
from translator.training.step import StepSums


def sums(loss: float = 30.0, norm: float = 2.0) -> StepSums:
    return StepSums(loss, 20.0, 10.0, norm)


# Figures that wait on the device


def test_steps_are_fetched_in_order_once_each():
    pending = Pending()
    for number in (4, 5, 6):
        pending.add(Taken(number, Position(1, number)), tf.constant([3.0 * number, 2.0, 1.0, 0.5]))
    assert len(pending) == 3
    fetched = list(pending.fetch())
    assert fetched == [(Taken(n, Position(1, n)), StepSums(3.0 * n, 2.0, 1.0, 0.5)) for n in (4, 5, 6)]
    assert len(pending) == 0
    assert list(pending.fetch()) == []


def test_a_fetch_that_is_left_early_leaves_nothing_behind():
    pending = Pending()
    for number in (1, 2):
        pending.add(Taken(number, Position()), tf.zeros(4))
    next(pending.fetch())
    assert len(pending) == 0


# What the state counts


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_step_whose_loss_or_gradient_is_nan_or_infinite_is_counted_as_skipped_alone(value: float):
    for skipped in (sums(loss=value), sums(norm=value)):
        state = TrainingState()
        state.count(skipped)
        assert not skipped.finite
        assert (state.skipped_steps, state.skipped_in_a_row, state.target_tokens) == (1, 1, 0)
        assert state.window == [0.0] * 5


def test_a_finite_step_ends_a_row_of_skipped_ones():
    state = TrainingState()
    for step in (sums(), sums(math.nan), sums(math.nan), sums(norm=4.0)):
        state.count(step)
    assert (state.skipped_steps, state.skipped_in_a_row, state.target_tokens) == (2, 0, 20)
    assert state.window == [60.0, 40.0, 20.0, 6.0, 2.0]


# Going back


def test_training_goes_back_at_half_the_rate_with_what_was_counted_since():
    failed = TrainingState(12, Position(3, 1), training_seconds=90.0, skipped_steps=7, rate_halvings=1)
    restored = TrainingState(5, Position(1, 2), training_seconds=40.0, skipped_steps=1, rate_halvings=1)
    state = gone_back(failed, 12, restored, 0.8)
    assert (state.step, state.position) == (5, Position(1, 2))
    assert (state.rate_halvings, state.skipped_steps, state.training_seconds) == (2, 7, 90.0)


def test_halvings_count_from_the_run_that_failed_and_not_from_an_older_checkpoint():
    assert gone_back(TrainingState(rate_halvings=3), 9, TrainingState(rate_halvings=0), 0.8).rate_halvings == 4


def test_after_the_last_halving_training_ends_with_the_rate_that_it_had():
    failed = TrainingState(rate_halvings=MAX_RATE_HALVINGS)
    with pytest.raises(TrainingError, match=r"^step 9: .* NaN or infinite, still at the learning rate 0\.05\. "):
        gone_back(failed, 9, TrainingState(), 0.8)


def test_without_a_checkpoint_training_ends():
    with pytest.raises(TrainingError, match=r"still at the learning rate 0\.8\."):
        gone_back(TrainingState(), 9, None, 0.8)
