"""The loss of a head that is taught an alignment."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.report.recorded import make_config
from translator.config.schema import ModelConfig
from translator.data.links import SOURCE_POSITIONS
from translator.model.transformer import Transformer
from translator.training.loss import alignment_loss
from translator.training.step import Guidance, loss_sums


def link(source: int, target: int) -> int:
    return (target + 1) * SOURCE_POSITIONS + source


# Of BOS and two subwords, over three source positions.
WEIGHTS = tf.constant([[[1.0, 0.0, 0.0], [0.5, 0.25, 0.25], [0.1, 0.8, 0.1]]])


def test_the_loss_of_a_subword_is_the_mean_over_its_links_where_it_is_read():
    links = tf.constant([[link(0, 0), link(1, 0), link(1, 1), 0]])
    expected = -(0.5 * np.log(0.5) + 0.5 * np.log(0.25)) - np.log(0.8)
    assert alignment_loss(WEIGHTS, links).numpy() == pytest.approx(expected, rel=1e-6)


def test_subwords_without_links_and_padding_have_no_loss():
    assert alignment_loss(WEIGHTS, tf.zeros([1, 4], tf.int32)).numpy() == 0
    assert alignment_loss(WEIGHTS, tf.constant([[link(0, 0)]])).numpy() == pytest.approx(-np.log(0.5), rel=1e-6)


def test_a_weight_of_zero_has_a_finite_loss_and_gradient():
    weights = tf.zeros([1, 2, 2])
    with tf.GradientTape() as tape:
        tape.watch(weights)
        loss = alignment_loss(weights, tf.constant([[link(0, 0)]]))
    assert np.isfinite(loss.numpy())
    assert np.isfinite(tape.gradient(loss, weights).numpy()).all()


def test_rows_that_are_split_have_the_same_sum():
    links = tf.constant([[link(0, 0), link(2, 1)], [link(1, 1), 0]])
    both = tf.concat([WEIGHTS, WEIGHTS[:, ::-1]], 0)
    parts = [alignment_loss(both[i : i + 1], links[i : i + 1]).numpy() for i in range(2)]
    assert alignment_loss(both, links).numpy() == pytest.approx(sum(parts), rel=1e-6)


def test_it_is_added_with_its_weight_to_the_smoothed_loss_alone():
    keras.utils.set_random_seed(1)
    config = ModelConfig(d_model=8, d_ff=8, num_heads=2, encoder_layers=1, decoder_layers=2)
    model = Transformer(config, 12, 12, 10)
    source, target = tf.constant([[5, 6, 2]]), tf.constant([[1, 7, 8, 2]])
    links = tf.constant([[link(0, 0), link(1, 1)]])
    weights = model.decode(target[:, :-1], model.encode(source)).layers[-1].cross_weights[:, 1]
    plain, tokens = loss_sums(model, source, target, 0.1)
    guided, same = loss_sums(model, source, target, 0.1, guided=(Guidance(0.3, -1, 1), links))
    expected = plain.numpy() + np.array([0.3 * alignment_loss(weights, links).numpy(), 0.0])
    np.testing.assert_allclose(guided.numpy(), expected, rtol=1e-5)
    assert tokens.numpy() == same.numpy()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, None),
        ({"guided_alignment": 0.3}, (0.3, 5, 0)),
        ({"guided_alignment": 0.3, "guided_layer": 2, "guided_head": 2}, (0.3, 1, 1)),
    ],
)
def test_layers_and_heads_of_a_configuration_count_from_1_and_the_last_layer_is_the_default(settings, expected):
    config = make_config()
    config = config.model_copy(
        update={
            "model": config.model.model_copy(update={"decoder_layers": 6}),
            "train": config.train.model_copy(update=settings),
        }
    )
    assert Guidance.of(config) == expected
