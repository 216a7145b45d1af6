"""Position vectors against the paper's formula in float64."""

import math
from types import SimpleNamespace
from typing import cast, get_args

import numpy as np
import pytest
import tensorflow as tf

from translator.config.schema import Config, ModelConfig
from translator.data.batches import pad
from translator.data.tokenizer import Tokenizer
from translator.model.attention.kinds import POSITIONS
from translator.model.attention.positions import LearnedPositions, SinusoidalPositions
from translator.model.build import build_model
from translator.training.step import loss_sums


def sinusoid(position: int, channel: int, d_model: int) -> float:
    """PE(pos, 2i) = sin(pos / 10000^(2i/d_model)), PE(pos, 2i + 1) = cos(pos / 10000^(2i/d_model)) (§3.5)."""
    angle = position / 10000 ** (channel // 2 * 2 / d_model)
    return math.cos(angle) if channel % 2 else math.sin(angle)


def test_first_positions_by_hand():
    table = SinusoidalPositions(4)(tf.range(2))
    # The second pair's wavelength is 10000^(2/4) = 100 times the first's.
    expected = [[0.0, 1.0, 0.0, 1.0], [math.sin(1), math.cos(1), math.sin(0.01), math.cos(0.01)]]
    np.testing.assert_allclose(table, expected, atol=1e-6)


# float32 angles up to p are off by p · 2⁻²³ or so.
@pytest.mark.parametrize(
    ("d_model", "last", "tolerance"), [(2, 130, 5e-5), (10, 130, 5e-5), (512, 130, 5e-5), (6, 5000, 2e-3)]
)
def test_sinusoids_are_the_formula(d_model: int, last: int, tolerance: float):
    positions = [*range(min(last, 131)), last]
    table = SinusoidalPositions(d_model)(tf.constant(positions))
    expected = [[sinusoid(position, channel, d_model) for channel in range(d_model)] for position in positions]
    assert table.dtype == tf.float32
    np.testing.assert_allclose(table, expected, atol=tolerance)


def test_a_position_has_its_vector_in_any_order():
    layer = SinusoidalPositions(6)
    np.testing.assert_array_equal(layer(tf.constant([7, 2, 7])), tf.gather(layer(tf.range(8)), [7, 2, 7]))


def test_sinusoids_in_bfloat16_are_rounded_after_being_worked_out():
    table = SinusoidalPositions(6, dtype="mixed_bfloat16")(tf.constant([1001]))
    exact = SinusoidalPositions(6)(tf.constant([1001]))
    assert table.dtype == tf.bfloat16
    np.testing.assert_array_equal(tf.cast(table, tf.float32), tf.cast(tf.cast(exact, tf.bfloat16), tf.float32))


@pytest.fixture(scope="module")
def learned(randomize) -> LearnedPositions:
    layer = LearnedPositions(5, 4)
    layer.build()
    randomize(layer, 1)
    return layer


def test_learned_positions_are_the_rows_of_the_table(learned: LearnedPositions):
    np.testing.assert_array_equal(learned(tf.constant([3, 0, 4])), learned.table.numpy()[[3, 0, 4]])


def test_learned_positions_past_the_table_repeat_its_last_row(learned: LearnedPositions):
    np.testing.assert_array_equal(learned(tf.constant([4, 5, 1000])), learned.table.numpy()[[4, 4, 4]])


def test_rows_that_training_does_not_reach_repeat_the_last_that_it_does(learned: LearnedPositions):
    table = learned.table.numpy()
    learned.repeat_last(3)
    np.testing.assert_array_equal(learned.table.numpy(), table[[0, 1, 2, 2, 2]])
    learned.repeat_last(9)
    np.testing.assert_array_equal(learned.table.numpy(), table[[0, 1, 2, 2, 2]])


def test_learned_table_stays_float32_and_gives_the_compute_dtype():
    layer = LearnedPositions(5, 4, dtype="mixed_bfloat16")
    layer.build()
    assert layer.table.dtype == "float32"
    assert layer(tf.constant([0])).dtype == tf.bfloat16


def test_a_pair_of_max_tokens_trains_every_row_of_learned_positions():
    config = Config.model_validate(
        {
            "data": {"train": "t.{lang}", "validation": "v.{lang}", "source": "en", "target": "de", "max_tokens": 5},
            "model": {"positions": "learned", "d_model": 8, "d_ff": 8, "num_heads": 2},
            "train": {"max_steps": 5, "warmup_steps": 1},
        }
    )
    vocabulary = cast(Tokenizer, SimpleNamespace(vocabulary_size=9))
    model = build_model(config, vocabulary, vocabulary)
    rows = [[5] * config.data.max_tokens]
    tables = [model.named_weights()[f"{side}_positions.table"].value for side in ("source", "target")]
    with tf.GradientTape() as tape:
        sums, _ = loss_sums(model, tf.constant(pad(rows, eos=True)), tf.constant(pad(rows, bos=True, eos=True)), 0.1)
        loss = sums[0]
    for gradient in tape.gradient(loss, tables):
        assert np.abs(tf.convert_to_tensor(gradient)).max(axis=1).all()


def test_every_setting_of_positions_is_a_kind():
    assert set(POSITIONS) == set(get_args(ModelConfig.model_fields["positions"].annotation))
