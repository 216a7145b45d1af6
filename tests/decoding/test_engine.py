"""The searches over a real, if tiny, model: its cache is in step with the hypotheses, and limits are kept."""

from typing import cast

import keras
import numpy as np
import pytest
import tensorflow as tf

from translator.config.schema import ModelConfig, SearchConfig
from translator.decoding.engine import SPECIAL_IDS, search_function
from translator.decoding.search import Hypotheses, beam_search, greedy_search
from translator.model.transformer import Encoded, Transformer
from translator.vocabulary import BOS_ID, EOS_ID, PAD_ID, UNK_ID

V = 9
SOURCE = tf.constant([[4, 5, 6, EOS_ID], [8, EOS_ID, PAD_ID, PAD_ID], [7, 5, EOS_ID, PAD_ID]])
LIMITS = [2 * 4 + 1, 2 * 2 + 1, 2 * 3 + 1]  # max_length_factor · source tokens, EOS included, + max_length_margin


def search_config(beam_size: int) -> SearchConfig:
    return SearchConfig(beam_size=beam_size, length_penalty=0.6, max_length_factor=2.0, max_length_margin=1)


@pytest.fixture(scope="module")
def model() -> Transformer:
    keras.utils.set_random_seed(1)
    config = ModelConfig(d_model=8, d_ff=8, num_heads=2, encoder_layers=1, decoder_layers=2)
    model = Transformer(config, V, V, max_positions=12)
    rng = np.random.default_rng(3)
    for variable in model.variables:
        variable.assign_add(rng.normal(0.0, 0.4, variable.shape))
    return model


def whole_prefix_search(model: Transformer, beam_size: int) -> Hypotheses:
    """The same search over a step without a cache: its state is the prefix, read anew from the beginning each time."""

    def step(token_ids: tf.Tensor, position: tf.Tensor, encoded: Encoded, prefixes: tf.Tensor):
        prefixes = tf.concat([prefixes, token_ids[:, None, None]], 2)  # [b · W, 1, t + 1]
        memories = tf.nest.map_structure(lambda x: tf.repeat(x, beam_size, 0), encoded)
        states = model.decode(prefixes[:, 0], memories).output[:, -1]
        return model.logits(states), prefixes

    encoded = model.encode(SOURCE)._replace(weights=())
    state = encoded, tf.zeros([len(LIMITS) * beam_size, 1, 0], tf.int32), tf.constant(LIMITS)
    if beam_size == 1:
        return greedy_search(step, *state, 0.6, SPECIAL_IDS)
    return beam_search(step, *state, beam_size, 0.6, SPECIAL_IDS)


@pytest.mark.parametrize("beam_size", [1, 3])
def test_search_with_the_cache_equals_search_without_and_batch_mates_change_nothing(model: Transformer, beam_size: int):
    search = search_function(model, search_config(beam_size))
    found, expected = search(SOURCE), whole_prefix_search(model, beam_size)
    np.testing.assert_array_equal(found.ids, expected.ids)
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-4)
    assert found.ids.shape == (3, beam_size, max(LIMITS))
    for row, limit in enumerate(LIMITS):
        assert (found.ids[row, :, limit:].numpy() == PAD_ID).all()
        alone = search(SOURCE[row : row + 1, : np.count_nonzero(SOURCE[row])])
        np.testing.assert_array_equal(alone.ids[0], found.ids[row, :, :limit])
        np.testing.assert_allclose(alone.scores[0], found.scores[row], rtol=1e-4)


class EndlessModel:
    """Knows no EOS; writes 5, or else 6."""

    def encode(self, source_ids: tf.Tensor) -> Encoded:
        return Encoded((), source_ids != PAD_ID, ())

    def empty_pasts(self, hypotheses: tf.Tensor) -> tuple[()]:
        return ()

    def decode_step(self, token_ids: tf.Tensor, position: tf.Tensor, encoded: Encoded, pasts: tuple[()]):
        return tf.tile([[-1e4] * 5 + [2.0, 1.0]], [tf.size(token_ids), 1]), pasts


@pytest.mark.parametrize("beam_size", [1, 2])
def test_a_translation_without_end_stops_at_factor_times_source_tokens_plus_margin(beam_size: int):
    config = SearchConfig(beam_size=beam_size, max_length_factor=1.5, max_length_margin=2)
    found = search_function(cast(Transformer, EndlessModel()), config)(SOURCE)
    # EOS counts among the source tokens: 1.5 · 4 + 2, 1.5 · 2 + 2, and 1.5 · 3 + 2 rounded down.
    assert found.ids[:, 0].numpy().tolist() == [[5] * length + [PAD_ID] * (8 - length) for length in (8, 5, 6)]


@pytest.mark.parametrize("beam_size", [1, 3])
def test_no_translation_has_an_unknown_a_padding_or_a_beginning_inside(model: Transformer, beam_size: int):
    table = model.output_embedding.table
    before, config = table.numpy(), search_config(beam_size)
    try:
        changed = before.copy()
        changed[[PAD_ID, BOS_ID, UNK_ID]] *= 50.0  # far likelier than all others, or far less likely
        table.assign(changed)
        lengths = (search_function(model, config)(SOURCE).ids.numpy() != PAD_ID).sum(-1)
        ids = search_function(model, config)(SOURCE).ids.numpy()
    finally:
        table.assign(before)
    assert not np.isin(ids, [BOS_ID, UNK_ID]).any()
    for hypothesis, length in zip(ids.reshape(-1, ids.shape[-1]), lengths.ravel(), strict=True):
        assert PAD_ID not in hypothesis[:length]
