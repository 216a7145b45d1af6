"""Hypotheses that do not compete: W samples of a sentence, or W continuations of one prefix.

Letters: B sentences, b those still being translated, W hypotheses of a sentence, N = b · W, V vocabulary, L longest
length.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import tensorflow as tf

from translator.decoding.search.random_numbers import mixed, unit_interval
from translator.decoding.search.scoring import NEVER, Scoring, log_softmax_of
from translator.decoding.search.strategies import Chosen, Hypotheses, Now, SpecialIds, Written, blank, by_sentence
from translator.decoding.search.top_k import top_k

# The next token of each hypothesis: (logits float32 [N, V], now) -> int32 [N]
Pick = Callable[[tf.Tensor, Now], tf.Tensor]


class IndependentState(NamedTuple):
    """All of the strategy's own state."""

    written: Written  # [b, W, L]
    log_probs: tf.Tensor  # float32 [b, W]
    lengths: tf.Tensor  # int32 [b, W], EOS included
    ended: tf.Tensor  # bool [b, W]


@dataclass(frozen=True)
class Independent:
    """Extends each of W hypotheses by the token that `pick` takes, until all W of a sentence have ended.

    Hypotheses keep their order. Log-probabilities are the model's, however the tokens were picked.
    """

    width: int  # W
    pick: Pick
    special: SpecialIds
    scoring: Scoring
    with_token_log_probs: bool = False

    def start(self, sentences: tf.Tensor, longest: tf.Tensor | int, attention: Any) -> IndependentState:
        shape = [sentences, self.width]
        written = blank(shape, longest, attention, self.with_token_log_probs, self.special.pad)
        return IndependentState(written, tf.zeros(shape), tf.zeros(shape, tf.int32), tf.zeros(shape, tf.bool))

    def advance(self, found: IndependentState, logits: tf.Tensor, attention: Any, now: Now) -> Chosen:
        picked, live = self.pick(logits, now), ~found.ended
        log_probs = tf.where(live, by_sentence(log_softmax_of(logits, picked), self.width), 0.0)
        tokens = by_sentence(picked, self.width)
        ended = found.ended | (tokens == self.special.eos)

        def of_live(x: tf.Tensor) -> tf.Tensor:
            x = by_sentence(x, self.width)
            return tf.where(tf.reshape(live, [-1, self.width, *[1] * (x.shape.rank - 2)]), x, 0.0)

        steps = tf.nest.map_structure(of_live, attention)
        new = Written(tf.where(ended, self.special.pad, tokens), steps, log_probs if self.with_token_log_probs else ())
        state = IndependentState(
            found.written.put(new, now.position),
            found.log_probs + log_probs,
            found.lengths + tf.cast(live, tf.int32),
            ended,
        )
        # What has ended is read on, to no effect, until the others of its sentence have.
        following = tf.where(ended, self.special.eos, tokens)
        return Chosen(state, tf.reduce_all(ended, 1) | now.at_limit, following, None)

    def prefixes(self, found: IndependentState) -> tf.Tensor:
        return found.written.ids

    def finish(self, found: IndependentState, max_lengths: tf.Tensor) -> Hypotheses:
        ids, attention, token_log_probs = found.written
        scores = self.scoring.score(found.log_probs, found.lengths)
        scores = tf.where(found.log_probs > NEVER / 2, scores, NEVER)
        return Hypotheses(ids, scores, found.log_probs, found.lengths, attention, token_log_probs)


def sampled(
    width: int, seed: tf.Tensor, keys: tf.Tensor, temperature: float, most: int = 0, nucleus: float = 1.0
) -> Pick:
    """Draws each token with the probability that the model gives to it.

    What is drawn is a function of the seed, the sentence's key, the hypothesis' number and the position.

    Args:
        width: W.
        seed: int64 scalar.
        keys: int64 [B], one for each sentence.
        temperature: logits are divided by it.
        most: if not 0, the token is one of so many likeliest (Fan et al., 2018, §5.1).
        nucleus: the token is one of the fewest likeliest that together have this probability (Holtzman et al., 2020),
            after temperature and `most`.
    """

    def pick(logits: tf.Tensor, now: Now) -> tf.Tensor:
        logits = logits / temperature
        V = logits.shape[-1]
        if 0 < most < V:
            least = top_k(logits, most)[0][:, -1:]
            logits = tf.where(logits >= least, logits, NEVER)
        probabilities = tf.nn.softmax(logits)
        if nucleus < 1.0:
            descending = tf.sort(probabilities, 1, "DESCENDING")
            before = tf.cumsum(descending, 1, exclusive=True)
            least = tf.reduce_min(tf.where(before < nucleus, descending, 1.0), 1, keepdims=True)
            probabilities = tf.where(probabilities >= least, probabilities, 0.0)
        # In the order of the vocabulary, not of the probabilities: two tokens that are all but equally likely, and
        # change places in another batch, change nothing.
        cumulative = tf.cumsum(tf.cast(probabilities, tf.float64), 1)
        total = cumulative[:, -1]
        drawn = _uniform(tf.gather(keys, now.rows), now.length) * total
        drawn = tf.minimum(drawn, tf.math.nextafter(total, tf.zeros_like(total)))
        return tf.reduce_sum(tf.cast(cumulative <= drawn[:, None], tf.int32), 1)

    def _uniform(of_sentences: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
        of_hypotheses = mixed((of_sentences + mixed(seed))[:, None] + tf.range(width, dtype=tf.int64))
        return unit_interval(mixed(tf.reshape(of_hypotheses, [-1]) + tf.cast(length, tf.int64)))

    return pick


def alternatives(width: int, position: tf.Tensor) -> Pick:
    """The likeliest tokens; but at one position the W likeliest, one for each hypothesis.

    Args:
        width: W, at most V.
        position: int32 [B], how many tokens come before.
    """

    def pick(logits: tf.Tensor, now: Now) -> tf.Tensor:
        best = tf.argmax(logits, -1, tf.int32)
        ranks = tf.tile(tf.range(width), [tf.size(now.rows)])
        there = tf.repeat(tf.gather(position, now.rows) == now.position, width)

        def branched() -> tf.Tensor:
            return tf.where(there, tf.gather(top_k(logits, width)[1], ranks, batch_dims=1), best)

        return tf.cond(tf.reduce_any(there), branched, lambda: best)

    return pick
