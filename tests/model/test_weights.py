"""Weights written and read back, and what is said of those that don't fit."""

from pathlib import Path

import keras
import numpy as np
import pytest

from translator.config.schema import ModelConfig
from translator.model.transformer import Transformer
from translator.model.weights import (
    WeightsError,
    get_weights,
    read_shapes,
    read_weights,
    set_weights,
    with_current_names,
    write_weights,
)


def model_of(seed: int, **settings) -> Transformer:
    keras.utils.set_random_seed(seed)
    sizes = {"d_model": 4, "d_ff": 6, "num_heads": 2, "encoder_layers": 1, "decoder_layers": 1}
    return Transformer(ModelConfig.model_validate(sizes | settings), 7, 7, 5)


@pytest.fixture(scope="module")
def model() -> Transformer:
    return model_of(1)


def test_weights_come_back_from_a_file_bit_for_bit(model: Transformer, tmp_path: Path):
    path = tmp_path / "new" / "folder" / "weights.safetensors"
    written = get_weights(model.named_weights())
    write_weights(written, path)
    other = model_of(2)
    set_weights(other.named_weights(), read_weights(path), path)
    read = get_weights(other.named_weights())
    assert read.keys() == written.keys()
    for name, array in written.items():
        np.testing.assert_array_equal(read[name], array, strict=True)
    assert [file.name for file in path.parent.iterdir()] == ["weights.safetensors"]


def test_shapes_are_read_off_the_header(tmp_path: Path):
    write_weights({"a": np.zeros((2, 3)), "b": np.zeros(()), "c": np.zeros((0, 5))}, tmp_path / "weights")
    assert read_shapes(tmp_path / "weights") == {"a": (2, 3), "b": (), "c": (0, 5)}


def test_writing_replaces_the_file_before(tmp_path: Path):
    path = tmp_path / "weights"
    for value in (1.0, 2.0):
        write_weights({"a": np.full(3, value)}, path)
    np.testing.assert_array_equal(read_weights(path)["a"], [2.0, 2.0, 2.0])


def test_an_array_that_is_a_view_is_written_as_it_looks(tmp_path: Path):
    array = np.arange(6.0).reshape(2, 3)
    write_weights({"transposed": array.T, "every other": array[:, ::2]}, tmp_path / "weights")
    read = read_weights(tmp_path / "weights")
    np.testing.assert_array_equal(read["transposed"], array.T, strict=True)
    np.testing.assert_array_equal(read["every other"], array[:, ::2], strict=True)


def test_copies_do_not_follow_the_model():
    model = model_of(1)
    before = get_weights(model.named_weights())
    kept = {name: array.copy() for name, array in before.items()}
    for variable in model.variables:
        variable.assign_add(np.ones(variable.shape))
    for name, array in before.items():
        np.testing.assert_array_equal(array, kept[name])


@pytest.mark.parametrize("content", [None, b"", b"no weights at all"])
@pytest.mark.parametrize("read", [read_weights, read_shapes])
def test_a_file_that_is_missing_or_broken_is_named(tmp_path: Path, content: bytes | None, read):
    path = tmp_path / "weights.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError) as raised:
        read(path)
    assert str(raised.value).startswith(f"{path} cannot be read as weights: ")


TABLE, KERNEL = "target_embedding.table", "encoder.layers.0.feed_forward.inner.kernel"


def without(weights: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    return {other: array for other, array in weights.items() if other != name}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weights: without(weights, TABLE), f"{TABLE} (model: (7, 4), file: none)"),
        (lambda weights: weights | {"extra": np.zeros((2, 1))}, "extra (model: none, file: (2, 1))"),
        (lambda weights: weights | {KERNEL: np.zeros((4, 9))}, f"{KERNEL} (model: (4, 6), file: (4, 9))"),
        (
            lambda weights: without(weights, TABLE) | {"extra": np.zeros(2), KERNEL: np.zeros((4, 9))},
            f"{KERNEL} (model: (4, 6), file: (4, 9)), extra (model: none, file: (2,)), "
            f"{TABLE} (model: (7, 4), file: none)",
        ),
        (
            lambda weights: weights | {f"extra {i}": np.zeros(i) for i in range(5)},
            "extra 0 (model: none, file: (0,)), extra 1 (model: none, file: (1,)), extra 2 (model: none, file: (2,)) "
            "and 2 more",
        ),
    ],
    ids=["missing", "one too many", "another shape", "three", "five"],
)
def test_weights_of_another_model_are_named_and_nothing_is_changed(change, message: str):
    model = model_of(1)
    before = get_weights(model.named_weights())
    weights = change({name: np.full_like(array, 9.0) for name, array in before.items()})
    with pytest.raises(WeightsError) as raised:
        set_weights(model.named_weights(), weights, Path("some/file"))
    assert str(raised.value) == f"some/file holds the weights of another model; they differ in {message}"
    for name, array in get_weights(model.named_weights()).items():
        np.testing.assert_array_equal(array, before[name])


def test_weights_of_a_model_with_other_choices_do_not_fit(model: Transformer):
    other = model_of(1, activation="swiglu")
    with pytest.raises(
        WeightsError, match=r"decoder\.layers\.0\.feed_forward\.inner\.bias \(model: \(6,\), file: \(12,\)\)"
    ):
        set_weights(model.named_weights(), get_weights(other.named_weights()), Path("file"))


def test_a_table_of_learned_positions_with_the_row_more_of_earlier_versions_loses_that_row():
    model = model_of(1, positions="learned")
    written = get_weights(model.named_weights())
    table = "source_positions.table"
    older = written | {table: np.concatenate([written[table], np.full((1, 4), 9.0, np.float32)])}
    other = model_of(2, positions="learned")
    set_weights(other.named_weights(), older, Path("older"))
    for name, array in get_weights(other.named_weights()).items():
        np.testing.assert_array_equal(array, written[name])


def test_no_other_weights_lose_a_row(model: Transformer):
    written = get_weights(model.named_weights())
    name = "target_embedding.table"
    longer = written | {name: np.concatenate([written[name], written[name][:1]])}
    with pytest.raises(WeightsError, match=r"model: \(7, 4\), file: \(8, 4\)"):
        set_weights(model_of(2).named_weights(), longer, Path("longer"))


def test_the_names_of_version_0_1_are_translated():
    paths = {
        "transformer/source_positions/table": "source_positions.table",
        "transformer/encoder_0/self_attention/query_key_value/kernel":
            "encoder.layers.0.self_attention.query_key_value.kernel",
        "transformer/decoder_11/self_attention/output/bias": "decoder.layers.11.self_attention.output_projection.bias",
        "transformer/decoder_0/feed_forward_residual/norm/gamma": "decoder.layers.0.feed_forward_residual.norm.gamma",
        "transformer/encoder_norm/beta": "encoder.norm.beta",
    }  # fmt: skip
    assert with_current_names({path: len(path) for path in paths}) == {name: len(path) for path, name in paths.items()}


@pytest.mark.parametrize("settings", [{}, {"norm": "post", "positions": "learned", "tied_embeddings": "none"}], ids=str)
def test_every_path_that_keras_gives_is_translated_to_its_weights_name(settings: dict[str, str]):
    model = model_of(1, **settings)
    assert with_current_names({v.path: id(v) for v in model.variables}) == {
        name: id(variable) for name, variable in model.named_weights().items()
    }


def test_current_names_stay(model: Transformer):
    weights = get_weights(model.named_weights())
    assert with_current_names(weights) == weights


def test_a_file_of_weights_may_be_read_by_whoever_may_read_any_new_file(tmp_path: Path):
    write_weights({"weight": np.zeros(2, np.float32)}, tmp_path / "weights.safetensors")
    (tmp_path / "other").touch()
    assert (tmp_path / "weights.safetensors").stat().st_mode == (tmp_path / "other").stat().st_mode
