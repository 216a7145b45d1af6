"""Whole models of every kind of attention: they learn, search sees what training saw, and an export holds them.

A few models have all kinds between them.
"""

import functools
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.model.attention_kinds import KINDS, PLACES, D, H, Kind
from translator.config.schema import ModelConfig
from translator.decoding.engines.transformer import TransformerEngine
from translator.decoding.options import SearchOptions
from translator.model.attention.kinds import Place
from translator.model.dropout import Dropout
from translator.model.transformer import Transformer, weight_shapes
from translator.vocabulary import BOS_ID, EOS_ID, PAD_ID

V, T, W = 13, 6, 2
SOURCE = tf.constant([[4, 5, 6, 7, EOS_ID], [8, 9, EOS_ID, PAD_ID, PAD_ID], [10, 5, 4, EOS_ID, PAD_ID]])
TARGET = tf.constant([[BOS_ID, 5, 6, 7, 8, 9], [BOS_ID, 7, 4, 4, 9, 3], [BOS_ID, 10, 9, 8, 7, 6]])
OPTIONS = SearchOptions(beam_size=3, length_penalty=1.0, max_length_factor=1.0, max_length_margin=3)


def config_of(positions: str, **attention: dict[str, Any]) -> ModelConfig:
    sizes = {"d_model": D, "d_ff": 16, "num_heads": H, "encoder_layers": 1, "decoder_layers": 1}
    return ModelConfig.model_validate(sizes | {"positions": positions, "attention": attention})


def models() -> list[ModelConfig]:
    """Models that have every kind in one of its places: each kind goes where a model of its positions has room."""
    found: list[tuple[str, dict[Place, Kind]]] = []
    for kind in sorted(KINDS, key=lambda kind: len(kind.places)):
        room = (
            (chosen, place)
            for positions, chosen in found
            for place in kind.places
            if positions == kind.positions and place not in chosen
        )
        chosen, place = next(room, (None, kind.places[0]))
        if chosen is None:
            found.append((kind.positions, {place: kind}))
        else:
            chosen[place] = kind
    return [
        config_of(positions, **{place: kind.attention for place, kind in chosen.items()}) for positions, chosen in found
    ]


MODELS = models()
CHUNKED = config_of("t5", **{p: {"chunk": 2, "silence": "null_key", "key_value_heads": 2} for p in PLACES})


def shown(config: ModelConfig) -> str:
    changed = config.attention.model_dump(exclude_defaults=True)
    return f"{config.positions} {changed}"


each_model = pytest.mark.parametrize("config", [*MODELS, CHUNKED], ids=shown)


@functools.cache
def _built(shown: str) -> Transformer:
    config = next(each for each in (*MODELS, CHUNKED) if shown == globals()["shown"](each))
    keras.utils.set_random_seed(1)
    model = Transformer(config, V, V, 8)
    rng = np.random.default_rng(2)
    for variable in model.variables:  # biases and γ too
        variable.assign_add(rng.normal(0.0, 0.2, variable.shape))
    return model


def model_of(config: ModelConfig) -> Transformer:
    """A model with random weights; no test changes them."""
    return _built(shown(config))


def test_the_models_have_every_kind():
    for kind in KINDS:
        wanted = [(place, dict(kind.config(place).attention.in_places())[place]) for place in kind.places]
        of_positions = [config for config in MODELS if config.positions == kind.positions]
        assert any(each in config.attention.in_places() for config in of_positions for each in wanted), kind


@each_model
def test_decoding_step_by_step_equals_decoding_at_once(config: ModelConfig):
    model = model_of(config)
    # Sentence b's hypotheses lie side by side: b · W, …, b · W + W − 1.
    target = tf.concat([TARGET[:1], TARGET[2:], TARGET[1:], TARGET], 0)[: 3 * W]
    at_once = model(tf.repeat(SOURCE, W, 0), target)
    encoded, cache = model.encode(SOURCE), model.empty_cache(tf.constant(3 * W))
    for t in range(T):
        logits, cache, _ = model.decode_step(target[:, t], tf.constant(t), encoded, cache)
        np.testing.assert_allclose(logits, at_once[:, t], atol=2e-4)


@each_model
def test_every_weight_has_a_name_a_shape_and_a_gradient(config: ModelConfig):
    model = model_of(config)
    weights = model.named_weights()
    assert list(map(id, weights.values())) == list(map(id, model.trainable_variables))
    assert weight_shapes(config, V, V, 8) == {name: tuple(weight.shape) for name, weight in weights.items()}
    dropout = Dropout(tf.constant([1, 2]))
    with tf.GradientTape() as tape:
        states = model.decode(TARGET, model.encode(SOURCE, dropout), dropout).output
        loss = tf.reduce_sum(model.logits(tf.reshape(states, [-1, D])) ** 2)
    for name, gradient in tape.gradient(loss, {name: weight.value for name, weight in weights.items()}).items():
        assert gradient is not None, name
        assert np.isfinite(tf.convert_to_tensor(gradient)).all(), name


@each_model
def test_a_beam_search_gives_translations_the_probabilities_that_training_gives_them(config: ModelConfig):
    engine = TransformerEngine(model_of(config))
    sources = [[4, 5, 6, 7], [8, 9], [10, 5, 4], [6]]
    found = engine.search(sources, OPTIONS)
    for source, hypotheses in zip(sources, found, strict=True):
        assert len(hypotheses) == OPTIONS.beam_size
        ended = [hypothesis for hypothesis in hypotheses if hypothesis.ended]
        scored = engine.score([source] * len(ended), [hypothesis.ids for hypothesis in ended])
        for hypothesis, log_probs in zip(ended, scored, strict=True):
            assert hypothesis.log_prob == pytest.approx(sum(log_probs), abs=1e-3)


@each_model
def test_the_loss_of_a_toy_batch_falls_in_a_few_steps(config: ModelConfig):
    keras.utils.set_random_seed(1)
    model = Transformer(config, V, V, 8)
    weights = [variable.value for variable in model.trainable_variables]
    losses = []
    for _ in range(4):
        with tf.GradientTape() as tape:
            log_probs = tf.nn.log_softmax(model(SOURCE, TARGET[:, :-1]))
            loss = -tf.reduce_mean(tf.gather(log_probs, TARGET[:, 1:], axis=2, batch_dims=2))
        for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
            weight.assign_sub(0.1 * tf.convert_to_tensor(gradient))
        losses.append(float(loss))
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize("config", [MODELS[-1], CHUNKED], ids=shown)
def test_a_saved_graph_searches_as_the_model_does(config: ModelConfig, tmp_path: Path):
    engine = TransformerEngine(model_of(config))
    module = tf.Module()
    module.search = engine.graph(OPTIONS)
    module.weights = module.search.get_concrete_function().variables
    tf.saved_model.save(module, str(tmp_path / "saved"))
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    for one, other in zip(loaded.search(SOURCE), module.search(SOURCE), strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, one, other)
