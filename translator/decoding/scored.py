"""How probable a given translation is; and how pairs of sentences are laid out to find that out. No TensorFlow here.

A pair that is too long for the model is cut into as many pieces on either side. What the pieces of a source mean is not
known to stand in the pieces of its translation, so the numbers of such a pair are an estimate.
"""

import itertools
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from translator.data.tokenizer import Tokenizer
from translator.decoding.options import Engine, OptionsError, ScoringEngine
from translator.decoding.pieces import Cutter
from translator.vocabulary import EOS_ID

log = logging.getLogger(__name__)

TOGETHER = 4096  # positions of both sides, padding included, that are scored together: bounds memory


@dataclass(frozen=True)
class Scored:
    """A given translation of a given sentence.

    Attributes:
        log_prob: natural logarithm of the probability of the translation given the sentence, EOS included: the sum of
            `token_log_probs`; 0 where both are blank, since a blank sentence stays blank.
        tokens: the subwords of the translation as the vocabulary writes them, and EOS after those of each piece; none
            where both are blank.
        token_log_probs: of each token given the sentence and the tokens before it.
        pieces: into how many pieces the pair was cut; 1 for most, 0 where both are blank.
    """

    log_prob: float
    tokens: tuple[str, ...]
    token_log_probs: tuple[float, ...]
    pieces: int

    @property
    def mean(self) -> float:
        """Log-probability per token, EOS counted; its negative's exponential is the perplexity."""
        return self.log_prob / max(1, len(self.tokens))


class Pair(NamedTuple):
    """The ids of a sentence and of its translation, without BOS and EOS."""

    source: list[int]
    target: list[int]

    @property
    def positions(self) -> int:
        """Of both sides, with EOS of both and BOS."""
        return len(self.source) + len(self.target) + 3


class PairCutter:
    """Splits pairs that are too long, each side where a reader would pause."""

    def __init__(self, source: Cutter, target: Cutter, most_source: int, most_target: int) -> None:
        """A piece has at most so many tokens of each side."""
        self.source, self.target = source, target
        self.most_source, self.most_target = most_source, most_target

    def require_whole(self, pair: Pair) -> None:
        """Raises an OptionsError for a pair of which one side is too long to be read at once."""
        sides = (("sentence", pair.source, self.most_source), ("translation", pair.target, self.most_target))
        for side, ids, most in sides:
            if len(ids) > most:
                raise OptionsError(
                    f"the {side} has {len(ids):,} tokens; this model reads at most {most:,} at once; give a part of it"
                )

    def cut(self, pair: Pair) -> list[Pair]:
        """The pieces of a pair: itself if it is short enough, none if both sides are empty."""
        if not pair.source and not pair.target:
            return []
        if len(pair.source) <= self.most_source and len(pair.target) <= self.most_target:
            return [pair]
        # A piece may be half as long again as the mean, so that there is a choice of places.
        sizes = len(pair.source) / self.most_source, len(pair.target) / self.most_target
        count = math.ceil(1.5 * max(sizes))
        sides = self.source.evenly(pair.source, count), self.target.evenly(pair.target, count)
        return [Pair(*pieces) for pieces in zip(*sides, strict=True)]


def batches_of(pairs: Sequence[Pair]) -> Iterator[list[int]]:
    """Indices of the pairs, the longest first, as many at a time as `TOGETHER` allows, but at least one."""
    batch: list[int] = []
    longest = [0, 0]
    for i in sorted(range(len(pairs)), key=lambda i: -pairs[i].positions):
        longer = [max(length, len(side)) for length, side in zip(longest, pairs[i], strict=True)]
        if batch and (len(batch) + 1) * (sum(longer) + 3) > TOGETHER:
            yield batch
            batch, longer = [], [len(side) for side in pairs[i]]
        batch.append(i)
        longest = longer
    if batch:
        yield batch


class Scorer:
    """Scores pairs of sentences with an engine."""

    def __init__(self, engine: Engine, tokenizers: tuple[Tokenizer, Tokenizer], cutter: PairCutter) -> None:
        """Joins a vocabulary for each side with an engine.

        Raises:
            OptionsError: the engine cannot score.
        """
        if not isinstance(engine, ScoringEngine):
            raise OptionsError(
                f"{type(engine).__name__} cannot score given translations, it only searches; "
                "score with the run itself, as Translator.load opens it"
            )
        self.engine: ScoringEngine = engine
        self.source, self.target = tokenizers
        self.cutter = cutter

    def score(
        self,
        sources: Sequence[str],
        targets: Sequence[str],
        first_line: int | None,
        on_progress: Callable[[int, int], None] | None,
    ) -> list[Scored]:
        """See `Translator.score`."""
        if len(sources) != len(targets):
            raise OptionsError(f"{len(sources):,} sources but {len(targets):,} targets; scoring needs one for each")
        sides = self.source.encode(sources), self.target.encode(targets)
        cut = [self.cutter.cut(Pair(*pair)) for pair in zip(*sides, strict=True)]
        for number, parts in enumerate(cut, first_line or 1):
            if len(parts) > 1 and first_line is not None:
                log.warning("line %d is longer than the model is made for: scored in %d pieces", number, len(parts))
        pairs = [pair for parts in cut for pair in parts]
        found: dict[int, list[float]] = {}
        for batch in batches_of(pairs):
            log_probs = self.engine.score([pairs[i].source for i in batch], [pairs[i].target for i in batch])
            found |= zip(batch, log_probs, strict=True)
            if on_progress:
                on_progress(len(found), len(pairs))
        in_order = ((pairs[i].target, found[i]) for i in range(len(pairs)))
        return [self._scored(list(itertools.islice(in_order, len(parts)))) for parts in cut]

    def _scored(self, pieces: Sequence[tuple[list[int], list[float]]]) -> Scored:
        tokens = self.target.pieces([token for ids, _ in pieces for token in (*ids, EOS_ID)])
        log_probs = [log_prob for _, of_piece in pieces for log_prob in of_piece]
        return Scored(math.fsum(log_probs), tuple(tokens), tuple(log_probs), len(pieces))
