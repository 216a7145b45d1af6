"""The seam between a translator and its engines: what an engine is asked for, and what it gives. No TensorFlow here."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from translator.config.schema import SearchConfig
from translator.errors import TranslatorError


class OptionsError(TranslatorError):
    """An engine is asked for a search that it cannot do."""


@dataclass(frozen=True)
class SearchOptions:
    """How translations are searched for. Equal options are equal keys: an engine may keep a graph for each."""

    beam_size: int
    """W, the hypotheses kept at each step; 1 is greedy search."""
    length_penalty: float
    """α: hypotheses are compared by log-probability / lengthᵅ."""
    max_length_factor: float
    """A translation has at most max_length_factor × source tokens, EOS included, + max_length_margin tokens."""
    max_length_margin: int
    """See max_length_factor; in tokens."""
    with_attention: bool = False
    """Whether the best hypothesis comes with its attention over the source."""

    @classmethod
    def of(cls, config: SearchConfig, beam_size: int | None = None) -> "SearchOptions":
        """The options of a configuration, with another beam size if one is given."""
        return cls(
            beam_size=config.beam_size if beam_size is None else beam_size,
            length_penalty=config.length_penalty,
            max_length_factor=config.max_length_factor,
            max_length_margin=config.max_length_margin,
        )


@dataclass(frozen=True)
class Hypothesis:
    """One translation of one source, as ids.

    Attributes:
        ids: without BOS and EOS.
        score: what the engine ranks by: `log_prob` / `length`ᵅ.
        log_prob: natural logarithm of the probability of `ids` given the source, EOS included if it was reached.
        ended: whether EOS was reached; False where the length limit cut the translation off.
        attention: float32 [decoder layers, `length`, source tokens + EOS], the mean of the heads of each layer's
            attention over the source, a row for each token of `ids` and for EOS; None if the engine was not asked.
    """

    ids: tuple[int, ...]
    score: float
    log_prob: float
    ended: bool = True
    attention: np.ndarray | None = field(default=None, compare=False, repr=False)

    @property
    def length(self) -> int:
        """The tokens that `log_prob` is of, EOS included if it was reached."""
        return len(self.ids) + self.ended


class Engine(Protocol):
    """Whatever translates lists of ids: a model, an exported graph, another library's runtime."""

    def search(self, sources: Sequence[Sequence[int]], options: SearchOptions) -> list[list[Hypothesis]]:
        """Translates one batch.

        Args:
            sources: token ids of each sentence, without BOS and EOS.
            options: how to search.

        Returns:
            For each source its hypotheses, at least one and at most `options.beam_size`, the best first.

        Raises:
            OptionsError: the engine cannot search like that.
        """


@runtime_checkable
class ScoringEngine(Protocol):
    """An engine that can also say how probable a given translation is."""

    def score(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[list[float]]:
        """Scores one batch of pairs.

        Args:
            sources: token ids of each sentence, without BOS and EOS.
            targets: token ids of the translation of each, without BOS and EOS.

        Returns:
            For each pair the natural logarithm of the probability of each token of the target, and of EOS after them:
            the sum of all is the `Hypothesis.log_prob` that a search gives to the same tokens.
        """
