"""Which tokens a search takes: the likeliest one (greedy), or those of the likeliest prefixes (beam).

Letters: B sentences, b those still being translated, W beam width, V vocabulary, L longest length.

A strategy's state is a nest of tensors with leading dimension b, whose shapes stay as they are. What becomes of the
state of sentences that are done is the loop's business.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import tensorflow as tf

from translator.decoding.search.scoring import NEVER, Ended, Scoring, log_softmax_of
from translator.decoding.search.top_k import best, top_k


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

    rows: tf.Tensor  # int32 [b], which of the B sentences these are
    position: tf.Tensor  # int32 scalar, the tokens of each hypothesis before this step
    limits: tf.Tensor  # int32 [b], the most tokens that the sentence's translations may have
    bonus: Any = ()  # float32 [b · W], what is added to the score of a hypothesis that ends now; () for none

    @property
    def length(self) -> tf.Tensor:
        """The tokens of each hypothesis after this step: int32 scalar."""
        return self.position + 1

    @property
    def at_limit(self) -> tf.Tensor:
        """Whether translations can be no longer: bool [b]."""
        return self.length >= self.limits


class Chosen(NamedTuple):
    """What a strategy decides at a step."""

    found: Any  # its own state
    done: tf.Tensor  # bool [b], which sentences end here; what they are extended by does not matter
    tokens: tf.Tensor  # int32 [b, W], what each hypothesis is extended by
    parents: tf.Tensor | None  # int32 [b, W] in 0 … W − 1, which hypothesis that is; None if all keep their places


class Strategy(Protocol):
    """How hypotheses are chosen."""

    @property
    def special(self) -> SpecialIds:
        """The ids that search treats apart."""

    @property
    def width(self) -> int:
        """W, the hypotheses of a sentence that are extended at each step."""

    def start(self, sentences: tf.Tensor, longest: tf.Tensor | int, attention: Any) -> Any:
        """Its state before the first step, of B sentences, L and the `Decoder`'s attention."""

    def advance(self, found: Any, logits: tf.Tensor, attention: Any, now: Now) -> Chosen:
        """Chooses from logits, float32 [b · W, V]; attention is float32 [b · W, …], or ()."""

    def prefixes(self, found: Any) -> tf.Tensor:
        """What the hypotheses hold so far, and any tokens behind it: int32 [b, W, L]."""

    def finish(self, found: Any, max_lengths: tf.Tensor) -> Hypotheses:
        """What has been found when no sentence goes on."""


class Written(NamedTuple):
    """What hypotheses hold for each of their tokens; all parts are moved alike."""

    ids: tf.Tensor  # int32
    attention: Any  # float32, with more dimensions behind those of ids; () for none
    log_probs: Any = ()  # float32, like ids; () for none

    def put(self, new: "Written", position: tf.Tensor) -> "Written":
        """Writes at one position of the last axis of `ids`, [..., L], what `new` has without that axis."""
        rank, here = self.ids.shape.rank, tf.range(tf.shape(self.ids)[-1]) == position

        def put(memory: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
            here_alone = tf.reshape(here, [-1, *[1] * (memory.shape.rank - rank)])
            return tf.where(here_alone, tf.expand_dims(x, rank - 1), memory)

        return tf.nest.map_structure(put, self, new)


class GreedyState(NamedTuple):
    """All of greedy search's own state."""

    written: Written  # [b, L]
    log_probs: tf.Tensor  # float32 [b]
    lengths: tf.Tensor  # int32 [b], EOS included


@dataclass(frozen=True)
class Greedy:
    """Takes the likeliest token at each step: beam search of width 1, at less cost."""

    special: SpecialIds
    scoring: Scoring
    with_token_log_probs: bool = False
    width = 1

    def start(self, sentences: tf.Tensor, longest: tf.Tensor | int, attention: Any) -> GreedyState:
        attention = tf.nest.map_structure(lambda x: x[:, 0], attention)
        written = blank([sentences], longest, attention, self.with_token_log_probs, self.special.pad)
        return GreedyState(written, tf.zeros([sentences]), tf.zeros([sentences], tf.int32))

    def advance(self, found: GreedyState, logits: tf.Tensor, attention: Any, now: Now) -> Chosen:
        tokens = best(logits)
        ends = tokens == self.special.eos
        log_prob = log_softmax_of(logits, tokens)
        token_log_probs = log_prob if self.with_token_log_probs else ()
        new = Written(tf.where(ends, self.special.pad, tokens), attention, token_log_probs)
        state = GreedyState(found.written.put(new, now.position), found.log_probs + log_prob, found.lengths + 1)
        return Chosen(state, ends | now.at_limit, tokens[:, None], None)

    def prefixes(self, found: GreedyState) -> tf.Tensor:
        return found.written.ids[:, None]

    def finish(self, found: GreedyState, max_lengths: tf.Tensor) -> Hypotheses:
        scores = self.scoring.score(found.log_probs, found.lengths)
        ids, attention, token_log_probs = found.written
        flat = ids, scores, found.log_probs, found.lengths, attention, token_log_probs
        return Hypotheses(*tf.nest.map_structure(lambda x: x[:, None], flat))


class Finished(NamedTuple):
    """The best hypotheses that have come to their end, the best first."""

    written: Written  # [b, W, L]
    scores: tf.Tensor  # float32 [b, W]; NEVER where there are fewer
    bonus: Any = ()  # float32 [b, W], `Now.bonus`, which is in the scores; () for none


class BeamState(NamedTuple):
    """All of beam search's own state."""

    prefixes: Written  # [b, W, L]
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

    def start(self, sentences: tf.Tensor, longest: tf.Tensor | int, attention: Any) -> BeamState:
        B, W = sentences, self.width
        nothing = blank([B, W], longest, attention, self.with_token_log_probs, self.special.pad)
        first = tf.where(tf.range(W) == 0, 0.0, NEVER)  # all W prefixes are BOS alone: only one of them may continue
        finished = Finished(nothing, tf.fill([B, W], NEVER), tf.zeros([B, W]) if self.with_bonus else ())
        counts = tf.zeros([B], tf.int32) if self.scoring.counts else ()
        return BeamState(nothing, tf.tile(first[None], [B, 1]), counts, finished)

    def advance(self, found: BeamState, logits: tf.Tensor, attention: Any, now: Now) -> Chosen:
        """Extends every prefix; what ends is merged into the finished ones, the W best of the rest go on."""
        W = self.width
        attention, bonus = tf.nest.map_structure(lambda x: by_sentence(x, W), (attention, now.bonus))
        # 2W candidates: even if W of them end now, W remain to extend.
        candidates = _candidates(logits, found.log_probs, 2 * W, self.with_token_log_probs)
        ends = (candidates.tokens == self.special.eos) | now.at_limit[:, None]
        finishes = (ends & (candidates.log_probs > NEVER / 2))[:, :W]

        def merged() -> Finished:
            ending = tf.nest.map_structure(lambda x: x[:, :W], candidates)
            scores, of_ending = self.scoring.score(ending.log_probs, now.length), ()
            if self.with_bonus:
                of_ending = tf.gather(bonus, ending.parents, batch_dims=1)
                scores += of_ending
            ids = tf.where(ending.tokens == self.special.eos, self.special.pad, ending.tokens)
            written = ending._replace(tokens=ids).extend(found.prefixes, attention, now.position)
            return _best(found.finished, Finished(written, tf.where(finishes, scores, NEVER), of_ending), W)

        finished = change_if(tf.reduce_any(finishes), merged, found.finished)
        counts = found.counts + tf.reduce_sum(tf.cast(finishes, tf.int32), 1) if self.scoring.counts else ()
        # Of what does not end, the W best go on; top_k of the masked log-probabilities keeps their order.
        alive, chosen = tf.math.top_k(tf.where(ends, NEVER, candidates.log_probs), W)
        going = tf.nest.map_structure(lambda x: tf.gather(x, chosen, batch_dims=1), candidates)
        done = now.at_limit | self.scoring.is_over(alive[:, 0], now.length, now.limits, Ended(finished.scores, counts))
        prefixes = going.extend(found.prefixes, attention, now.position)
        return Chosen(BeamState(prefixes, alive, counts, finished), done, going.tokens, going.parents)

    def prefixes(self, found: BeamState) -> tf.Tensor:
        return found.prefixes.ids

    def finish(self, found: BeamState, max_lengths: tf.Tensor) -> Hypotheses:
        (ids, attention, token_log_probs), scores, bonus = found.finished
        tokens = tf.reduce_sum(tf.cast(ids != self.special.pad, tf.int32), 2)
        lengths = tf.minimum(tokens + 1, max_lengths[:, None])
        log_probs = self.scoring.log_prob(scores - bonus if self.with_bonus else scores, lengths)
        return Hypotheses(ids, scores, log_probs, lengths, attention, token_log_probs)


class Continuations(NamedTuple):
    """What the prefixes of each sentence may be extended by, n of these, the best first."""

    log_probs: tf.Tensor  # float32 [b, n], of all tokens
    parents: tf.Tensor  # int32 [b, n] in 0 … W − 1
    tokens: tf.Tensor  # int32 [b, n]
    of_tokens: Any  # float32 [b, n], log-probabilities of the tokens alone; () for none

    def extend(self, prefixes: Written, attention: Any, position: tf.Tensor) -> Written:
        """The prefixes so extended: [b, W, L] -> [b, n, L], with attention of this step, float32 [b, W, …]."""
        prefixes, attention = tf.nest.map_structure(
            lambda x: tf.gather(x, self.parents, batch_dims=1), (prefixes, attention)
        )
        return prefixes.put(Written(self.tokens, attention, self.of_tokens), position)


def _candidates(logits: tf.Tensor, log_probs: tf.Tensor, count: int, with_token_log_probs: bool) -> Continuations:
    """The likeliest continuations of each sentence's prefixes.

    Args:
        logits: float32 [b · W, V].
        log_probs: float32 [b, W] of the prefixes.
        count: how many of each sentence.
        with_token_log_probs: whether they come with `Continuations.of_tokens`.
    """
    (b, _), W, per_prefix = tf.unstack(tf.shape(log_probs)), log_probs.shape[1], min(count, logits.shape[-1])
    best, tokens = top_k(logits, per_prefix)
    best += log_softmax_of(logits, tokens[:, 0])[:, None] - best[:, :1]  # log-softmax of the best alone
    totals = tf.reshape(best, [b, W, per_prefix]) + log_probs[:, :, None]
    totals = tf.pad(tf.reshape(totals, [b, W * per_prefix]), [[0, 0], [0, count]], constant_values=2 * NEVER)
    totals, flat = tf.math.top_k(totals, count)
    flat = tf.minimum(flat, W * per_prefix - 1)
    parents = flat // per_prefix
    of_tokens = totals - tf.gather(log_probs, parents, batch_dims=1) if with_token_log_probs else ()
    tokens = tf.gather(tf.reshape(tokens, [b, W * per_prefix]), flat, batch_dims=1)
    return Continuations(totals, parents, tokens, of_tokens)


def _best(finished: Finished, more: Finished, count: int) -> Finished:
    """The best of two lists of hypotheses."""
    both = tf.nest.map_structure(lambda old, new: tf.concat([old, new], 1), finished, more)
    scores, best = tf.math.top_k(both.scores, count)
    return tf.nest.map_structure(lambda x: tf.gather(x, best, batch_dims=1), both)._replace(scores=scores)


def change_if(condition: tf.Tensor, change: Callable[[], Any], state: Any) -> Any:
    """What `change` makes of a state, if it is to be changed."""
    flat = tf.cond(condition, lambda: tf.nest.flatten(change()), lambda: tf.nest.flatten(state))
    return tf.nest.pack_sequence_as(state, tf.nest.flatten(flat))


def by_sentence(x: tf.Tensor, width: int) -> tf.Tensor:
    """[b · W, …] -> [b, W, …]."""
    return tf.reshape(x, tf.concat([[-1, width], tf.shape(x)[1:]], 0))


def blank(shape: Sequence[Any], longest: tf.Tensor | int, attention: Any, with_log_probs: bool, pad: int) -> Written:
    """Room for L tokens of each hypothesis, and nothing in it.

    Args:
        shape: of the hypotheses, [B] or [B, W].
        longest: L.
        attention: float32 [*shape, 0, …], or ().
        with_log_probs: whether there is room for log-probabilities of tokens.
        pad: the id that stands for no token.
    """
    axis = len(shape)

    def room(x: tf.Tensor) -> tf.Tensor:
        return tf.pad(x, [[0, longest if i == axis else 0] for i in range(x.shape.rank)])

    log_probs = tf.zeros([*shape, longest]) if with_log_probs else ()
    return Written(tf.fill([*shape, longest], pad), tf.nest.map_structure(room, attention), log_probs)
