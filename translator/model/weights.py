"""A model's weights as a file that any tool can read: safetensors, named by their place in the model."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
import safetensors
import safetensors.numpy

from translator.errors import TranslatorError
from translator.files import replacing

Shape = tuple[int, ...]


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


def write_weights(weights: dict[str, np.ndarray], path: Path) -> None:
    """Writes arrays by name, replacing the file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {name: np.asarray(array, order="C") for name, array in weights.items()}
    with replacing(path) as place:
        try:
            safetensors.numpy.save_file(arrays, place)
        except safetensors.SafetensorError as error:
            # It tells of the operating system's error in words alone.
            if number := re.search(r"os error (\d+)", str(error)):
                raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error
            raise


def require_finite(weights: dict[str, np.ndarray], origin: Path) -> None:
    """Raises a WeightsError that names weights which are no numbers: what they translate to means nothing."""
    if broken := [name for name, array in weights.items() if not np.isfinite(array).all()]:
        raise WeightsError(f"{origin} holds infinities, or what is not a number, in {', '.join(broken[:3])}")


def require_shapes(wanted: Mapping[str, Shape], found: Mapping[str, Shape], origin: Path) -> None:
    """Raises a WeightsError that names the weights in which a model and a file differ."""
    found = {name: wanted[name] if _has_dead_row(name, shape, wanted) else shape for name, shape in found.items()}
    if wanted != found:
        differing = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
        shown = ", ".join(f"{n} (model: {wanted.get(n, 'none')}, file: {found.get(n, 'none')})" for n in differing[:3])
        more = f" and {len(differing) - 3:,} more" if len(differing) > 3 else ""
        raise WeightsError(f"{origin} holds the weights of another model; they differ in {shown}{more}")


def get_weights(variables: list[keras.Variable]) -> dict[str, np.ndarray]:
    """Copies variables to arrays, by their paths."""
    return {variable.path: variable.numpy() for variable in variables}


def as_now(weights: dict[str, np.ndarray], shapes: Mapping[str, Shape]) -> dict[str, np.ndarray]:
    """Weights, or moments, of an earlier version in the shapes that they have now.

    Its tables of learned positions ended with a row that no training reached.
    """
    return {name: array[:-1] if _has_dead_row(name, array.shape, shapes) else array for name, array in weights.items()}


def _has_dead_row(name: str, shape: Shape, shapes: Mapping[str, Shape]) -> bool:
    is_table = len(shape) == 2 and re.search("_positions[/_]table", name)
    return bool(is_table) and shapes.get(name) == (shape[0] - 1, shape[1])


def set_weights(variables: list[keras.Variable], weights: dict[str, np.ndarray], origin: Path) -> None:
    """Gives variables the values of `get_weights`.

    Raises:
        WeightsError: a name is missing, is one too many, or has another shape or kind of numbers. Nothing has been
            changed then.
    """
    wanted = {variable.path: tuple(variable.shape) for variable in variables}
    weights = as_now(weights, wanted)
    require_shapes(wanted, {name: array.shape for name, array in weights.items()}, origin)
    for variable in variables:
        if not np.can_cast(dtype := weights[variable.path].dtype, variable.dtype, "same_kind"):
            raise WeightsError(f"{origin}: {variable.path} holds {dtype}; the model's are {variable.dtype}")
    for variable in variables:
        variable.assign(weights[variable.path])
