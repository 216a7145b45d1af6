"""What training begins with: the weights of another run, and the part of them that it changes."""

import difflib
import fnmatch
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np

from translator.config.schema import Config
from translator.config.training import TrainConfig
from translator.data.inherited import base_run, require_same_model
from translator.data.prepare import load_tokenizers
from translator.data.tokenizer import Tokenizer
from translator.model.transformer import weight_shapes
from translator.model.weights import read_weights, require_finite, set_weights, with_current_names
from translator.run_folder import RunFolder
from translator.training.choosing import weights_of
from translator.training.errors import TrainingError
from translator.training.optimizer import Variables
from translator.vocabulary import UNK_ID

SIDES = {"source_embedding.table": 0, "target_embedding.table": 1, "output_embedding.table": 1}  # of their vocabulary
EMBEDDINGS = ("*_embedding", "*_positions")

Value = TypeVar("Value")


def require_beginning(config: Config, folder: RunFolder) -> None:
    """Checks what training begins with, before anything takes time.

    Raises:
        RunError: `train.init_from` is not a run, has no weights yet, or has another model.
        TrainingError: `train.freeze` names no weight, or all; or the run would begin with itself.
    """
    if config.train.freeze:
        trained(weight_shapes(config.model, UNK_ID + 1, UNK_ID + 1, 1), config.train)
    if config.train.init_from and not folder.is_trained:
        base = base_run(config)
        if base.path.resolve() == folder.path.resolve():
            raise TrainingError(f"train.init_from {base.path} is the run's own folder; name another one with --run")
        require_same_model(config, base)
        _weights_of(config)


def inherit_weights(config: Config, tokenizers: tuple[Tokenizer, Tokenizer], weights: Variables) -> Path:
    """Gives a model the weights of the run that it begins with; returns their file.

    A subword that the run lacks has the mean of the vectors of the subwords that the run's vocabulary spells it by; one
    of unknown characters has the mean of all subwords that stand for characters (Hewitt, 2021).

    Args:
        config: `train.init_from` names the run.
        tokenizers: of the model: the run's own, or extensions of them.
        weights: of the model, which are changed.

    Raises:
        RunError: the run is gone, has no such weights, or has another model.
        TrainingError: the run has another vocabulary.
        WeightsError: its weights are damaged.
    """
    base = base_run(config)
    require_same_model(config, base)
    path = _weights_of(config)
    arrays = with_current_names(read_weights(path))
    require_finite(arrays, path)
    for name, side in SIDES.items():
        if name in arrays:
            old, new = load_tokenizers(base)[side], tokenizers[side]
            _require_extended(old, new, base)
            arrays[name] = _extended(arrays[name], old, new)
    set_weights(weights, arrays, path)
    return path


def trained(weights: Mapping[str, Value], config: TrainConfig) -> dict[str, Value]:
    """The weights that training changes: all but those that `train.freeze` names.

    Raises:
        TrainingError: it names something that there is not, or everything.
    """
    frozen: set[str] = set()
    for part in config.freeze:
        patterns = EMBEDDINGS if part == "embeddings" else (part,)
        named = {name for name in weights for pattern in patterns if _is_in(name, pattern)}
        if not named:
            raise TrainingError(f"train.freeze: no weight is in {part!r}; {_known(part, weights)}")
        frozen |= named
    if frozen == set(weights):
        raise TrainingError("train.freeze names all weights, so that there is nothing to train; leave some out")
    return {name: value for name, value in weights.items() if name not in frozen}


def _is_in(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(name, f"{pattern}.*")


def _known(part: str, weights: Iterable[str]) -> str:
    """What could have been meant by a part that there is not."""
    inner = {".".join(parts[:i]) for parts in (name.split(".") for name in weights) for i in range(1, len(parts) + 1)}
    near = difflib.get_close_matches(part, sorted({"embeddings", *inner}), 1)
    whole = sorted({"embeddings", *(name for name in inner if "." not in name)})
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(whole)}"


def _weights_of(config: Config) -> Path:
    base = base_run(config)
    return weights_of(base, base.load_config().train, config.train.init_checkpoint)


def _require_extended(old: Tokenizer, new: Tokenizer, base: RunFolder) -> None:
    """Raises a TrainingError unless all subwords of a vocabulary have the same ids in another."""
    size = old.vocabulary_size
    if size > new.vocabulary_size or old.pieces(range(size)) != new.pieces(range(size)):
        raise TrainingError(
            f"this run's vocabulary was not taken from {base.path}: train.init_from was set after it had been made. "
            "Begin in another folder (--run), or delete this one"
        )


def _extended(table: np.ndarray, old: Tokenizer, new: Tokenizer) -> np.ndarray:
    """A table of subwords with rows for those that were added: float32 [V, D] -> [V + added, D]."""
    added = new.pieces(range(old.vocabulary_size, new.vocabulary_size))
    if not added:
        return table
    known = [id_ for id_ in range(old.vocabulary_size) if old.spelled([id_]) is not None]
    rows = []
    for ids in old.encode_normalized(added):
        spelling = [id_ for id_ in ids if id_ != UNK_ID] or known
        rows.append(table[spelling].mean(0, dtype=np.float64))
    return np.concatenate([table, np.array(rows, table.dtype)])
