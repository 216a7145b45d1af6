"""Random numbers as pure functions of keys, such as (seed, epoch, row): the same in any order and in any process."""

from collections.abc import Sequence

import numpy as np


def uniform(seeds: Sequence[int], numbers: np.ndarray) -> np.ndarray:
    """A number in [0, 1) for each integer; other seeds give others."""
    (key,) = np.random.SeedSequence(seeds).generate_state(1, np.uint64)
    return unit_interval(mixed(key + mixed(numbers)))


def mixed(numbers: np.ndarray) -> np.ndarray:
    """A hash of each integer, uint64: the mixing function of SplitMix64 (Steele et al., 2014)."""
    z = (numbers.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def unit_interval(numbers: np.ndarray) -> np.ndarray:
    """float64 numbers in [0, 1) from the high bits of uint64 ones."""
    return (numbers >> np.uint64(11)) * 2.0**-53
