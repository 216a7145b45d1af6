"""The batches of a run on their devices, with what the loop must know of each."""

from collections import deque
from typing import Any, NamedTuple

import tensorflow as tf

from translator.data.batches import Step, TrainingBatches
from translator.data.plan import Position


class Fed(NamedTuple):
    """A batch, and what is known of it without asking a device."""

    after: Position  # of the next one
    plain: int  # as in `translator.data.batches.Step`
    drawn: int
    source: Any  # int32 [N, B, S] of each replica
    target: Any  # int32 [N, B, T + 1] of each replica
    links: tuple[Any, ...] = ()  # int32 [N, B, ·] of each replica, with guided alignment

    @property
    def arrays(self) -> tuple[Any, ...]:
        """What a step takes, as `translator.data.batches.Batch` has it."""
        return self.source, self.target, *self.links


class Feed:
    """Batches without end, prepared ahead in other threads, each replica's slice on its device.

    What the loop must know of a batch never goes to a device: as the batch sets out it is put into a queue, from which
    it is taken as the batch arrives. Batches keep their order on the way.
    """

    def __init__(
        self, batches: TrainingBatches, position: Position, replicas: range, strategy: tf.distribute.Strategy
    ) -> None:
        """From `position` on; `replicas` are those of this process, among all that share a batch out."""
        self._steps: deque[Step] = deque()
        dataset = batches.dataset(position, replicas, self._steps.append)
        distributed = strategy.distribute_datasets_from_function(lambda _: dataset)
        self.signature = distributed.element_spec  # of `Fed.arrays`
        self._arriving = iter(distributed)
        self._first: Fed | None = None

    def begin(self) -> None:
        """Waits for the first batch, which takes the plan of its epoch: not part of a step's time."""
        self._first = next(self)

    def __iter__(self) -> "Feed":
        return self

    def __next__(self) -> Fed:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        source, target, *links = next(self._arriving)
        step = self._steps.popleft()
        return Fed(step.after, step.plain, step.drawn, source, target, tuple(links))
