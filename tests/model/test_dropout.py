"""Dropout: its rates and scales by hand, its shares and correlations within five standard deviations."""

import math

import numpy as np
import pytest
import tensorflow as tf

from translator.model.dropout import Dropout

SEED = (3, 4)


def dropout_of(seed: tuple[int, int] = SEED) -> Dropout:
    return Dropout(tf.constant(seed))


def ones_kept(size: int, rate: float, seed: tuple[int, int] = SEED) -> np.ndarray:
    return dropout_of(seed)(tf.ones([size]), rate).numpy()


# 0.1 · 256 = 25.6, so 26 of 256 byte values drop and what is kept is scaled by 256 / 230; the mean is then 1 exactly.
@pytest.mark.parametrize(
    ("rate", "dropped_bytes"), [(0.1, 26), (0.3, 77), (0.25, 64), (0.5, 128), (0.002, 1), (0.0019, 0), (0.997, 255)]
)
def test_rate_is_a_whole_number_of_256ths_and_the_scale_makes_the_mean_exact(rate: float, dropped_bytes: int):
    size = 200_000
    kept = ones_kept(size, rate)
    share, scale = dropped_bytes / 256, np.float32(256 / (256 - dropped_bytes))
    assert set(np.unique(kept)) <= {np.float32(0.0), scale}
    assert (1 - share) * scale == pytest.approx(1.0, abs=1e-6)
    deviation = math.sqrt(share * (1 - share) / size)
    assert abs(np.mean(kept == 0.0) - share) <= 5 * deviation


@pytest.mark.parametrize("rate", [0.0, 0.0019])
def test_rate_that_rounds_to_zero_is_the_identity_and_draws_no_mask(rate: float):
    dropout, x = dropout_of(), tf.ones([100])
    assert dropout(x, rate) is x
    np.testing.assert_array_equal(dropout(x, 0.5), dropout_of()(x, 0.5))


def test_kept_elements_are_scaled_and_the_others_are_zero():
    x = np.arange(1, 1001, dtype=np.float32)
    dropped = dropout_of()(tf.constant(x), 0.25).numpy()
    kept = dropped != 0.0
    np.testing.assert_allclose(dropped[kept], x[kept] * 4 / 3, rtol=1e-6)
    assert 0 < kept.sum() < 1000


def test_equal_seeds_give_equal_masks_call_for_call():
    first, second, x = dropout_of(), dropout_of(), tf.ones([5, 50])
    for rate in (0.5, 0.1, 0.5):
        np.testing.assert_array_equal(first(x, rate), second(x, rate))


def test_calls_and_seeds_give_independent_masks():
    size = 10_000
    x, dropout = tf.ones([size]), dropout_of()
    masks = [dropout(x, 0.5).numpy() > 0 for _ in range(3)]
    masks += [ones_kept(size, 0.5, seed) > 0 for seed in [(3, 400), (4, 4), (-3, 4)]]
    for i, one in enumerate(masks):
        for other in masks[:i]:
            # Two fair coins agree half the time.
            assert abs(np.mean(one == other) - 0.5) <= 5 * math.sqrt(0.25 / size)


def test_neighbours_are_dropped_independently():
    """Four bytes come from one random word: none may tell of another."""
    dropped = ones_kept(400_000, 0.5).reshape(-1, 4) == 0
    for i in range(4):
        for j in range(i):
            assert abs(np.mean(dropped[:, i] == dropped[:, j]) - 0.5) <= 5 * math.sqrt(0.25 / len(dropped))


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 7, 9])
def test_sizes_not_divisible_by_four_are_masked_to_the_last_element(size: int):
    dropped = np.array([ones_kept(size, 0.5, (seed, 0)) == 0.0 for seed in range(64)])
    assert dropped.shape == (64, size)
    # A fair coin thrown 64 times: heads 12 to 52 times is five standard deviations.
    assert (np.abs(dropped.sum(0) - 32) <= 20).all()


def test_shape_may_be_unknown_when_tracing():
    @tf.function(input_signature=[tf.TensorSpec([None, None, 3]), tf.TensorSpec([2], tf.int32)])
    def graph(x, seed):
        return Dropout(seed)(x, 0.5)

    x = tf.ones([2, 5, 3])
    np.testing.assert_array_equal(graph(x, tf.constant(SEED)), dropout_of()(x, 0.5))


def test_gradient_goes_through_what_was_kept():
    x = tf.Variable(tf.ones([101]))
    with tf.GradientTape() as tape:
        y = dropout_of()(x, 0.25)
    np.testing.assert_array_equal(tape.gradient(y, x), y)  # dy/dx = mask · scale, and x is 1


def test_bfloat16_stays_bfloat16_under_the_same_mask():
    x = tf.ones([1000], tf.bfloat16)
    dropped = dropout_of()(x, 0.5)
    assert dropped.dtype == tf.bfloat16
    np.testing.assert_array_equal(tf.cast(dropped, tf.float32), ones_kept(1000, 0.5))
