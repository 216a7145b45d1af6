"""Forced decoding: the log-probability of each token of given translations, all positions at once.

Letters: B sentences, S source length, T target length with EOS, N tokens of all targets, V vocabulary.
"""

import itertools
from collections.abc import Callable, Sequence

import tensorflow as tf

from translator.data.batches import pad

# int32 [B, S] and int32 [B, T + 1], BOS first and padded -> float32 [N], row by row
ScoreGraph = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def score_with(
    graph: ScoreGraph, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]
) -> list[list[float]]:
    """Scores one batch with a graph; see `ScoringEngine.score`."""
    if not sources:
        return []
    given = pad(sources, eos=True), pad(targets, bos=True, eos=True)
    log_probs = iter(graph(*map(tf.constant, given)).numpy().tolist())
    return [list(itertools.islice(log_probs, len(target) + 1)) for target in targets]


def log_probs_of(logits: tf.Tensor, tokens: tf.Tensor, never_written: Sequence[int]) -> tf.Tensor:
    """Log-probabilities as the search has them: tokens that it never writes leave their probability to the others.

    A given translation may hold one of those all the same: UNK, for a character that the vocabulary lacks. It has the
    model's own probability of it, among all tokens.

    Args:
        logits: float32 [N, V].
        tokens: int32 [N].
        never_written: ids.

    Returns:
        float32 [N], finite for finite logits: the logarithm of a softmax may underflow, this does not.
    """
    ids = tf.constant(list(never_written), tf.int32)
    is_written = tf.reduce_all(tf.range(logits.shape[-1])[:, None] != ids, 1)  # bool [V]
    written = tf.reduce_logsumexp(tf.where(is_written, logits, logits.dtype.min), 1)
    everything = tf.reduce_logsumexp(tf.concat([written[:, None], tf.gather(logits, ids, axis=1)], 1), 1)
    normalizer = tf.where(tf.gather(is_written, tokens), written, everything)
    return tf.gather(logits, tokens, batch_dims=1) - normalizer
