"""Batches on their devices, each with what is known of it on the host."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from translator.data.batches import TrainingBatches
from translator.data.plan import Position
from translator.data.store import Counts, Sequences, TokenStore
from translator.training.feed import Feed


@pytest.fixture
def batches() -> TrainingBatches:
    lengths = np.random.default_rng(3).integers(1, 12, 60)
    side = Sequences.of([[10 + row] * int(length) for row, length in enumerate(lengths)], np.uint16)
    store = TokenStore(side, side, (range(60),), Counts(60), np.arange(1, 61))
    return TrainingBatches(store, (1.0,), 80, seed=3, micro_batches=2)


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("position", [Position(), Position(1, 3)])
def test_each_batch_arrives_with_its_own_position(batches: TrainingBatches, position: Position, begun: bool):
    feed = Feed(batches, position, range(1), tf.distribute.OneDeviceStrategy("CPU:0"))
    if begun:
        feed.begin()
    count = len(batches.plan(1)) + 3  # into the next epoch, and further than is prepared ahead
    expected = itertools.islice(batches.start(position), count)
    for found, (after, (part,), plain, drawn) in zip(feed, expected, strict=False):
        assert (found.after, found.plain, found.drawn) == (after, plain, drawn)
        np.testing.assert_array_equal(found.source, part.source)
        np.testing.assert_array_equal(found.target, part.target)
