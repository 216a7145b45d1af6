"""What is due after a step, and when training ends and why."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from translator.config.schema import Config
from translator.config.training import TrainConfig
from translator.training.state import TrainingState, Validation

Figure = Literal["bleu", "loss"]


class Due(NamedTuple):
    """What comes after a step, before the next one."""

    row: bool
    validation: bool
    checkpoint: bool


def due_after(step: int, config: TrainConfig, *, ending: bool, stopping: bool) -> Due:
    """What is due after a step, with which training ends or is asked to stop."""
    validation = step % config.validate_every_steps == 0 or ending
    saving = config.save_every_steps is not None and step % config.save_every_steps == 0
    return Due(step % config.log_every_steps == 0 or ending, validation, validation or saving or stopping)


class Ending(NamedTuple):
    """Why training ends, and what would let it go on."""

    reason: str
    remedy: str


@dataclass(frozen=True)
class Limits:
    """When training ends, and how far it is."""

    max_steps: float
    max_epochs: float
    max_seconds: float

    @classmethod
    def of(cls, config: Config) -> "Limits":
        train = config.train
        return cls(train.max_steps or math.inf, train.max_epochs or math.inf, (train.max_minutes or math.inf) * 60)

    def total_steps(self, steps_per_epoch: int) -> float:
        """The step that limits of steps and epochs end training at; infinite without either."""
        return min(self.max_steps, self.max_epochs * steps_per_epoch)

    def ending_at(self, step: int) -> "Limits":
        """With that last step in place of limits of steps and epochs."""
        return replace(self, max_steps=step, max_epochs=math.inf)

    def used(self, state: TrainingState, steps_per_epoch: int) -> dict[str, float]:
        """Share of each limit, by its key in `train`, that is used up; 1 and above at the end."""
        # An epoch may be a batch longer than the first, whose length this is: it is done when its position says so.
        epochs = state.position.epoch + min(state.position.batch / steps_per_epoch, 1 - 1e-9)
        return {
            "max_steps": state.step / self.max_steps,
            "max_epochs": epochs / self.max_epochs,
            "max_minutes": state.training_seconds / self.max_seconds,
        }

    def fraction(self, state: TrainingState, steps_per_epoch: int) -> float:
        """Share of the training that is done, by the limit that is nearest; 1 and above at the end."""
        return max(self.used(state, steps_per_epoch).values())

    def endings(self, config: TrainConfig, state: TrainingState, steps_per_epoch: int) -> list[Ending]:
        """All that ends training after this step; nothing while it goes on."""
        limits = {"max_steps": self.max_steps, "max_epochs": self.max_epochs, "max_minutes": self.max_seconds / 60}
        reached = [key for key, share in self.used(state, steps_per_epoch).items() if share >= 1]
        # Time goes past its limit by part of a step; steps and epochs only where the limit was lowered.
        past = {"max_steps": state.step, "max_epochs": state.position.epoch}
        ends = [
            Ending(
                f"train.{key} {limits[key]:,.10g} "
                + (f"lies in the past, as {past[key]:,} are done" if past.get(key, 0) > limits[key] else "is reached"),
                _longer(config, key),
            )
            for key in reached
        ]
        return [*ends, *_early_stopping(config, state.comparable)]


def limits_of(config: Config, state: TrainingState, steps_per_epoch: int) -> Limits:
    """When training from a state ends.

    A schedule that has an end keeps the one that it had when training began, though a corpus of another size might end
    elsewhere; the state keeps that step.
    """
    limits = Limits.of(config)
    if config.train.schedule_has_end:
        last_step = int(limits.total_steps(steps_per_epoch))
        state.last_step = state.last_step or last_step
        if state.last_step != last_step:
            return limits.ending_at(state.last_step)
    return limits


def rank(validation: Validation, by: Figure) -> float:
    """The figure that a validation is judged by, so that higher is better."""
    figure = validation.bleu if by == "bleu" else -validation.loss
    return -math.inf if math.isnan(figure) else figure


def best(validations: Sequence[Validation], by: Figure) -> int:
    """Index of the best validation; the first of equal ones, since a tie does not improve on it."""
    ranks = [rank(validation, by) for validation in validations]
    return ranks.index(max(ranks))


def figure_that_matters(config: TrainConfig) -> Figure:
    """What decides when training ends, or else which checkpoints are averaged; BLEU where neither does."""
    if config.early_stopping is not None:
        return config.early_stopping
    return "bleu" if config.average_by == "last" else config.average_by


def _early_stopping(config: TrainConfig, validations: Sequence[Validation]) -> list[Ending]:
    """An ending once `patience` validations have brought no improvement."""
    by = config.early_stopping
    if by is None or not validations:
        return []
    index = best(validations, by)
    in_vain = len(validations) - 1 - index
    if in_vain < config.patience:
        return []
    top = validations[index]
    figure = f"BLEU has not risen above {top.bleu:.2f}" if by == "bleu" else f"loss has not fallen below {top.loss:.3f}"
    reason = (
        f"early stopping: validation {figure}, of step {top.step:,}, in {in_vain} validations "
        f"(train.patience {config.patience})"
    )
    return [Ending(reason, "raise train.patience or set train.early_stopping=null")]


def _longer(config: TrainConfig, key: str) -> str:
    if config.schedule_has_end and key != "max_minutes":
        return f"start another run (--run) with a higher train.{key}; this run's {config.schedule} schedule has ended"
    return f"raise train.{key}"
