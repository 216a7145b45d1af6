"""The parts that a configuration names: one table for each choice, where a new kind is entered."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple

import keras

from translator.config.attention import AttentionConfig
from translator.config.schema import ModelConfig
from translator.model.attention.forgetting import Forgetting
from translator.model.attention.heads import Heads
from translator.model.attention.mixing import Gate, PairNorm
from translator.model.attention.positions import (
    AttentionPositions,
    LearnedPositions,
    RotaryPositions,
    SinusoidalPositions,
)
from translator.model.attention.reach import Reach, causal, everywhere, within
from translator.model.attention.relative import Alibi, ShawPositions, T5Bias
from translator.model.attention.scores import Additive, Cosine, DotProduct, NormScaled, ScaledDotProduct, Score
from translator.model.attention.selection import (
    Differential,
    Entmax15,
    Selection,
    Sigmoid,
    Signed,
    Softmax,
    Sparsemax,
    TopK,
    first_lambda,
)
from translator.model.attention.silence import NullKey, Sink, Zero

Place = Literal["encoder", "decoder", "cross"]
MakePositions = Callable[[Heads, bool], AttentionPositions]  # heads, causal
MakeSelection = Callable[[Heads], Selection]


@dataclass(frozen=True)
class Parts:
    """What a layer is put together from. Parts that may have weights are made by the layer, which gives its heads."""

    score: Callable[[Heads], Score] = ScaledDotProduct
    reach: Reach = everywhere
    causal: bool = False  # whether the reach has no key after the query
    selection: MakeSelection = Softmax
    positions: MakePositions = AttentionPositions
    silence: Callable[[Heads], Zero] | None = None
    forgetting: Callable[[Heads], Forgetting] | None = None
    norm: Callable[[Heads], PairNorm] | None = None
    gate: Callable[[Heads], Gate] | None = None
    key_value_heads: int | None = None  # None is as many as there are heads
    chunk: int | None = None  # keys; None is all


class PositionKind(NamedTuple):
    """Where positions enter: as vectors added to the embeddings, inside self-attention, or both."""

    at_embeddings: Callable[[int, int, str], keras.layers.Layer] | None = None  # max_positions, d_model, name
    in_attention: MakePositions = AttentionPositions


SCORES: Mapping[str, Callable[[Heads], Score]] = MappingProxyType(
    {
        "scaled_dot_product": ScaledDotProduct,
        "dot_product": DotProduct,
        "norm_scaled": NormScaled,
        "cosine": Cosine,
        "additive": Additive,
    }
)
# What the settings of a place and the layer, counted from 0, make of a selection.
SELECTIONS: Mapping[str, Callable[[AttentionConfig, int], MakeSelection]] = MappingProxyType(
    {
        "softmax": lambda *_: Softmax,
        "top_k": lambda config, _: lambda heads: TopK(heads, config.top_k or 1),
        "sparsemax": lambda *_: Sparsemax,
        "entmax15": lambda *_: Entmax15,
        "signed": lambda *_: Signed,
        "differential": lambda _, layer: functools.partial(Differential, first=first_lambda(layer)),
        "sigmoid": lambda *_: Sigmoid,
    }
)
SILENCES: Mapping[str, Callable[[Heads], Zero] | None] = MappingProxyType(
    {"none": None, "zero": Zero, "sink": Sink, "null_key": NullKey}
)
GATES: Mapping[str, Callable[[Heads], Gate] | None] = MappingProxyType(
    {
        "none": None,
        "elementwise": functools.partial(Gate, per_channel=True),
        "headwise": functools.partial(Gate, per_channel=False),
    }
)
REACHES: Mapping[Place, Reach] = MappingProxyType({"encoder": everywhere, "decoder": causal, "cross": everywhere})
POSITIONS: Mapping[str, PositionKind] = MappingProxyType(
    {
        "sinusoidal": PositionKind(lambda _, d_model, name: SinusoidalPositions(d_model, name=name)),
        "learned": PositionKind(lambda positions, d_model, name: LearnedPositions(positions, d_model, name=name)),
        "rotary": PositionKind(in_attention=RotaryPositions),
        "t5": PositionKind(in_attention=T5Bias),
        "shaw": PositionKind(in_attention=ShawPositions),
        "alibi": PositionKind(in_attention=Alibi),
        "none": PositionKind(),
    }
)


def parts_of(config: ModelConfig, place: Place, layer: int) -> Parts:
    """The parts of the attention in one place of the model, in a layer counted from 0."""
    chosen: AttentionConfig = getattr(config.attention, place)
    reach, window = REACHES[place], chosen.window_of(layer)
    is_differential = chosen.selection == "differential"
    # Positions of source and target say nothing of their distance.
    in_attention = AttentionPositions if place == "cross" else POSITIONS[config.positions].in_attention
    return Parts(
        score=SCORES[chosen.score],
        reach=reach if window is None else within(window, reach),
        causal=place == "decoder",
        selection=SELECTIONS[chosen.selection](chosen, layer),
        positions=in_attention,
        silence=SILENCES[chosen.silence],
        forgetting=Forgetting if chosen.forgetting else None,
        norm=functools.partial(PairNorm, scale=1 - first_lambda(layer)) if is_differential else None,
        gate=GATES[chosen.gate],
        key_value_heads=chosen.key_value_heads,
        chunk=chosen.chunk,
    )
