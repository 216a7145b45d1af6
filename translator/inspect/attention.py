"""What every head of a model looks at in a sentence and in its translation. No TensorFlow here.

Letters: L layers, H heads, Q queries, M memory positions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from translator.config.schema import ModelConfig
from translator.inspect.numbered import require_head

Kind = Literal["encoder", "decoder", "cross"]
View = Literal["words", "tokens"]
Where = Literal["written", "read"]
KINDS: tuple[Kind, ...] = ("encoder", "decoder", "cross")


@dataclass(frozen=True)
class Maps:
    """The attention of every head in one place of the model.

    Attributes:
        rows: who looks, Q labels.
        columns: what is looked at, M labels.
        weights: float32 [L, H, Q, M].
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    weights: np.ndarray

    def map(self, layer: int | None = None, head: int | None = None) -> np.ndarray:
        """One head's weights, [Q, M]; layers and heads count from 1, and None is the mean of all.

        Raises:
            OptionsError: there is no such layer or head.
        """
        self.require(layer, head)
        heads = self.weights.mean(0) if layer is None else self.weights[layer - 1]
        return heads.mean(0) if head is None else heads[head - 1]

    def require(self, layer: int | None, head: int | None) -> None:
        """Raises an OptionsError unless the layer and the head exist."""
        require_head(layer, head, *self.weights.shape[:2])

    @property
    def entropies(self) -> np.ndarray:
        """How widely each head looks, in nats, the mean over rows: float64 [L, H].

        0 is one position alone, log M all alike. Of weights of which some are negative, that of their absolute values.
        """
        size = np.abs(self.weights.astype(np.float64))
        shares = size / np.maximum(size.sum(-1, keepdims=True), 1e-9)
        return -(shares * np.log(np.maximum(shares, 1e-12))).sum(-1).mean(-1)


@dataclass(frozen=True)
class Attention:
    """What a model looks at as it reads a sentence and a translation of it.

    Attributes:
        source: the sentence.
        target: the translation.
        languages: of both.
        where: see `AttentionReader.read`.
        views: by `tokens` and by `words`, for each place of the model; a row of `decoder` and `cross` is named by the
            token, or word, that is written or read there.
    """

    source: str
    target: str
    languages: tuple[str, str]
    where: Where
    views: Mapping[View, Mapping[Kind, Maps]]


class Shown(NamedTuple):
    """Which of the heads a picture shows.

    A layer and a head: that one. A layer: all its heads. A head: that of each layer. Neither: the mean of all, or with
    `every` all heads of all layers, a row for each layer.
    """

    kind: Kind = "cross"
    layer: int | None = None
    head: int | None = None
    every: bool = False
    view: View = "words"

    def require(self, model: ModelConfig) -> None:
        """Raises an OptionsError unless a model has the layer and the head there."""
        layers = model.encoder_layers if self.kind == "encoder" else model.decoder_layers
        require_head(self.layer, self.head, layers, model.num_heads)
