"""The kinds of attention that there are, as tests go through them: read off the settings, with a few combinations."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, get_args

import keras
import numpy as np

from translator.config.attention import AttentionConfig
from translator.config.schema import ModelConfig
from translator.model.attention.kinds import Place, parts_of
from translator.model.attention.layer import CrossAttention, MultiHeadAttention, SelfAttention

D, H = 16, 4
PLACES: tuple[Place, ...] = get_args(Place)
NEEDED: dict[str, dict[str, Any]] = {"top_k": {"top_k": 2}}  # what a choice needs beside it


@dataclass(frozen=True)
class Kind:
    """Settings of a place, and the positions of the model."""

    attention: dict[str, Any] = field(default_factory=dict)
    positions: str = "none"
    places: tuple[Place, ...] = PLACES

    def __str__(self) -> str:
        chosen = [f"{key}={value}" for key, value in self.attention.items()]
        return " ".join(chosen + ([] if self.positions == "none" else [f"positions={self.positions}"])) or "default"

    def config(self, place: Place, **settings: Any) -> ModelConfig:
        sizes = {"d_model": D, "d_ff": 16, "num_heads": H, "encoder_layers": 1, "decoder_layers": 1}
        attention = {"attention": {place: self.attention | settings}}
        return ModelConfig.model_validate(sizes | {"positions": self.positions} | attention)

    def layer(self, place: Place, **settings: Any) -> MultiHeadAttention:
        """A layer of this kind with random weights, biases and all."""
        return _layer(self, place, tuple(settings.items()), keras.config.dtype_policy().name)

    def __hash__(self) -> int:
        return hash(str(self))


def choices(name: str) -> tuple[str, ...]:
    """The values of a setting of attention but for its default."""
    setting = AttentionConfig.model_fields[name]
    return tuple(value for value in get_args(setting.annotation) if value != setting.default)


SETTINGS = [
    {name: value} | NEEDED.get(value, {})
    for name in ("score", "selection", "silence", "gate")
    for value in choices(name)
]
POSITIONS = tuple(
    name
    for name in get_args(ModelConfig.model_fields["positions"].annotation)
    if name not in ("sinusoidal", "learned", "none")
)
SELF: tuple[Place, ...] = ("encoder", "decoder")
KINDS = [
    Kind(),
    *(Kind(setting) for setting in SETTINGS),
    Kind({"key_value_heads": 2}),
    Kind({"key_value_heads": 1}),
    Kind({"window": 1}, places=SELF),
    Kind({"forgetting": True}, places=("decoder",)),
    *(Kind(positions=positions, places=SELF) for positions in POSITIONS),
    Kind({"score": "cosine", "selection": "entmax15", "silence": "null_key", "key_value_heads": 2}),
    Kind({"score": "additive", "silence": "null_key", "key_value_heads": 2, "gate": "elementwise"}),
    Kind({"selection": "differential", "silence": "null_key", "gate": "headwise"}),
    Kind({"selection": "sparsemax", "silence": "sink", "window": 2}, "t5", SELF),
    Kind({"key_value_heads": 1, "silence": "sink", "forgetting": True}, "rotary", ("decoder",)),
    Kind({"key_value_heads": 2, "silence": "null_key"}, "shaw", SELF),
]


@functools.cache
def _layer(kind: Kind, place: Place, settings: tuple[tuple[str, Any], ...], policy: str) -> MultiHeadAttention:
    make: Callable[..., MultiHeadAttention] = CrossAttention if place == "cross" else SelfAttention
    layer = make(D, H, 0.0, parts_of(kind.config(place, **dict(settings)), place, 0))
    layer.build()
    rng = np.random.default_rng(2)
    for variable in layer.variables:
        variable.assign(rng.normal(0.0, 0.5, variable.shape) + (1.0 if variable.name == "gamma" else 0.0))
    return layer
