"""Steps whose loss or gradient is NaN or infinite are reported; after too many in a row a checkpoint is restored.

The update skips such a step by itself, on the device. What the loop does about it can wait until figures are fetched.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from translator.config.schema import Config
from translator.data.batches import TrainingBatches
from translator.data.corpora.formats import open_corpora
from translator.data.plan import Position
from translator.data.provenance import described
from translator.data.tokenizer import Tokenizer
from translator.training.errors import TrainingError
from translator.training.state import TrainingState
from translator.training.step import StepSums

MAX_RATE_HALVINGS = 4
SHOWN_PAIRS = 5
# More steps than this don't wait to be fetched together, however seldom there is a row.
MOST_TOGETHER = 1000


class Taken(NamedTuple):
    """A step that has been started."""

    number: int  # counted from 1
    position: Position  # of its batch


class Pending:
    """Steps whose figures are still on the device. Fetching them waits for the steps; nothing else does."""

    def __init__(self) -> None:
        self._taken: list[Taken] = []
        self._sums: list[tf.Tensor] = []

    def __len__(self) -> int:
        return len(self._taken)

    def add(self, step: Taken, sums: tf.Tensor) -> None:
        """Adds a step with what its update returned: float32 [4]."""
        self._taken.append(step)
        self._sums.append(sums)

    def fetch(self) -> Iterator[tuple[Taken, StepSums]]:
        """The steps since the last call with their figures, in order, brought to the host in one piece."""
        if not self._taken:
            return
        taken, values = self._taken, tf.stack(self._sums).numpy()
        self._taken, self._sums = [], []
        for step, row in zip(taken, values, strict=True):
            yield step, StepSums.of(row)


def skipped_lines(
    step: Taken, batches: TrainingBatches, config: Config, tokenizers: tuple[Tokenizer, Tokenizer]
) -> Iterator[str]:
    """The message about a skipped step: its number, and some of its sentence pairs with their locations."""
    rows: Sequence[int] | np.ndarray = batches.plan(step.position.epoch)[step.position.batch]
    yield (
        f"step {step.number}: the loss or its gradient is NaN or infinite; skipped this update by {len(rows)} pairs, "
        "among them"
    )
    corpora = open_corpora(config.data.train, config.data)
    for line in described(rows[:SHOWN_PAIRS], batches.store, corpora, tokenizers):
        yield f"    {line}"


def gone_back(failed: TrainingState, step: int, restored: TrainingState | None, learning_rate: float) -> TrainingState:
    """The state to go on from at half the learning rate.

    Args:
        failed: the state that too many steps in a row were skipped in.
        step: the last of those.
        restored: of the newest checkpoint.
        learning_rate: `train.learning_rate`, the peak as configured.

    Raises:
        TrainingError: the rate has been halved as often as it may be, or there is no checkpoint.
    """
    halvings = failed.rate_halvings + 1
    if restored is None or halvings > MAX_RATE_HALVINGS:
        raise TrainingError(
            f"step {step}: the loss or its gradient is NaN or infinite, still at the learning rate "
            f"{learning_rate / 2**failed.rate_halvings:.3g}. A lower train.learning_rate or a longer "
            "train.warmup_steps may help"
        )
    restored.rate_halvings, restored.skipped_steps = halvings, failed.skipped_steps
    restored.training_seconds = failed.training_seconds
    return restored


def require_finite_loss(state: TrainingState) -> None:
    """Raises a TrainingError where the loss of no validation is finite: no checkpoint is of use."""
    if not any(math.isfinite(validation.loss) for validation in state.validations):
        raise TrainingError(
            "the loss of every validation is NaN or infinite, so no model is written. Start another run (--run) with a "
            "lower train.learning_rate or a longer train.warmup_steps"
        )
