"""The whole model: what it may look at, what it shares, and that search sees the same model as training."""

import functools
import gc
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from translator.config.schema import ModelConfig
from translator.model.dropout import Dropout
from translator.model.transformer import Transformer, weight_shapes
from translator.vocabulary import BOS_ID, EOS_ID, PAD_ID

D, F, H, V, LAYERS = 8, 12, 2, 11, 2
MAX_POSITIONS = 4  # fewer than T: learned positions must go past their table

SOURCE = tf.constant([[4, 5, 6, 7, EOS_ID], [8, 9, EOS_ID, PAD_ID, PAD_ID], [10, 5, 4, EOS_ID, PAD_ID]])
TARGET = tf.constant([[BOS_ID, 5, 6, 7, 8, 9], [BOS_ID, 7, 4, 4, 9, 3], [BOS_ID, 10, 9, 8, 7, 6]])
B, S, T = 3, 5, 6

CHOICES = list(itertools.product(["pre", "post"], ["sinusoidal", "learned"], ["all", "target", "none"]))
every_choice = pytest.mark.parametrize("choices", CHOICES, ids="-".join)


@functools.cache
def model_of(norm="pre", positions="sinusoidal", tied="all", precision="float32", activation="relu") -> Transformer:
    """A model with random weights; no test changes them."""
    config = ModelConfig(
        d_model=D, d_ff=F, num_heads=H, encoder_layers=LAYERS, decoder_layers=LAYERS,
        norm=norm, positions=positions, tied_embeddings=tied, activation=activation,
    )  # fmt: skip
    keras.utils.set_random_seed(1)
    model = Transformer(config, V, V, MAX_POSITIONS, precision)
    rng = np.random.default_rng(2)
    for variable in model.variables:  # biases and γ too
        variable.assign_add(rng.normal(0.0, 0.2, variable.shape))
    return model


def replaced(ids: tf.Tensor, position: int, token: int) -> tf.Tensor:
    changed = ids.numpy()
    changed[:, position] = token
    return tf.constant(changed)


# What each position may look at


@pytest.fixture(scope="module", params=["pre", "post"])
def normed(request: pytest.FixtureRequest) -> tuple[Transformer, np.ndarray]:
    """A model of each kind, with its logits."""
    model = model_of(request.param)
    return model, model(SOURCE, TARGET).numpy()


@pytest.mark.parametrize("position", range(T))
def test_a_target_token_changes_no_earlier_logit_and_every_later_one(
    normed: tuple[Transformer, np.ndarray], position: int
):
    model, logits = normed
    changed = model(SOURCE, replaced(TARGET, position, EOS_ID)).numpy()
    np.testing.assert_array_equal(changed[:, :position], logits[:, :position])
    assert (np.abs(changed[:, position:] - logits[:, position:]).max(-1) > 1e-4).all()


@pytest.mark.parametrize("position", range(2))
def test_a_source_token_changes_every_logit(position: int):
    model = model_of()
    difference = model(replaced(SOURCE, position, 3), TARGET) - model(SOURCE, TARGET)
    assert (np.abs(difference).max(-1) > 1e-5).all()


@pytest.mark.parametrize("positions", ["sinusoidal", "learned"])
@pytest.mark.parametrize("norm", ["pre", "post"])
def test_padding_changes_nothing(norm: str, positions: str):
    model = model_of(norm, positions)
    source, target = (tf.pad(ids, [[0, 0], [0, 3]], constant_values=PAD_ID) for ids in (SOURCE, TARGET))
    logits = model(SOURCE, TARGET)
    np.testing.assert_allclose(model(source, TARGET), logits, atol=1e-5)
    np.testing.assert_allclose(model(SOURCE, target)[:, :T], logits, atol=1e-5)


@pytest.mark.parametrize("row", range(B))
def test_a_sentence_alone_equals_the_sentence_among_others(row: int):
    model = model_of()
    length = int(np.count_nonzero(SOURCE[row]))
    alone = model(SOURCE[row : row + 1, :length], TARGET[row : row + 1])
    np.testing.assert_allclose(alone[0], model(SOURCE, TARGET)[row], atol=1e-5)


def test_a_row_of_padding_alone_gives_finite_logits_and_gradients():
    """Shares of a batch are filled up with such rows."""
    model = model_of()
    source = tf.concat([SOURCE, tf.fill([1, S], PAD_ID)], 0)
    target = tf.concat([TARGET, tf.fill([1, T], PAD_ID)], 0)
    with tf.GradientTape() as tape:
        logits = model(source, target)
    assert np.isfinite(logits).all()
    np.testing.assert_allclose(logits[:B], model(SOURCE, TARGET), atol=1e-5)
    for gradient in tape.gradient(logits, [variable.value for variable in model.variables]):
        assert np.isfinite(tf.convert_to_tensor(gradient)).all()


# Search


def test_a_cache_has_the_shapes_that_its_layers_declare():
    model = model_of()
    encoded, cache = model.encode(SOURCE), model.empty_cache(tf.constant(B))
    for t in range(2):
        for declared, part in zip(tf.nest.flatten(model.cache_shapes()), tf.nest.flatten(cache), strict=True):
            assert declared.as_list() == [None, H, None, D // H]
            assert tuple(part.shape) == (B, H, t, D // H)
        _, cache, _ = model.decode_step(TARGET[:, t], tf.constant(t), encoded, cache)


@every_choice
def test_decoding_step_by_step_equals_decoding_at_once(choices: tuple[str, str, str]):
    model, width = model_of(*choices), 2
    # Sentence b's hypotheses lie side by side: b · W, …, b · W + W − 1.
    target = tf.concat([TARGET[:1], TARGET[2:], TARGET[1:], TARGET[:2]], 0)[: B * width]
    at_once = model(tf.repeat(SOURCE, width, 0), target)
    encoded, cache = model.encode(SOURCE), model.empty_cache(tf.constant(B * width))
    for t in range(T):
        logits, cache, _ = model.decode_step(target[:, t], tf.constant(t), encoded, cache)
        assert logits.dtype == tf.float32
        np.testing.assert_allclose(logits, at_once[:, t], atol=2e-5)
        assert {tuple(part.shape) for part in tf.nest.flatten(cache)} == {(B * width, H, t + 1, D // H)}


@every_choice
def test_a_cache_of_a_fixed_length_decodes_as_one_that_grows(choices: tuple[str, str, str]):
    model, length = model_of(*choices), T + 3
    encoded = model.encode(SOURCE)
    growing, fixed = model.empty_cache(tf.constant(B)), model.empty_cache(tf.constant(B), length)
    for t in range(T):
        position = tf.constant(t)
        expected, growing, _ = model.decode_step(TARGET[:, t], position, encoded, growing)
        logits, fixed, _ = model.decode_step(TARGET[:, t], position, encoded, fixed, cache_length=length)
        np.testing.assert_allclose(logits, expected, atol=2e-5)
        assert {tuple(part.shape) for part in tf.nest.flatten(fixed)} == {(B, H, length, D // H)}


def test_a_graph_of_unknown_sizes_equals_eager():
    model = model_of()
    ids = tf.TensorSpec([None, None], tf.int32)
    graph = tf.function(model.call, input_signature=[ids, ids])
    for rows, length in ((B, T), (1, 2)):
        expected = model(SOURCE[:rows], TARGET[:rows, :length])
        np.testing.assert_allclose(graph(SOURCE[:rows], TARGET[:rows, :length]), expected, atol=1e-5)


# Attention weights


def test_every_attention_hands_out_its_weights():
    model = model_of()
    encoded = model.encode(SOURCE)
    decoded = model.decode(TARGET, encoded).layers
    source_mask = np.broadcast_to((SOURCE != PAD_ID)[:, None, None, :], (B, H, S, S))
    assert len(encoded.weights) == len(decoded) == LAYERS
    causal = np.broadcast_to(np.tri(T, dtype=bool), (B, H, T, T))
    kinds = [(weights, source_mask) for weights in encoded.weights]
    kinds += [(layer.self_weights, causal) for layer in decoded]
    kinds += [(layer.cross_weights, np.broadcast_to(source_mask[:, :, :1], (B, H, T, S))) for layer in decoded]
    for weights, may_attend in kinds:
        assert tuple(weights.shape) == may_attend.shape
        np.testing.assert_allclose(tf.reduce_sum(weights, -1), 1.0, atol=1e-6)
        np.testing.assert_array_equal(weights.numpy() > 0.0, may_attend)


# What is shared, and how much there is


@pytest.mark.parametrize(("tied", "tables"), [("all", 1), ("target", 2), ("none", 3)])
def test_tied_embeddings_are_one_variable(tied: str, tables: int):
    model = model_of(tied=tied)
    assert (model.source_embedding is model.target_embedding) == (tied == "all")
    assert (model.output_embedding is model.target_embedding) == (tied != "none")
    assert sum({V, D} <= set(variable.shape) for variable in model.variables) == tables


def test_embeddings_are_rows_of_the_table_times_the_root_of_the_width():
    embedding = model_of().target_embedding
    expected = embedding.table.numpy()[[[4, 5], [0, 4]]] * np.sqrt(np.float32(D))
    np.testing.assert_allclose(embedding(tf.constant([[4, 5], [0, 4]])), expected, rtol=1e-6)


@pytest.mark.parametrize("tied", ["all", "target", "none"])
def test_logits_are_products_with_the_output_embeddings(tied: str):
    model = model_of(tied=tied)
    states = model.decode(TARGET, model.encode(SOURCE)).output.numpy()
    np.testing.assert_allclose(model(SOURCE, TARGET), states @ model.output_embedding.table.numpy().T, atol=1e-5)


# D = 8, F = 12, V = 11, two layers on each side.
ATTENTION = 4 * (8 * 8 + 8)  # W^Q, W^K, W^V, W^O with biases: 288
FEED_FORWARD = (8 * 12 + 12) + (12 * 8 + 8)  # 212
NORM = 8 + 8
PRE_NORM_RELU = (
    2 * (ATTENTION + FEED_FORWARD + 2 * NORM)  # encoder: 1064
    + 2 * (2 * ATTENTION + FEED_FORWARD + 3 * NORM)  # decoder: 1672
    + 2 * NORM  # at the ends
    + 11 * 8  # embeddings
)


@pytest.mark.parametrize(
    ("choices", "count"),
    [
        ({}, 2856),
        ({"norm": "post"}, 2856 - 2 * NORM),
        ({"tied": "target"}, 2856 + 11 * 8),
        ({"tied": "none"}, 2856 + 2 * 11 * 8),
        ({"positions": "learned"}, 2856 + 2 * MAX_POSITIONS * 8),  # a table for each side
        ({"activation": "gelu"}, 2856),
        ({"activation": "swiglu"}, 2856 + 4 * (8 * 12 + 12)),  # one more matrix in each layer
    ],
    ids=str,
)
def test_number_of_parameters_by_hand(choices: dict[str, str], count: int):
    assert PRE_NORM_RELU == 2856
    model = model_of(**choices)
    assert sum(np.prod(variable.shape) for variable in model.trainable_variables) == count
    assert len(model.variables) == len(model.trainable_variables)


@every_choice
def test_every_weight_has_a_name_in_the_order_of_the_variables(choices: tuple[str, str, str]):
    model = model_of(*choices)
    weights = model.named_weights()
    assert list(map(id, weights.values())) == list(map(id, model.trainable_variables))


def test_names_are_places_in_the_model():
    names = set(model_of(positions="learned", tied="none").named_weights())
    assert names > {
        "source_embedding.table", "target_embedding.table", "output_embedding.table", "source_positions.table",
        "encoder.layers.0.self_attention.query_key_value.kernel", "encoder.layers.1.feed_forward.inner.bias",
        "decoder.layers.1.cross_attention.output_projection.kernel", "decoder.layers.0.cross_attention.key_value.bias",
        "decoder.layers.0.cross_attention_residual.norm.gamma", "encoder.norm.beta", "decoder.norm.gamma",
    }  # fmt: skip


@every_choice
def test_every_weight_has_a_gradient(choices: tuple[str, str, str]):
    model = model_of(*choices)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(SOURCE, TARGET) ** 2)
    weights = model.named_weights()
    gradients = tape.gradient(loss, {name: variable.value for name, variable in weights.items()})
    for name, gradient in gradients.items():
        assert gradient is not None, name
        if not name.endswith("key_value.bias"):  # softmax takes no notice of a bias of the keys
            assert np.abs(tf.convert_to_tensor(gradient)).max() > 1e-6, name


def test_the_initial_weights_are_a_function_of_the_global_seed():
    def weights(seed: int) -> list[np.ndarray]:
        keras.utils.set_random_seed(seed)
        model = Transformer(ModelConfig(d_model=4, d_ff=4, num_heads=1, encoder_layers=1, decoder_layers=1), 5, 5, 4)
        return [variable.numpy() for variable in model.variables if variable.name in ("kernel", "table")]

    first, again, other = weights(1), weights(1), weights(2)
    for one, same, different in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(one, same)
        assert (one != different).any()


# Dropout


def test_dropout_is_a_function_of_its_seed():
    model = model_of()

    def states(*seed: int) -> np.ndarray:
        dropout = Dropout(tf.constant(seed))
        return model.decode(TARGET, model.encode(SOURCE, dropout), dropout).output.numpy()

    np.testing.assert_array_equal(states(1, 2), states(1, 2))
    assert (states(1, 2) != states(1, 300)).any()
    assert (states(1, 2) != model.decode(TARGET, model.encode(SOURCE)).output.numpy()).any()


# Precision


@pytest.mark.parametrize("choices", [("pre", "sinusoidal", "all"), ("post", "learned", "none")], ids="-".join)
def test_bfloat16_is_near_float32_and_has_the_same_variables(choices: tuple[str, str, str]):
    exact, rounded = model_of(*choices), model_of(*choices, precision="bfloat16")
    assert list(exact.named_weights()) == list(rounded.named_weights())
    for one, other in zip(exact.variables, rounded.variables, strict=True):
        assert other.dtype == "float32"
        np.testing.assert_array_equal(one, other)
    expected = exact(SOURCE, TARGET).numpy()
    states = rounded.decode(TARGET, rounded.encode(SOURCE)).output
    assert states.dtype == tf.bfloat16
    logits = rounded(SOURCE, TARGET)
    assert logits.dtype == tf.float32
    difference = logits.numpy() - expected
    # bfloat16 rounds to 2⁻⁹ of a value, at each of some thirty operations on the way.
    assert 0.0 < np.sqrt(np.mean(difference**2)) < 30 * 2**-9 * np.std(expected)


def test_making_a_bfloat16_model_leaves_the_global_policy_alone():
    Transformer(ModelConfig(d_model=4, d_ff=4, num_heads=1, encoder_layers=1, decoder_layers=1), 5, 5, 4, "bfloat16")
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("activation", ["relu", "swiglu"])
@pytest.mark.parametrize("positions", ["sinusoidal", "learned"])
@pytest.mark.parametrize("tied_embeddings", ["all", "target", "none"])
def test_shapes_without_weights_are_those_of_the_weights(norm, activation, positions, tied_embeddings):
    config = ModelConfig(
        d_model=4, d_ff=6, num_heads=2, encoder_layers=2, decoder_layers=12,
        norm=norm, activation=activation, positions=positions, tied_embeddings=tied_embeddings,
    )  # fmt: skip
    sizes = config, 7, 7 if tied_embeddings == "all" else 9, 5
    weights = Transformer(*sizes).named_weights()
    assert weight_shapes(*sizes) == {name: tuple(weight.shape) for name, weight in weights.items()}


def test_shapes_of_the_largest_model_there_can_be_take_no_memory():
    config = ModelConfig(d_model=2**16, d_ff=2**20, num_heads=8, encoder_layers=1000, decoder_layers=1000)
    shapes = weight_shapes(config, 2**24, 2**24, 2**20)
    assert shapes["target_embedding.table"] == (2**24, 2**16)
    assert shapes["decoder.layers.999.feed_forward.inner.kernel"] == (2**16, 2**20)


def test_asking_for_shapes_leaves_nothing_behind():
    config = ModelConfig(d_model=4, d_ff=4, num_heads=1, encoder_layers=1, decoder_layers=1)

    def variables() -> int:
        gc.collect()
        return sum(isinstance(thing, keras.Variable) for thing in gc.get_objects())

    weight_shapes(config, 7, 7, 5)
    before = variables()
    weight_shapes(config, 7, 7, 5)
    assert variables() == before
