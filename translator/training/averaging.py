"""The mean of several checkpoints, which becomes the run's model (Vaswani et al., 2017, §6.1)."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from translator.config.training import TrainConfig
from translator.files import room_for
from translator.model.weights import WeightsError, read_notes, write_weights
from translator.training.checkpoints import Checkpoints
from translator.training.state import TrainingState, Validation
from translator.training.stopping import rank

STEP = "step"


def chosen(validations: Sequence[Validation], config: TrainConfig) -> list[int]:
    """Steps of the validations whose checkpoints are averaged; of equal ones the later."""
    by = config.average_by
    ranked = sorted(validations, key=lambda v: (0.0 if by == "last" else rank(v, by), v.step))
    return sorted(validation.step for validation in ranked[-config.average_checkpoints :])


def averaged_steps(checkpoints: Checkpoints, state: TrainingState, config: TrainConfig) -> list[int]:
    """Steps of the validated checkpoints that the model is to be the mean of, as it stands now."""
    kept = set(checkpoints.steps())
    validations = state.validations if config.average_by == "last" else state.comparable
    return chosen([validation for validation in validations if validation.step in kept], config)


def mean_weights(checkpoints: Checkpoints, steps: Iterable[int]) -> dict[str, np.ndarray]:
    """Mean weights of several checkpoints, float32, summed in float64.

    Raises:
        CheckpointError: one of them is damaged.
    """
    steps = sorted(steps)
    sums: dict[str, np.ndarray] = {}
    for step in reversed(steps):
        for name, array in checkpoints.weights(step).items():
            sums[name] = sums.get(name, 0.0) + array.astype(np.float64)
    return {name: (total / len(steps)).astype(np.float32) for name, total in sums.items()}


def write_model(weights: dict[str, np.ndarray], path: Path, step: int) -> None:
    """Writes the run's model, as it is after a step.

    Raises:
        NoRoomError: there is no room for it.
    """
    with room_for("the model", path):
        write_weights(weights, path, {STEP: str(step)})


def is_model_of(path: Path, step: int) -> bool:
    """Whether there is a model, and it is that after a step; one of an earlier version, which notes none, may be."""
    try:
        return read_notes(path).get(STEP, str(step)) == str(step)
    except WeightsError:
        return False
