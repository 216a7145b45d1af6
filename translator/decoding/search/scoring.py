"""How hypotheses are compared, and when the search of a sentence is over.

Letters: b sentences still being translated, W beam width.
"""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import tensorflow as tf

NEVER = -1e9  # the log-probability of what must not be chosen; finite, so that sums and differences are never NaN


Stopping = Literal["ahead", "finished", "exact"]


@dataclass(frozen=True)
class Scoring:
    """Log-probability / penalty(length), EOS counted in the length, and when that can get no better.

    The penalty is lengthᵅ, as in Marian and CTranslate2, or GNMT's ((5 + length) / 6)ᵅ (Wu et al., 2016, §7).
    """

    length_penalty: float  # α
    gnmt: bool = False
    stopping: Stopping = "ahead"
    patience: float = 1.0  # of "finished": the search ends with patience · W finished hypotheses (Kasai et al., 2022)

    @property
    def counts(self) -> bool:
        """Whether `is_over` must know how many have finished."""
        return self.stopping == "finished"

    def score(self, log_probs: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """float32 log-probabilities and int32 lengths, broadcastable to them -> float32 scores."""
        return log_probs / self._penalty(lengths)

    def log_prob(self, scores: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """The inverse of `score`."""
        return scores * self._penalty(lengths)

    def _penalty(self, lengths: tf.Tensor) -> tf.Tensor:
        length = tf.cast(lengths, tf.float32)
        return ((5.0 + length) / 6.0 if self.gnmt else length) ** self.length_penalty

    def is_over(self, best_prefix: tf.Tensor, length: tf.Tensor, limits: tf.Tensor, finished: "Ended") -> tf.Tensor:
        """Whether the search of a sentence ends before its limit.

        - "ahead": W hypotheses have finished, and no prefix scores better than the best of them. W poor hypotheses may
          finish before a good one that is longer: it goes on while it is ahead.
        - "finished": patience · W hypotheses have finished, as in CTranslate2.
        - "exact": W have finished, and no prefix can become better than the worst of them.

        Args:
            best_prefix: float32 [b], log-probability of the best prefix that goes on.
            length: int32 scalar, the tokens of the prefixes.
            limits: int32 [b], the most tokens that a translation may have.
            finished: what has finished.

        Returns:
            bool [b].
        """
        if self.counts:
            most = max(1, round(finished.scores.shape[1] * self.patience))
            return finished.counts >= most
        enough = finished.scores[:, -1] > NEVER / 2
        if self.stopping == "ahead":
            return enough & (self.score(best_prefix, length) <= finished.scores[:, 0])
        # A log-probability is negative and only falls, and the penalty grows with the length: the best that a prefix
        # can come to is the log-probability that it has, over the penalty of the longest translation. The coverage
        # penalty only takes away, so it counts as 0.
        return enough & (self.score(best_prefix, limits) <= finished.scores[:, -1])


class Ended(NamedTuple):
    """What of a sentence has finished, as `Scoring.is_over` sees it."""

    scores: tf.Tensor  # float32 [b, W], the best first; NEVER where there are fewer than W
    counts: Any  # int32 [b], how many have finished, those that are not among the W best included; see `Scoring.counts`


def coverage_score(coverage: tf.Tensor, weight: float) -> tf.Tensor:
    """What GNMT adds to a score: β Σᵢ log(min(cᵢ, 1)), at most 0 (Wu et al., 2016, §7).

    Args:
        coverage: float32 [N, S], the attention that each source token has had from all target tokens; 1 at padding.
        weight: β.

    Returns:
        float32 [N].
    """
    return weight * tf.reduce_sum(tf.math.log(tf.clip_by_value(coverage, 1e-9, 1.0)), -1)


def log_softmax_of(logits: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
    """Log-probability of one token a row: float32 [N, V], int32 [N] -> float32 [N].

    On CPU softmax takes a third of the time of a logsumexp.
    """
    return tf.math.log(tf.gather(tf.nn.softmax(logits), tokens, batch_dims=1))
