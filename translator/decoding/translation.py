"""What a translator gives for a sentence. No TensorFlow here."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from translator.data.alignment import Alignment
from translator.decoding.options import Hypothesis, SearchOptions


@dataclass(frozen=True)
class ScoredText:
    """A translation as text, with its score among the others of the same sentence.

    Attributes:
        log_prob: natural logarithm of its probability given the sentence.
        tokens: its subwords, EOS included; empty if the engine was not asked for `token_log_probs`.
        token_log_probs: of each of them.
        alignment: its words with those of the sentence; None if it was not asked for (`translator.inspect.aligned`).
    """

    text: str
    score: float
    log_prob: float = 0.0
    tokens: tuple[str, ...] = ()
    token_log_probs: tuple[float, ...] = ()
    alignment: Alignment | None = None


@dataclass(frozen=True)
class Piece:
    """What was searched as one: a sentence, or a part of one that is too long for the model.

    Attributes:
        source_ids: without BOS and EOS.
        hypotheses: the best first, at least one.
        unknown: what the UNK_IDs of a hypothesis stand for, in their order: a target prefix may have them.
    """

    source_ids: tuple[int, ...]
    hypotheses: tuple[Hypothesis, ...]
    unknown: tuple[str, ...] = ()

    @property
    def best(self) -> Hypothesis:
        """The hypothesis that is the translation."""
        return self.hypotheses[0]


@dataclass(frozen=True)
class Translation:
    """A sentence translated.

    Attributes:
        text: the translation; of a sentence in several pieces, theirs joined.
        score: by default log-probability over lengthᵅ, of all pieces together (see `score_of`); 0 for a blank sentence.
        log_prob: natural logarithm of the probability of the translation given the sentence: the sum over its pieces,
            each of which is translated without looking at the others; 0 for a blank sentence.
        hypotheses: the translation and what else the search found, the best first. Those of several pieces are not
            combined: only the translation is given.
        pieces: none for a blank sentence, and one for most.
    """

    text: str
    score: float
    log_prob: float
    hypotheses: tuple[ScoredText, ...]
    pieces: tuple[Piece, ...] = field(repr=False)

    @property
    def alignment(self) -> Alignment | None:
        """The words of the translation with those of the sentence; None if it was not asked for."""
        return self.hypotheses[0].alignment

    @property
    def attention(self) -> tuple[np.ndarray, ...] | None:
        """Of each piece, as `Hypothesis.attention` has it; None if it was not asked for."""
        found = [piece.best.attention for piece in self.pieces]
        return tuple(each for each in found if each is not None) if all(each is not None for each in found) else None


def log_prob_of(pieces: Sequence[Piece]) -> float:
    """The log-probability of a translation in pieces: the sum of theirs."""
    return sum(piece.best.log_prob for piece in pieces)


def score_of(pieces: Sequence[Piece], options: SearchOptions) -> float:
    """The score of a translation in pieces: the formula of one piece, with all pieces' log-probability and length.

    That is Σ log p / (Σ length)ᵅ, so that sentences in one piece and in several can be compared; plus the coverage
    penalties of all pieces, if there are any.
    """
    best = [piece.best for piece in pieces]
    if len(best) == 1:
        return best[0].score
    score = options.score(log_prob_of(pieces), max(1, sum(each.length for each in best)))
    if options.coverage_penalty:
        score += sum(each.score - options.score(each.log_prob, each.length) for each in best)
    return score
