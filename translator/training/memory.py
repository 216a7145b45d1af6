"""How large a step may be: whether the largest one fits, and what `train.batch_tokens: auto` finds out.

A step's memory grows with its tokens, beyond a part that does not. On a GPU the way to know is to try, for what does
not fit ends in an error. In a computer's own memory it ends the process, or takes all others' with it; there, two small
steps tell what a large one would take.
"""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import tensorflow as tf

from translator.config.schema import Config
from translator.data.batches import TrainingBatches
from translator.runtime import peak_memory
from translator.training.errors import TrainingError

# Of the memory that there is, the part that a step may take: fragments, validation and others need some too.
USED_FRACTION = 0.8
SMALLEST_BUDGET = 1024  # tokens
# Past this, larger batches hardly give a better gradient (McCandlish et al., 2018), whatever fits.
LARGEST_BUDGET = 2**19


# (number of updates before, the arrays of a batch) -> the values of its `StepSums`, on the device
Step = Callable[..., tf.Tensor]


def try_largest(step: Step, strategy: tf.distribute.Strategy, batches: TrainingBatches) -> None:
    """Takes a step as large as any of the batches' can be. It has nothing but padding, and so changes nothing.

    Raises:
        tf.errors.ResourceExhaustedError: it does not fit into memory.
    """
    empty = [
        strategy.experimental_distribute_values_from_function(lambda _, side=side: tf.constant(side))
        for side in batches.largest().arrays
    ]
    step(0, *empty).numpy()


def too_large(config: Config, batches: TrainingBatches, shape: Sequence[int]) -> TrainingError:
    """The error of a step that does not fit into memory; `shape` is that of a replica's source, [N, B, S]."""
    micro_batches, rows, length = shape
    return TrainingError(
        f"a step with sentences of {length} tokens, {rows} on a device at once, does not fit into memory. "
        f"Lower train.batch_tokens ({batches.batch_tokens}) or data.max_tokens ({config.data.max_tokens}), "
        f"or raise train.micro_batches ({micro_batches})"
    )


def find_batch_tokens(step: Step, strategy: tf.distribute.Strategy, batches: TrainingBatches, longest: int) -> int:
    """The largest `batch_tokens` that a step has room for; 0 if there is none.

    Args:
        step: on the devices that are to be tried.
        strategy: the step's.
        batches: with any budget.
        longest: tokens of the longest sentence there may be, which must fit into the budget.
    """
    smallest = max(SMALLEST_BUDGET, longest)

    def step_of(tokens: int) -> None:
        try_largest(step, strategy, dataclasses.replace(batches, batch_tokens=tokens))

    def fits(tokens: int) -> bool:
        try:
            step_of(tokens)
        except tf.errors.ResourceExhaustedError:
            return False
        return True

    if any("GPU" in device for device in strategy.extended.worker_devices):
        return most_by_trial(fits, smallest)
    step_of(1)  # which compiles it
    return most_by_growth(step_of, smallest, free_memory(), peak_memory)


def most_by_trial(fits: Callable[[int], bool], smallest: int) -> int:
    """The largest budget that fits, to an eighth: doubled until one does not, then approached by halves.

    Args:
        fits: whether a step of so many tokens does.
        smallest: where to begin.

    Returns:
        The budget; 0 if not even the smallest fits.
    """
    if not fits(smallest):
        return 0
    low = smallest
    while 2 * low <= LARGEST_BUDGET:
        if not fits(2 * low):
            high = 2 * low
            while high - low > low // 8:
                middle = (low + high) // 2
                low, high = (middle, high) if fits(middle) else (low, middle)
            return low
        low *= 2
    return low


def most_by_growth(step: Callable[[int], None], smallest: int, free: int, peak: Callable[[], int]) -> int:
    """The largest budget that memory's growth from one small step to another leaves room for.

    Args:
        step: takes a step of so many tokens.
        smallest: the first of the two; the other has four times as many.
        free: bytes that are free before the first step.
        peak: tells the most bytes that this process has held so far.

    Returns:
        The budget; 0 if not even the smallest fits.
    """
    before = peak()
    step(smallest)
    first = peak()
    step(4 * smallest)
    per_token = max(1.0, (peak() - first) / (3 * smallest))
    constant = max(0.0, first - before - per_token * smallest)
    most = int((free * USED_FRACTION - constant) / per_token)
    return min(most, LARGEST_BUDGET) if most >= smallest else 0


def free_memory() -> int:
    """Bytes that this process may still take, of the machine's memory and of its control group's."""
    fields = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    free = int(fields["MemAvailable"].split()[0]) * 1024
    group = Path("/sys/fs/cgroup")
    try:
        left = int((group / "memory.max").read_text()) - int((group / "memory.current").read_text())
    except (OSError, ValueError):  # no such group, or one without a limit ("max")
        return free
    return min(free, max(0, left))
