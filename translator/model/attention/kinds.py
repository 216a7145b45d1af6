"""The parts that a configuration names: one table for each choice, where a new kind is entered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple

import keras

from translator.config.schema import ModelConfig
from translator.model.attention.heads import Heads
from translator.model.attention.mixing import Mixing, WeightedMean
from translator.model.attention.positions import AttentionPositions, LearnedPositions, SinusoidalPositions
from translator.model.attention.reach import Reach, causal, everywhere
from translator.model.attention.scores import ScaledDotProduct, Score
from translator.model.attention.selection import Selection, Softmax

Place = Literal["encoder", "decoder", "cross"]


@dataclass(frozen=True)
class Parts:
    """What a layer is put together from. Parts that may have weights are made by the layer, which gives its heads."""

    score: Callable[[Heads], Score] = ScaledDotProduct
    reach: Reach = everywhere
    selection: Callable[[Heads], Selection] = Softmax
    mixing: Callable[[Heads], Mixing] = WeightedMean
    positions: Callable[[Heads], AttentionPositions] = AttentionPositions


class PositionKind(NamedTuple):
    """Where positions enter: as vectors added to the embeddings, inside self-attention, or both."""

    at_embeddings: Callable[[int, int, str], keras.layers.Layer] | None  # max_positions, d_model, name
    in_attention: Callable[[Heads], AttentionPositions] = AttentionPositions


SCORES: Mapping[str, Callable[[Heads], Score]] = MappingProxyType({"scaled_dot_product": ScaledDotProduct})
SELECTIONS: Mapping[str, Callable[[Heads], Selection]] = MappingProxyType({"softmax": Softmax})
REACHES: Mapping[tuple[str, Place], Reach] = MappingProxyType(
    {("global", "encoder"): everywhere, ("global", "decoder"): causal, ("global", "cross"): everywhere}
)
POSITIONS: Mapping[str, PositionKind] = MappingProxyType(
    {
        "sinusoidal": PositionKind(lambda _, d_model, name: SinusoidalPositions(d_model, name=name)),
        "learned": PositionKind(lambda positions, d_model, name: LearnedPositions(positions, d_model, name=name)),
    }
)


def parts_of(config: ModelConfig, place: Place) -> Parts:
    """The parts of the attention in one place of the model."""
    return Parts(
        score=SCORES["scaled_dot_product"],
        reach=REACHES["global", place],
        selection=SELECTIONS["softmax"],
        # Positions of source and target say nothing of their distance.
        positions=AttentionPositions if place == "cross" else POSITIONS[config.positions].in_attention,
    )
