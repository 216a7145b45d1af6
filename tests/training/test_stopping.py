"""When training ends, by hand-made validations."""

import math
from typing import Any

import pytest

from translator.config.schema import Config
from translator.config.training import TrainConfig
from translator.data.plan import Position
from translator.training.state import TrainingState, Validation
from translator.training.stopping import Limits, best, figure_that_matters, limits_of, rank

UNLIMITED = Limits(math.inf, math.inf, math.inf)


def config_of(**settings: Any) -> TrainConfig:
    return TrainConfig.model_validate({"max_steps": 99, "warmup_steps": 1} | settings)


def bleus(*figures: float) -> list[Validation]:
    """Validations at steps 10, 20, 30 and so on, whose loss is 1."""
    return [Validation(10 * (i + 1), 1.0, 1.0, bleu) for i, bleu in enumerate(figures)]


def losses(*figures: float) -> list[Validation]:
    return [Validation(10 * (i + 1), loss, loss, 1.0) for i, loss in enumerate(figures)]


def stops(validations: list[Validation], **settings: Any) -> bool:
    state = TrainingState(10 * len(validations), validations=validations)
    return bool(UNLIMITED.endings(config_of(**settings), state, steps_per_epoch=7))


def test_a_limit_lowered_below_what_is_trained_lies_in_the_past():
    state = TrainingState(40, Position(3, 2))
    limits = Limits(10, 2, math.inf)
    assert [ending.reason for ending in limits.endings(config_of(), state, steps_per_epoch=7)] == [
        "train.max_steps 10 lies in the past, as 40 are done", "train.max_epochs 2 lies in the past, as 3 are done",
    ]  # fmt: skip
    at_both = TrainingState(10, Position(2, 0))
    assert [ending.reason for ending in limits.endings(config_of(), at_both, steps_per_epoch=7)] == [
        "train.max_steps 10 is reached", "train.max_epochs 2 is reached",
    ]  # fmt: skip


# Patience


@pytest.mark.parametrize(
    ("figures", "patience", "expected"),
    [
        ((), 1, False),
        ((5.0,), 1, False),
        ((5.0, 4.0), 1, True),
        ((5.0, 4.0), 2, False),
        ((5.0, 4.0, 4.9), 2, True),
        ((5.0, 5.0), 1, True),  # a tie is no improvement
        ((5.0, 4.0, 5.1), 2, False),  # which starts again with each improvement
        ((5.0, 4.0, 5.1, 5.0, 5.0), 2, True),
        ((0.0, 0.0, 0.0), 2, True),  # a model that never translates a word
        ((math.nan, 1.0), 1, False),
        ((1.0, math.nan), 1, True),
        ((math.nan, math.nan, math.nan), 2, True),
    ],
)
def test_training_stops_once_patience_validations_have_not_raised_bleu(
    figures: tuple[float, ...], patience: int, expected: bool
):
    assert stops(bleus(*figures), early_stopping="bleu", patience=patience) == expected


@pytest.mark.parametrize(
    ("figures", "expected"), [((3.0, 2.0, 2.5), False), ((3.0, 2.0, 2.5, 2.0), True), ((3.0, math.inf, math.nan), True)]
)
def test_training_stops_once_patience_validations_have_not_lowered_the_loss(figures: tuple[float, ...], expected: bool):
    assert stops(losses(*figures), early_stopping="loss", patience=2) == expected


def test_the_other_figure_does_not_matter():
    assert not stops(losses(3.0, 4.0, 5.0), early_stopping="bleu", patience=3)
    assert stops(losses(3.0, 2.0, 1.0), early_stopping="bleu", patience=2)


def test_without_early_stopping_nothing_stops():
    assert not stops(bleus(5.0, 4.0, 3.0, 2.0, 1.0), early_stopping=None, patience=1)


def test_early_stopping_names_the_best_validation_and_what_would_let_it_go_on():
    state = TrainingState(40, validations=bleus(1.0, 31.416, 2.0, 3.0))
    (ending,) = UNLIMITED.endings(config_of(early_stopping="bleu", patience=2), state, steps_per_epoch=7)
    assert ending.reason == (
        "early stopping: validation BLEU has not risen above 31.42, of step 20, in 2 validations (train.patience 2)"
    )
    assert ending.remedy == "raise train.patience or set train.early_stopping=null"


# The best


def test_the_first_of_equal_validations_is_the_best():
    assert best(bleus(1.0, 3.0, 2.0, 3.0), "bleu") == 1
    assert best(losses(2.0, 1.0, 1.0), "loss") == 1


def test_nan_ranks_below_everything():
    (found,) = bleus(math.nan)
    assert rank(found, "bleu") == -math.inf < rank(found, "loss")


@pytest.mark.parametrize(
    ("early_stopping", "average_by", "figure"),
    [(None, "last", "bleu"), (None, "loss", "loss"), (None, "bleu", "bleu"), ("loss", "bleu", "loss")],
)
def test_the_figure_that_stops_training_matters_or_else_the_one_that_is_averaged_by(
    early_stopping: str | None, average_by: str, figure: str
):
    assert figure_that_matters(config_of(early_stopping=early_stopping, average_by=average_by)) == figure


# Limits


@pytest.mark.parametrize(
    ("limits", "state", "fraction"),
    [
        (Limits(200, math.inf, math.inf), TrainingState(50), 0.25),
        (Limits(math.inf, 4, math.inf), TrainingState(position=Position(1, 5)), 1.5 / 4),
        (Limits(math.inf, math.inf, 120), TrainingState(training_seconds=90), 0.75),
        (Limits(200, 4, 120), TrainingState(50, Position(1, 5), 90), 0.75),  # the nearest
    ],
)
def test_how_far_training_is_by_hand(limits: Limits, state: TrainingState, fraction: float):
    assert limits.fraction(state, steps_per_epoch=10) == pytest.approx(fraction)


def test_every_limit_that_is_reached_is_told():
    state = TrainingState(200, Position(4, 0), training_seconds=180)
    endings = Limits(200, 4, 120).endings(config_of(max_steps=200, max_epochs=4, max_minutes=2), state, 10)
    assert [ending.reason for ending in endings] == [
        "train.max_steps 200 is reached", "train.max_epochs 4 is reached", "train.max_minutes 2 is reached",
    ]  # fmt: skip
    assert endings[0].remedy == "raise train.max_steps"


def cosine(**train: Any) -> Config:
    data = {"train": "t.{lang}", "validation": "v.{lang}"}
    return Config.model_validate({"data": data, "train": {"schedule": "cosine", "warmup_steps": 1} | train})


def test_a_cosine_ends_at_the_step_that_it_was_to_end_at_when_training_began():
    state = TrainingState()
    assert limits_of(cosine(max_epochs=8), state, steps_per_epoch=10) == Limits(math.inf, 8, math.inf)
    assert state.last_step == 80
    # The corpus has shrunk; eight epochs would be 48 steps.
    limits = limits_of(cosine(max_epochs=8), state, steps_per_epoch=6)
    assert (limits.max_steps, limits.max_epochs) == (80, math.inf)


def test_other_schedules_keep_no_last_step():
    state = TrainingState()
    limits_of(cosine(max_epochs=8, schedule="constant"), state, steps_per_epoch=10)
    assert state.last_step is None
