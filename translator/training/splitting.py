"""Steps that do not fit into memory after all, as when another program takes some: they are done in parts.

Letters: N micro-batches, B rows, L length.
"""

from collections.abc import Callable

import tensorflow as tf

from translator.training.step import Update
from translator.vocabulary import PAD_ID


class SplittingUpdate:
    """An update that goes through a batch in twice as many parts when memory runs out, with the same result.

    The same but for dropout, whose masks are drawn for each part. The first time it happens in that step alone; from
    the second time on in all. A step that ran out of memory has changed nothing: weights are changed last, when all
    that is large has been given back.
    """

    def __init__(
        self,
        make: Callable[[int], Update],
        strategy: tf.distribute.Strategy,
        parts: int,
        say: Callable[[str], None],
    ) -> None:
        """Compiles nothing but what is called for.

        Args:
            make: compiles the update of batches whose micro-batches are split into so many parts each.
            strategy: of the update.
            parts: to begin with; 1 splits nothing.
            say: takes the news.
        """
        self.parts = parts
        self._make, self._strategy, self._say = make, strategy, say
        self._updates: dict[int, Update] = {}
        self._ran_out = False

    def __call__(self, step: int, *arrays: tf.Tensor) -> tf.Tensor:
        """The update after `step` others, in as many parts as it takes.

        Raises:
            tf.errors.ResourceExhaustedError: a single row does not fit into memory.
        """
        parts = self.parts
        while True:
            try:
                return self.attempt(step, *arrays, parts=parts)
            except tf.errors.ResourceExhaustedError:
                rows = max(side.shape[1] for side in self._strategy.experimental_local_results(arrays[0]))
                if parts >= rows:
                    raise
                parts *= 2
                if self._ran_out:
                    self.parts = parts
                self._say(
                    f"out of memory: {'from here on steps are' if self._ran_out else 'this step is'} done in {parts} "
                    "parts, with the same result. A lower train.batch_tokens or a higher train.micro_batches avoids it"
                )
                self._ran_out = True

    def attempt(self, step: int, *arrays: tf.Tensor, parts: int | None = None) -> tf.Tensor:
        """The update in so many parts, or in as many as have become the rule. Its result stays on the device.

        Memory is taken when the step is started, so that the lack of it is known when this returns.

        Raises:
            tf.errors.ResourceExhaustedError: the parts do not fit into memory.
        """
        parts = parts or self.parts
        if parts not in self._updates:
            self._updates[parts] = self._make(parts)
        if parts > 1:
            arrays = tuple(self._strategy.run(split_rows, (side, parts)) for side in arrays)
        with tf.device("CPU:0"):  # a copy to another device would wait for all that is under way there
            number = tf.constant(step, tf.int64)
        return self._updates[parts](number, *arrays)


def split_rows(ids: tf.Tensor, parts: int) -> tf.Tensor:
    """Makes of each micro-batch so many, the last filled up with padding: int32 [N, B, L] -> [N · parts, b, L]."""
    N, B, L = ids.shape
    rows = -(-B // parts)
    filled = tf.pad(ids, [[0, 0], [0, rows * parts - B], [0, 0]], constant_values=PAD_ID)
    return tf.reshape(filled, [N * parts, rows, L])
