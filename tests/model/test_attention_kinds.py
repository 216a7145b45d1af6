"""Every kind of attention: its formula in float64, its gradients, and what must change nothing."""

import dataclasses
import itertools
from typing import Any, get_args

import numpy as np
import pytest
import tensorflow as tf

from tests.model.attention_formulas import BIASES, SCORES, SELECTIONS, SILENCES, Formula
from tests.model.attention_kinds import KINDS, NEEDED, POSITIONS, SELF, D, H, Kind, choices
from translator.config.attention import AttentionConfig
from translator.config.schema import ModelConfig
from translator.model.attention import kinds
from translator.model.attention.context import Context
from translator.model.attention.heads import Heads
from translator.model.attention.kinds import Place
from translator.model.attention.layer import Attended, CrossAttention, MultiHeadAttention, SelfAttention
from translator.model.attention.relative import alibi_slopes
from translator.model.weights import named_variables

B, T, M = 2, 6, 5
RNG = np.random.default_rng(1)
X = RNG.normal(size=(B, T, D))
MEMORY = RNG.normal(size=(B, M, D))
REAL = {"encoder": np.arange(T) < [[6], [4]], "decoder": np.ones((B, T), bool), "cross": np.arange(M) < [[5], [3]]}

each_kind = pytest.mark.parametrize("kind", KINDS, ids=str)
each_place = pytest.mark.parametrize(
    ("kind", "place"), [(kind, place) for kind in KINDS for place in kind.places], ids=str
)
# One place each: where a kind computes does not depend on the place.
somewhere = pytest.mark.parametrize(
    ("kind", "place"), [(kind, kind.places[number % len(kind.places)]) for number, kind in enumerate(KINDS)], ids=str
)


def attended(layer: MultiHeadAttention, x: Any, memory: Any, real: np.ndarray | None) -> Attended:
    """What a layer gives for queries x, and, in cross-attention, for another sequence."""
    x = tf.convert_to_tensor(x, layer.compute_dtype)
    real = None if real is None or real.all() else tf.constant(real)
    if isinstance(layer, CrossAttention):
        memory = layer.project_memory(tf.convert_to_tensor(memory, layer.compute_dtype))
        context = Context(tf.range(tf.shape(x)[1]), tf.range(tf.shape(memory.keys)[2]), real)
        return layer(x, memory=memory, context=context)
    return layer(x, context=Context(tf.range(tf.shape(x)[1]), tf.range(tf.shape(x)[1]), real))[0]


def formula_of(kind: Kind, place: Place, layer: MultiHeadAttention) -> Formula:
    weights = {name: variable.numpy().astype(np.float64) for name, variable in named_variables(layer).items()}
    return Formula(dict(kind.config(place).attention.in_places())[place], kind.positions, place, H, weights)


# Everything is entered


@pytest.mark.parametrize(
    ("setting", "table", "formulas"),
    [
        ("score", kinds.SCORES, SCORES),
        ("selection", kinds.SELECTIONS, SELECTIONS),
        ("silence", kinds.SILENCES, {"none": None, **SILENCES}),
        ("gate", kinds.GATES, {"none": None, "elementwise": None, "headwise": None}),
    ],
)
def test_every_choice_of_a_setting_is_a_part_and_has_a_formula(setting: str, table: Any, formulas: Any):
    values = set(get_args(AttentionConfig.model_fields[setting].annotation))
    assert values == set(table) == set(formulas)
    assert {kind.attention.get(setting) for kind in KINDS} >= set(choices(setting))


def test_every_kind_of_positions_in_attention_has_a_formula():
    assert set(POSITIONS) == {"rotary", *BIASES}


# The formula, and its gradients


@each_place
def test_a_layer_is_its_formula(kind: Kind, place: Place):
    layer = kind.layer(place)
    found = attended(layer, X, MEMORY, REAL[place])
    output, weights = formula_of(kind, place, layer)(X, MEMORY if place == "cross" else X, REAL[place])
    real = REAL[place] if place == "encoder" else np.ones((B, T), bool)  # of the queries
    np.testing.assert_allclose(found.output[real], output[real], atol=1e-4)
    np.testing.assert_allclose(tf.transpose(found.weights, [0, 2, 1, 3])[real], weights.swapaxes(1, 2)[real], atol=2e-5)
    if place != "encoder":
        assert (np.broadcast_to(REAL[place][:, None, None], weights.shape) | (found.weights.numpy() == 0)).all()


@somewhere
def test_gradients_are_those_of_the_formula(kind: Kind, place: Place):
    """The derivative along a random direction of each input and weight, against a difference quotient in float64."""
    layer = kind.layer(place)
    real, variables = REAL[place], named_variables(layer)
    upstream = RNG.normal(size=(B, T, D)) * (real[:, :, None] if place == "encoder" else 1.0)
    inputs = {"x": X, "memory": MEMORY} if place == "cross" else {"x": X}
    given = {name: tf.Variable(value, dtype=tf.float32) for name, value in inputs.items()}
    with tf.GradientTape() as tape:
        output = attended(layer, given["x"], given.get("memory"), real).output
        loss = tf.reduce_sum(output * tf.constant(upstream, tf.float32))
    gradients = tape.gradient(loss, given | {name: variable.value for name, variable in variables.items()})
    formula = formula_of(kind, place, layer)
    is_hard = formula.config.selection == "top_k"
    frozen = _hard_less_soft(formula, inputs, real) if is_hard else None

    def value(changed: dict[str, np.ndarray]) -> float:
        everything = {**formula.weights, **inputs, **changed}
        x = everything["x"]
        memory = everything.get("memory", x)
        here = dataclasses.replace(formula, weights=everything)
        outputs = [here.sentence(x[b], memory[b], real[b], frozen[b] if frozen else None)[0] for b in range(B)]
        return float((np.stack(outputs) * upstream).sum())

    for name, array in (inputs | dict(formula.weights)).items():
        direction = RNG.normal(size=array.shape)
        step = 1e-5 * direction
        expected = (value({name: array + step}) - value({name: array - step})) / 2e-5
        slope = tf.reduce_sum(tf.convert_to_tensor(gradients[name]) * tf.constant(direction, tf.float32)).numpy()
        assert slope == pytest.approx(expected, rel=2e-3, abs=2e-3 * float(np.linalg.norm(direction))), name


def _hard_less_soft(formula: Formula, inputs: dict[str, np.ndarray], real: np.ndarray) -> list[np.ndarray]:
    """What top_k adds to the weights of a softmax, which the straight-through gradient takes for a constant."""
    memory = inputs.get("memory", inputs["x"])
    nothing = np.zeros([H, T, memory.shape[1] + 1])
    found = []
    for b in range(B):
        _, hard = formula.sentence(inputs["x"][b], memory[b], real[b])
        _, soft = formula.sentence(inputs["x"][b], memory[b], real[b], nothing)
        found.append(np.pad(hard - soft, [(0, 0), (0, 0), (0, 1)]))
    return found


# What must change nothing


@each_kind
def test_padding_changes_nothing(kind: Kind):
    for place in kind.places:
        layer = kind.layer(place)
        if place == "cross":
            padded = np.concatenate([MEMORY, np.full((B, 3, D), 9.0)], 1)
            more = attended(layer, X, padded, np.pad(REAL[place], [(0, 0), (0, 3)]))
        else:
            real = np.pad(REAL[place], [(0, 0), (0, 3)])
            more = attended(layer, np.concatenate([X, np.full((B, 3, D), 9.0)], 1), None, real)
        plain = attended(layer, X, MEMORY, REAL[place])
        width = plain.weights.shape[3]
        real = REAL[place] if place == "encoder" else np.ones((B, T), bool)
        np.testing.assert_allclose(more.output[:, :T][real], plain.output[real], atol=1e-4)
        by_query, by_query_plain = (tf.transpose(w, [0, 2, 1, 3]) for w in (more.weights[:, :, :T], plain.weights))
        np.testing.assert_allclose(by_query[..., :width][real], by_query_plain[real], atol=2e-5)
        np.testing.assert_array_equal(by_query[..., width:][real], 0.0)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "decoder" in kind.places], ids=str)
def test_step_by_step_with_its_cache_equals_all_at_once(kind: Kind):
    layer = kind.layer("decoder")
    assert isinstance(layer, SelfAttention)
    x = tf.constant(X, tf.float32)
    whole = attended(layer, X, None, None)
    past, steps = layer.empty_cache(tf.constant(B)), []
    for t in range(T):
        context = Context(tf.range(t, t + 1), tf.range(t + 1), keys_ahead=False)
        step, past = layer(x[:, t : t + 1], context=context, past=past)
        np.testing.assert_allclose(step.weights, whole.weights[:, :, t : t + 1, : t + 1], atol=2e-5)
        steps.append(step.output)
    np.testing.assert_allclose(tf.concat(steps, 1), whole.output, atol=1e-4)
    for declared, part in zip(tf.nest.flatten(layer.cache_shapes()), tf.nest.flatten(past), strict=True):
        assert declared.is_compatible_with(part.shape)


WITHOUT_ORDER = [
    (kind, place)
    for kind in KINDS
    for place in kind.places
    if place != "decoder" and kind.positions == "none" and "window" not in kind.attention
]


@pytest.mark.parametrize(("kind", "place"), WITHOUT_ORDER, ids=str)
def test_without_positions_the_order_of_the_keys_does_not_matter(kind: Kind, place: Place):
    layer, order = kind.layer(place), [3, 0, 4, 1, 2]
    if place == "cross":
        plain, other = attended(layer, X, MEMORY, None), attended(layer, X, MEMORY[:, order], None)
        np.testing.assert_allclose(other.output, plain.output, atol=1e-4)
    else:
        plain, other = attended(layer, X[:, :5], None, None), attended(layer, X[:, :5][:, order], None, None)
        np.testing.assert_allclose(other.output, tf.gather(plain.output, order, axis=1), atol=1e-4)


@pytest.mark.usefixtures("dtype_policy")
@somewhere
def test_a_row_that_may_attend_to_nothing_gives_no_nan(kind: Kind, place: Place):
    layer = kind.layer(place)
    x, memory = tf.Variable(X, dtype=tf.float32), tf.Variable(MEMORY, dtype=tf.float32)
    nothing = REAL[place] & [[False], [True]]  # the first sentence is padding
    with tf.GradientTape() as tape:
        found = attended(layer, tf.cast(x, layer.compute_dtype), tf.cast(memory, layer.compute_dtype), nothing)
        loss = tf.reduce_sum(tf.cast(found.output, tf.float32) ** 2)
    weights = [variable.value for variable in layer.trainable_variables]
    for tensor in (found.output, found.weights, *tape.gradient(loss, [x, *weights])):
        assert np.isfinite(tf.cast(tensor, tf.float32)).all()


# In chunks

IN_CHUNKS = [kind for kind in KINDS if kind.attention.get("selection", "softmax") == "softmax"]


@pytest.mark.parametrize(("kind", "chunk"), [*zip(IN_CHUNKS, itertools.cycle([1, 2, 4])), (Kind(), 100)], ids=str)
def test_in_chunks_equals_all_at_once_forward_and_backward(kind: Kind, chunk: int):
    place = kind.places[-1]
    found = []
    for layer in (kind.layer(place), kind.layer(place, chunk=chunk)):
        x, memory = tf.Variable(X, dtype=tf.float32), tf.Variable(MEMORY, dtype=tf.float32)
        with tf.GradientTape() as tape:
            output = attended(layer, x, memory, REAL[place]).output
            loss = tf.reduce_sum(output * tf.constant(np.cos(np.arange(B * T * D).reshape(B, T, D)), tf.float32))
        sources = [x, *([memory] if place == "cross" else []), *(v.value for v in layer.trainable_variables)]
        found.append([output, *tape.gradient(loss, sources)])
    for part, all_at_once in zip(*found, strict=True):
        np.testing.assert_allclose(part, all_at_once, atol=1e-4)


def test_in_chunks_a_row_that_may_attend_to_nothing_gives_no_nan():
    layer = Kind({"silence": "sink"}).layer("encoder", chunk=4)
    x = tf.Variable(X, dtype=tf.float32)
    with tf.GradientTape() as tape:
        output = attended(layer, x, None, REAL["encoder"] & [[False], [True]]).output
        loss = tf.reduce_sum(output**2)
    assert all(np.isfinite(tensor).all() for tensor in (output, tape.gradient(loss, x)))


def test_in_chunks_a_graph_of_unknown_sizes_equals_all_at_once():
    layer = Kind({"silence": "sink"}, "alibi").layer("decoder", chunk=2)

    @tf.function(input_signature=[tf.TensorSpec([None, None, D])])
    def step(x: tf.Tensor) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x, context=Context(*[tf.range(tf.shape(x)[1])] * 2))[0].output ** 2)
        return tape.gradient(loss, [x, *(variable.value for variable in layer.trainable_variables)])

    for length in (T, 3):
        x = tf.constant(X[:, :length], tf.float32)
        plain = Kind({"silence": "sink"}, "alibi").layer("decoder")
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(attended(plain, x, None, None).output ** 2)
        expected = tape.gradient(loss, [x, *(variable.value for variable in plain.trainable_variables)])
        for one, other in zip(step(x), expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)


# By hand


@pytest.mark.parametrize(
    ("name", "scores", "weights"),
    [
        ("sparsemax", [1.0, 0.5, -1.0], [0.75, 0.25, 0.0]),  # τ = (1 + 0.5 − 1) / 2
        ("sparsemax", [3.0, 0.0], [1.0, 0.0]),
        ("entmax15", [0.0, 0.0], [0.5, 0.5]),
        ("entmax15", [2.0, 0.0], [1.0, 0.0]),  # z / 2 = 1 and 0: τ = 0
        ("signed", [0.0, -np.log(2.0)], [0.0, -2 / 3]),
        ("sigmoid", [np.log(2.0), 0.0], [0.5, 1 / 3]),  # odds of 2 / 2 and 1 / 2
        ("top_k", [0.0, 1.0, 2.0], [0.0, 1 / (1 + np.e), np.e / (1 + np.e)]),
        ("softmax", [0.0, np.log(3.0)], [0.25, 0.75]),
    ],
)
def test_selections_by_hand(name: str, scores: list[float], weights: list[float]):
    config = AttentionConfig.model_validate({"selection": name} | NEEDED.get(name, {}))
    select = kinds.SELECTIONS[name](config, 0)(Heads(1, 1))
    np.testing.assert_allclose(select(tf.constant([[[scores]]], tf.float32), None)[0, 0, 0], weights, atol=1e-6)


def test_off_by_one_by_hand():
    """Two keys that score log 1 and log 2 beside silence, which scores log 1: weights 1/4 and 2/4."""
    layer = Kind({"silence": "zero"}).layer("encoder")
    assert layer.silence is not None
    assert layer.silence.score(tf.ones([1, H, 3, D // H]), layer.score).numpy().tolist() == [[[[0.0]] * 3] * H]
    found = attended(layer, X, None, None).weights.numpy()
    plain = attended(Kind().layer("encoder"), X, None, None).weights.numpy()
    assert (found.sum(-1) < 1).all()
    np.testing.assert_allclose(found / found.sum(-1, keepdims=True), plain, atol=1e-5)


@pytest.mark.parametrize("place", SELF)
def test_a_window_of_nothing_sees_itself_alone(place: Place):
    weights = attended(Kind().layer(place, window=0), X, None, None).weights
    np.testing.assert_array_equal(weights, np.broadcast_to(np.eye(T), (B, H, T, T)))


def test_a_window_may_differ_from_layer_to_layer():
    config = ModelConfig.model_validate({"attention": {"encoder": {"window": [0, None, 1, None, None, None]}}})
    context = Context(tf.range(3), tf.range(3))
    nothing, everything, near = (kinds.parts_of(config, "encoder", layer).reach(context) for layer in range(3))
    assert everything is None
    np.testing.assert_array_equal(nothing, np.eye(3)[None, None])
    np.testing.assert_array_equal(near, [[[[1, 1, 0], [1, 1, 1], [0, 1, 1]]]])


def test_slopes_of_alibi_for_a_number_of_heads_that_is_no_power_of_two():
    assert alibi_slopes(2) == [1 / 16, 1 / 256]
    assert alibi_slopes(3) == [1 / 16, 1 / 256, 1 / 4]  # the first of four heads' slopes fills it up
    assert alibi_slopes(8) == [2.0**-n for n in range(1, 9)]


def test_keys_are_as_many_as_the_heads_that_hold_them():
    layer = Kind({"key_value_heads": 2}).layer("decoder")
    assert isinstance(layer, SelfAttention)
    assert layer.query_key_value.kernel.shape == (D, D + 2 * D // 2)
    assert layer.cache_shapes().keys.as_list() == [None, 2, None, D // H]
