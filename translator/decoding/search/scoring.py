"""How hypotheses are compared, and when the search of a sentence is over.

Letters: b sentences still being translated, W beam width.
"""

from dataclasses import dataclass

import tensorflow as tf

NEVER = -1e9  # the log-probability of what must not be chosen; finite, so that sums and differences are never NaN


@dataclass(frozen=True)
class Scoring:
    """Log-probability / length^α, EOS counted in the length (Wu et al., 2016, §7, as in Marian and CTranslate2)."""

    length_penalty: float  # α

    def score(self, log_probs: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """float32 log-probabilities and int32 lengths, broadcastable to them -> float32 scores."""
        return log_probs / tf.cast(lengths, tf.float32) ** self.length_penalty

    def log_prob(self, scores: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """The inverse of `score`."""
        return scores * tf.cast(lengths, tf.float32) ** self.length_penalty

    def is_over(self, best_prefix: tf.Tensor, length: tf.Tensor, finished_scores: tf.Tensor) -> tf.Tensor:
        """Whether W hypotheses have finished and no prefix is ahead of all of them.

        W poor hypotheses may finish before a good one that is longer: it goes on while it is ahead of the best of them.

        Args:
            best_prefix: float32 [b], log-probability of the best prefix that goes on.
            length: int32 scalar, the tokens of the prefixes.
            finished_scores: float32 [b, W], the best first; NEVER where there are fewer than W.

        Returns:
            bool [b].
        """
        ahead = self.score(best_prefix, length) > finished_scores[:, 0]
        return (finished_scores[:, -1] > NEVER / 2) & ~ahead


def log_softmax_of(logits: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
    """Log-probability of one token a row: float32 [N, V], int32 [N] -> float32 [N].

    On CPU softmax takes a third of the time of a logsumexp.
    """
    return tf.math.log(tf.gather(tf.nn.softmax(logits), tokens, batch_dims=1))
