"""Stands in for a model and its optimizer where all that matters is what a checkpoint keeps of them."""

from collections.abc import Sequence

import keras
import numpy as np

from translator.data.plan import Position
from translator.training.checkpoints import Checkpoints
from translator.training.optimizer import Variables
from translator.training.state import TrainingState

SHAPES: tuple[tuple[int, ...], ...] = ((2, 3), (4,), ())


class Trained:
    """Variables like a model's and an optimizer's, with numbers drawn from a seed."""

    def __init__(self, seed: int, shapes: Sequence[tuple[int, ...]] = SHAPES) -> None:
        rng = np.random.default_rng(seed)
        self.model: Variables = {
            f"weight_{i}": keras.Variable(rng.standard_normal(shape).astype(np.float32))
            for i, shape in enumerate(shapes)
        }
        self.optimizer: Variables = {
            f"m.weight_{i}": keras.Variable(rng.random(shape).astype(np.float32)) for i, shape in enumerate(shapes)
        }

    @property
    def values(self) -> list[np.ndarray]:
        return [variable.numpy() for variable in [*self.model.values(), *self.optimizer.values()]]

    def equals(self, other: "Trained") -> bool:
        pairs = zip(self.values, other.values, strict=True)
        return all(a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in pairs)


def save(checkpoints: Checkpoints, *steps: int) -> None:
    for step in steps:
        trained = Trained(step)
        checkpoints.save(TrainingState(step, Position(1, step)), trained.model, trained.optimizer)
