import numpy as np
import pytest
import tensorflow as tf

from translator.training.splitting import SplittingUpdate, split_rows
from translator.training.step import Update

STRATEGY = tf.distribute.OneDeviceStrategy("CPU:0")


class Device:
    """Has room for so many rows at a time; sums up ids."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.shapes: list[tuple[int, ...]] = []
        self.said: list[str] = []
        self.steps: list[int] = []
        self.update = SplittingUpdate(self.make, STRATEGY, 1, self.said.append)

    def make(self, parts: int) -> Update:
        def update(step: tf.Tensor, source: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
            self.shapes.append(tuple(source.shape))
            self.steps.append(int(step))
            if source.shape[1] > self.room:
                raise tf.errors.ResourceExhaustedError(None, None, "no room")
            return tf.stack([tf.reduce_sum(source), tf.reduce_sum(target)])

        return update

    def step(self, rows: int) -> list[float]:
        source = tf.constant(np.arange(1, 1 + 3 * rows).reshape(1, rows, 3), tf.int32)
        return self.update(7, source, source).numpy().tolist()


def test_a_batch_that_fits_is_left_whole():
    device = Device(room=8)
    assert device.step(8) == [300, 300]
    assert device.shapes == [(1, 8, 3)]
    assert device.said == []


def test_a_batch_that_does_not_fit_is_split_until_it_does_with_nothing_lost():
    device = Device(room=2)
    assert device.step(7) == [231, 231]
    assert device.shapes == [(1, 7, 3), (2, 4, 3), (4, 2, 3)]
    assert device.steps == [7, 7, 7], "a step is one, however often it was begun"
    assert device.said[0].startswith("out of memory: this step is done in 2 parts, with the same result.")


def test_the_second_time_it_is_for_good():
    device = Device(room=4)
    device.step(8)
    device.step(4)
    assert device.shapes[-1] == (1, 4, 3), "once may have been chance"
    device.step(8)
    assert "from here on steps are done in 2 parts" in device.said[-1]
    device.step(8)
    assert device.shapes[-2:] == [(2, 4, 3), (2, 4, 3)], "without a try in one piece"


def test_a_single_row_that_does_not_fit_is_an_error():
    device = Device(room=0)
    with pytest.raises(tf.errors.ResourceExhaustedError):
        device.step(2)


@pytest.mark.parametrize("parts", [1, 2, 3, 4])
def test_splitting_keeps_rows_in_their_micro_batches(parts: int):
    ids = np.arange(1, 1 + 2 * 5 * 3).reshape(2, 5, 3).astype(np.int32)
    split = split_rows(tf.constant(ids), parts).numpy()
    rows = -(-5 // parts)
    assert split.shape == (2 * parts, rows, 3)
    for n in (0, 1):
        part = split[n * parts : (n + 1) * parts].reshape(-1, 3)
        assert part[:5].tolist() == ids[n].tolist()
        assert not part[5:].any()
