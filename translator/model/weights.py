"""A model's weights by name, and as a file that any tool can read: safetensors.

A weight is named by its place in the model, `encoder.layers.0.self_attention.query_key_value.kernel`.
"""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

import keras
import numpy as np
import safetensors
import safetensors.numpy

from translator.errors import TranslatorError
from translator.files import replacing

Shape = tuple[int, ...]
Value = TypeVar("Value")


class WeightsError(TranslatorError):
    """Weights that cannot be read or belong to another model; names the ones that differ."""


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """Arrays by name.

    Raises:
        WeightsError: no such file, not safetensors, or of a type or shape that NumPy has not.
    """
    try:
        return safetensors.numpy.load_file(path)
    except (OSError, safetensors.SafetensorError, TypeError, AttributeError, ValueError) as error:
        raise WeightsError(f"{path} cannot be read as weights: {error}") from error


def read_shapes(path: Path) -> dict[str, Shape]:
    """The shapes that a file's header tells, by name; no array is read.

    Raises:
        WeightsError: no such file, or not safetensors.
    """
    try:
        with safetensors.safe_open(path, "numpy") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (OSError, safetensors.SafetensorError, TypeError, AttributeError, ValueError) as error:
        raise WeightsError(f"{path} cannot be read as weights: {error}") from error


def read_notes(path: Path) -> dict[str, str]:
    """What `write_weights` has noted beside the arrays.

    Raises:
        WeightsError: no such file, or not safetensors.
    """
    try:
        with safetensors.safe_open(path, "numpy") as file:
            return dict(file.metadata() or {})
    except (OSError, safetensors.SafetensorError) as error:
        raise WeightsError(f"{path} cannot be read as weights: {error}") from error


def write_weights(weights: dict[str, np.ndarray], path: Path, notes: dict[str, str] | None = None) -> None:
    """Writes arrays by name, with notes if there are any, replacing the file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {name: np.asarray(array, order="C") for name, array in weights.items()}
    with replacing(path) as place:
        try:
            safetensors.numpy.save_file(arrays, place, notes)
        except safetensors.SafetensorError as error:
            # It tells of the operating system's error in words alone.
            if number := re.search(r"os error (\d+)", str(error)):
                raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error
            raise


def require_finite(weights: dict[str, np.ndarray], origin: Path) -> None:
    """Raises a WeightsError that names weights which are NaN or infinite: what they translate to means nothing."""
    if broken := [name for name, array in weights.items() if not np.isfinite(array).all()]:
        raise WeightsError(f"{origin} holds NaN or infinite numbers in {', '.join(broken[:3])}")


def require_shapes(wanted: Mapping[str, Shape], found: Mapping[str, Shape], origin: Path) -> None:
    """Raises a WeightsError that names the weights in which a model and a file differ."""
    found = {name: wanted[name] if _has_dead_row(name, shape, wanted) else shape for name, shape in found.items()}
    if wanted != found:
        differing = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
        shown = ", ".join(f"{n} (model: {wanted.get(n, 'none')}, file: {found.get(n, 'none')})" for n in differing[:3])
        more = f" and {len(differing) - 3:,} more" if len(differing) > 3 else ""
        raise WeightsError(f"{origin} holds the weights of another model; they differ in {shown}{more}")


def named_variables(layer: keras.layers.Layer) -> dict[str, keras.Variable]:
    """The weights of a layer and of the layers in it, by the attributes that hold them, with dots between.

    They come in the order of `layer.trainable_variables`.
    """
    attributes = {name: value for name, value in vars(layer).items() if not name.startswith("_")}
    own = {name: value for name, value in attributes.items() if isinstance(value, keras.Variable)}
    inner = {name: value for name, value in attributes.items() if isinstance(value, keras.layers.Layer)}
    return own | {
        f"{name}.{rest}": variable for name, part in inner.items() for rest, variable in named_variables(part).items()
    }


def get_weights(variables: Mapping[str, keras.Variable]) -> dict[str, np.ndarray]:
    """Copies variables to arrays."""
    return {name: variable.numpy() for name, variable in variables.items()}


def set_weights(variables: Mapping[str, keras.Variable], weights: Mapping[str, np.ndarray], origin: Path) -> None:
    """Gives variables the values of `get_weights`.

    Raises:
        WeightsError: a name is missing, is one too many, or has another shape or kind of numbers. Nothing has been
            changed then.
    """
    wanted = {name: tuple(variable.shape) for name, variable in variables.items()}
    weights = {
        name: array[:-1] if _has_dead_row(name, array.shape, wanted) else array for name, array in weights.items()
    }
    require_shapes(wanted, {name: array.shape for name, array in weights.items()}, origin)
    for name, variable in variables.items():
        if not np.can_cast(dtype := weights[name].dtype, variable.dtype, "same_kind"):
            raise WeightsError(f"{origin}: {name} holds {dtype}; the model's are {variable.dtype}")
    for name, variable in variables.items():
        variable.assign(weights[name])


def _has_dead_row(name: str, shape: Shape, wanted: Mapping[str, Shape]) -> bool:
    """Whether this is a table of learned positions of an early version, whose last row no training reached."""
    is_table = len(shape) == 2 and name.endswith("_positions.table")
    return is_table and wanted.get(name) == (shape[0] - 1, shape[1])


def are_of_version_0_1(names: Iterable[str]) -> bool:
    """Whether a file names its weights as version 0.1 did: by Keras' paths, which begin with the model's."""
    return any(name.startswith("transformer/") for name in names)


def with_current_names(weights: Mapping[str, Value]) -> dict[str, Value]:
    """Weights, or their shapes, with the names that they have now, whatever version wrote them."""
    if not are_of_version_0_1(weights):
        return dict(weights)
    return {_current_name(path): value for path, value in weights.items()}


def _current_name(path: str) -> str:
    """The name of a weight that version 0.1 wrote by its path in Keras."""
    path = path.removeprefix("transformer/")
    path = re.sub(r"^(encoder|decoder)_([0-9]+)/", r"\1/layers/\2/", path)
    path = re.sub(r"^(encoder|decoder)_norm/", r"\1/norm/", path)
    return path.replace("_attention/output/", "_attention/output_projection/").replace("/", ".")
