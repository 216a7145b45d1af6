"""Which tokens a search takes: the likeliest one (greedy), or those of the likeliest prefixes (beam).

Letters: B sentences, b those still being translated, b' those that go on, W beam width, V vocabulary, t tokens so far,
L longest length.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import tensorflow as tf

from translator.decoding.search.scoring import NEVER, Ended, Scoring, log_softmax_of
from translator.decoding.search.top_k import top_k


class SpecialIds(NamedTuple):
    """What search must know of the vocabulary."""

    pad: int
    bos: int
    eos: int


class Hypotheses(NamedTuple):
    """Translations, the best first."""

    ids: tf.Tensor  # int32 [B, W, L], without BOS and EOS, padded with `pad`
    scores: tf.Tensor  # float32 [B, W], of `Scoring`; NEVER where there are fewer than W
    log_probs: tf.Tensor  # float32 [B, W], EOS included
    lengths: tf.Tensor  # int32 [B, W], EOS included where it was reached before the limit
    attention: Any  # float32 [B, W, L, …], of the step that gave each token, zero behind the last; () for none
    token_log_probs: Any = ()  # float32 [B, W, L], of each token, EOS included, zero behind the last; () for none


class Now(NamedTuple):
    """Where the loop is."""

    rows: tf.Tensor  # int32 [b], which of the B sentences are still being translated
    length: tf.Tensor  # int32 scalar, the tokens of each hypothesis after this step
    limits: tf.Tensor  # int32 [b], the most tokens that the sentence's translations may have
    at_limit: tf.Tensor  # bool [b], whether they can be no longer
    bonus: tf.Tensor | None = None  # float32 [b · W], what is added to the score of a hypothesis that ends now


class Chosen(NamedTuple):
    """What a strategy decides at a step."""

    found: Any  # its own state, of the b' sentences and of those that are done
    going: tf.Tensor  # int [b'], indices into the b
    tokens: tf.Tensor  # int32 [b' · W], what each hypothesis that goes on is extended by
    origin: tf.Tensor  # int32 [b' · W], which of the b · W hypotheses that is; W = 1: `going` again


class Strategy(Protocol):
    """How hypotheses are chosen. Its own state is a NamedTuple of tensors that the loop carries for it."""

    @property
    def special(self) -> SpecialIds:
        """The ids that search treats apart."""

    @property
    def width(self) -> int:
        """W, the hypotheses of a sentence that are extended at each step."""

    def start(self, max_lengths: tf.Tensor, attention: Any) -> Any:
        """Its state before the first step, of int32 [B] limits and the `Decoder`'s attention."""

    def shapes(self, start: Any) -> Any:
        """The shapes of its state at any step, None where a dimension may change."""

    def advance(self, found: Any, logits: tf.Tensor, attention: Any, now: Now) -> Chosen:
        """Chooses from logits, float32 [b · W, V]; attention is float32 [b · W, …], or ()."""

    def prefixes(self, found: Any, rows: tf.Tensor, position: tf.Tensor) -> tf.Tensor:
        """What the hypotheses of the b sentences hold so far: int32 [b · W, t]."""

    def finish(self, found: Any, max_lengths: tf.Tensor) -> Hypotheses:
        """What has been found when no sentence goes on."""


class Written(NamedTuple):
    """What hypotheses hold for each of their tokens; all parts are moved alike."""

    ids: tf.Tensor  # int32
    attention: Any  # float32, with more dimensions behind those of ids; () for none
    log_probs: Any = ()  # float32, like ids; () for none


class GreedyState(NamedTuple):
    """All of greedy search's own state."""

    written: Written  # [B, L]
    log_probs: tf.Tensor  # float32 [B]
    lengths: tf.Tensor  # int32 [B], EOS included


@dataclass(frozen=True)
class Greedy:
    """Takes the likeliest token at each step: beam search of width 1, at less cost."""

    special: SpecialIds
    scoring: Scoring
    with_token_log_probs: bool = False
    width = 1

    def start(self, max_lengths: tf.Tensor, attention: Any) -> GreedyState:
        B, L = tf.size(max_lengths), tf.reduce_max(max_lengths)
        log_probs = tf.zeros([B, 0]) if self.with_token_log_probs else ()
        nothing = Written(tf.zeros([B, 0], tf.int32), tf.nest.map_structure(lambda x: x[:, 0], attention), log_probs)
        return GreedyState(padded(nothing, 1, L, self.special.pad), tf.zeros([B]), tf.zeros([B], tf.int32))

    def shapes(self, start: GreedyState) -> GreedyState:
        return tf.nest.map_structure(lambda x: x.shape, start)  # nothing is dropped: it writes where the result is

    def advance(self, found: GreedyState, logits: tf.Tensor, attention: Any, now: Now) -> Chosen:
        tokens = tf.argmax(logits, -1, tf.int32)
        ends = tokens == self.special.eos
        going = tf.where(~ends & ~now.at_limit)[:, 0]
        log_prob = log_softmax_of(logits, tokens)
        token_log_probs = log_prob if self.with_token_log_probs else ()
        new = Written(tf.where(ends, self.special.pad, tokens), attention, token_log_probs)
        position = tf.stack([now.rows, tf.fill(tf.shape(now.rows), now.length - 1)], 1)
        at = now.rows[:, None]
        written = tf.nest.map_structure(
            lambda memory, x: tf.tensor_scatter_nd_update(memory, position, x), found.written, new
        )
        log_probs = tf.tensor_scatter_nd_add(found.log_probs, at, log_prob)
        lengths = tf.tensor_scatter_nd_add(found.lengths, at, tf.ones_like(now.rows))
        return Chosen(GreedyState(written, log_probs, lengths), going, tf.gather(tokens, going), going)

    def prefixes(self, found: GreedyState, rows: tf.Tensor, position: tf.Tensor) -> tf.Tensor:
        return tf.gather(found.written.ids[:, :position], rows)

    def finish(self, found: GreedyState, max_lengths: tf.Tensor) -> Hypotheses:
        scores = self.scoring.score(found.log_probs, found.lengths)
        ids, attention, token_log_probs = found.written
        flat = ids, scores, found.log_probs, found.lengths, attention, token_log_probs
        return Hypotheses(*tf.nest.map_structure(lambda x: x[:, None], flat))


class Finished(NamedTuple):
    """The best hypotheses that have come to their end, the best first."""

    written: Written  # [B, W, L], or [b, 2W, L] of those that end now
    scores: tf.Tensor  # float32 [B, W]
    bonus: Any = ()  # float32 [B, W], `Now.bonus`, which is in the scores; () for none


class BeamState(NamedTuple):
    """All of beam search's own state."""

    prefixes: Written  # [b, W, t]
    log_probs: tf.Tensor  # float32 [b, W], of the prefixes, the best first
    counts: Any  # int32 [b], how many hypotheses have finished; () where `Scoring.counts` is False
    finished: Finished


@dataclass(frozen=True)
class Beam:
    """Keeps the W likeliest prefixes of each sentence at each step.

    A prefix finishes when EOS is among the W best continuations: with W = 1 that is greedy search. A sentence is done
    as `Scoring.is_over` says, or at its limit.
    """

    width: int  # W
    special: SpecialIds
    scoring: Scoring
    with_token_log_probs: bool = False
    with_bonus: bool = False  # whether steps come with a `Now.bonus`

    def start(self, max_lengths: tf.Tensor, attention: Any) -> BeamState:
        B, W, L = tf.size(max_lengths), self.width, tf.reduce_max(max_lengths)
        log_probs = tf.zeros([B, W, 0]) if self.with_token_log_probs else ()
        nothing = Written(tf.zeros([B, W, 0], tf.int32), attention, log_probs)
        first = tf.where(tf.range(W) == 0, 0.0, NEVER)  # all W prefixes are BOS alone: only one of them may continue
        bonus = tf.zeros([B, W]) if self.with_bonus else ()
        finished = Finished(padded(nothing, 2, L, self.special.pad), tf.fill([B, W], NEVER), bonus)
        counts = tf.zeros([B], tf.int32) if self.scoring.counts else ()
        return BeamState(nothing, tf.tile(first[None], [B, 1]), counts, finished)

    def shapes(self, start: BeamState) -> BeamState:
        def of_written(x: tf.Tensor) -> tf.TensorShape:
            return tf.TensorShape([None, self.width, None, *x.shape[3:]])

        of_numbers = tf.TensorShape([None, self.width])
        prefixes, written = (
            tf.nest.map_structure(of_written, each) for each in (start.prefixes, start.finished.written)
        )
        bonus = tf.nest.map_structure(lambda _: of_numbers, start.finished.bonus)
        counts = tf.TensorShape([None]) if self.scoring.counts else ()
        return BeamState(prefixes, of_numbers, counts, Finished(written, of_numbers, bonus))

    def advance(self, found: BeamState, logits: tf.Tensor, attention: Any, now: Now) -> Chosen:
        """Extends every prefix; what ends is merged into the finished ones, the W best of the rest go on."""
        b, W = tf.size(now.rows), self.width
        # 2W candidates: even if W of them end now, W remain to extend.
        log_probs, parents, tokens = _candidates(logits, found.log_probs, 2 * W)
        token_log_probs = (
            log_probs - tf.gather(found.log_probs, parents, batch_dims=1) if self.with_token_log_probs else ()
        )
        ends = (tokens == self.special.eos) | now.at_limit[:, None]
        finishes = ends & (tf.range(2 * W) < W) & (log_probs > NEVER / 2)
        flat_parents = tf.range(b)[:, None] * W + parents  # [b, 2W], of the b · W
        new = Written(tokens, tf.nest.map_structure(lambda x: tf.gather(x, flat_parents), attention), token_log_probs)
        prefixes = tf.nest.map_structure(
            lambda past, x: tf.concat([tf.gather(past, parents, batch_dims=1), x[:, :, None]], 2), found.prefixes, new
        )
        scores, bonus = self.scoring.score(log_probs, now.length), ()
        if self.with_bonus:
            bonus = tf.gather(now.bonus, flat_parents)
            scores += bonus
        candidates = Finished(prefixes, tf.where(finishes, scores, NEVER), bonus)
        finished, finished_scores = self._merged(found.finished, candidates, now)
        counts = found.counts + tf.reduce_sum(tf.cast(finishes, tf.int32), 1) if self.scoring.counts else ()

        # Of what does not end, the W best go on; top_k of the masked log-probabilities keeps their order.
        alive, chosen = tf.math.top_k(tf.where(ends, NEVER, log_probs), W)
        done = now.at_limit | self.scoring.is_over(alive[:, 0], now.length, now.limits, Ended(finished_scores, counts))
        going = tf.where(~done)[:, 0]

        def kept(x: tf.Tensor) -> tf.Tensor:
            return tf.gather(tf.gather(x, chosen, batch_dims=1), going)  # [b, 2W, …] -> [b', W, …]

        prefixes = tf.nest.map_structure(kept, prefixes)
        origin = tf.reshape(kept(flat_parents), [-1])
        counts = tf.nest.map_structure(lambda x: tf.gather(x, going), counts)
        state = BeamState(prefixes, tf.gather(alive, going), counts, finished)
        return Chosen(state, going, tf.reshape(prefixes.ids[:, :, -1], [-1]), origin)

    def _merged(self, finished: Finished, candidates: Finished, now: Now) -> tuple[Finished, tf.Tensor]:
        """The W best of what had finished and of the candidates, [b, 2W] with their tokens [b, 2W, t + 1].

        Returns:
            All that has finished; and the scores of the b sentences alone, float32 [b, W].
        """
        pad, at = self.special.pad, now.rows[:, None]
        L = tf.shape(finished.written.ids)[2]
        ids = tf.where(candidates.written.ids == self.special.eos, pad, candidates.written.ids)
        texts = padded(candidates.written._replace(ids=ids), 2, L - now.length, pad)
        both = tf.nest.map_structure(
            lambda old, new: tf.concat([tf.gather(old, now.rows), new], 1),
            finished,
            candidates._replace(written=texts),
        )
        scores, best = tf.math.top_k(both.scores, self.width)
        written, bonus = tf.nest.map_structure(
            lambda old, x: tf.tensor_scatter_nd_update(old, at, tf.gather(x, best, batch_dims=1)),
            (finished.written, finished.bonus),
            (both.written, both.bonus),
        )
        return Finished(written, tf.tensor_scatter_nd_update(finished.scores, at, scores), bonus), scores

    def prefixes(self, found: BeamState, rows: tf.Tensor, position: tf.Tensor) -> tf.Tensor:
        return tf.reshape(found.prefixes.ids, [-1, position])  # [b, W, t] -> [b · W, t]

    def finish(self, found: BeamState, max_lengths: tf.Tensor) -> Hypotheses:
        (ids, attention, token_log_probs), scores, bonus = found.finished
        tokens = tf.reduce_sum(tf.cast(ids != self.special.pad, tf.int32), 2)
        lengths = tf.minimum(tokens + 1, max_lengths[:, None])
        log_probs = self.scoring.log_prob(scores - bonus if self.with_bonus else scores, lengths)
        return Hypotheses(ids, scores, log_probs, lengths, attention, token_log_probs)


def _candidates(logits: tf.Tensor, log_probs: tf.Tensor, count: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The likeliest continuations of each sentence's prefixes, the best first.

    Args:
        logits: float32 [b · W, V].
        log_probs: float32 [b, W] of the prefixes.
        count: how many of each sentence.

    Returns:
        float32 log-probabilities, int32 parents in 0 … W − 1 and int32 tokens, each [b, count].
    """
    b, W = tf.shape(log_probs)[0], log_probs.shape[1]
    per_prefix = min(count, logits.shape[-1])
    best, tokens = top_k(logits, per_prefix)
    best += log_softmax_of(logits, tokens[:, 0])[:, None] - best[:, :1]  # log-softmax of the best alone
    totals = tf.reshape(best, [b, W, per_prefix]) + log_probs[:, :, None]
    totals = tf.pad(tf.reshape(totals, [b, W * per_prefix]), [[0, 0], [0, count]], constant_values=2 * NEVER)
    totals, flat = tf.math.top_k(totals, count)
    flat = tf.minimum(flat, W * per_prefix - 1)
    return totals, flat // per_prefix, tf.gather(tf.reshape(tokens, [b, -1]), flat, batch_dims=1)


def padded(written: Written, axis: int, count: int | tf.Tensor, pad: int) -> Written:
    """With `count` tokens more along the axis of time: PAD, whose attention is zero."""

    def longer(x: tf.Tensor, value: float) -> tf.Tensor:
        return tf.pad(x, [[0, count if i == axis else 0] for i in range(x.shape.rank)], constant_values=value)

    attention, log_probs = tf.nest.map_structure(lambda x: longer(x, 0.0), (written.attention, written.log_probs))
    return Written(longer(written.ids, pad), attention, log_probs)
