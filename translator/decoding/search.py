"""Greedy and beam search over a step function: what the search sees of a model is scores of the next token.

Letters: B sentences, b those still being translated, W beam width, V vocabulary, t tokens so far, L longest length.

Both searches shrink the batch as sentences end, run inside one graph (`tf.while_loop`) and take any model whose state
is a nest of tensors, of which `sentence_state` is the same for all hypotheses of a sentence (leading dimension b) and
`hypothesis_state` belongs to one of them (leading dimension b · W, the hypotheses of a sentence side by side).
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

# (token ids int32 [b · W], position int32 scalar, sentence state, hypothesis state) ->
# (logits float32 [b · W, V], hypothesis state)
Step = Callable[[tf.Tensor, tf.Tensor, Any, Any], tuple[tf.Tensor, Any]]

BLOCK = 64  # columns whose maximum stands for them all in `top_k`
NEVER = -1e9  # the log-probability of what must not be chosen; finite, so that sums and differences stay numbers


class Hypotheses(NamedTuple):
    """Translations, the best first."""

    ids: tf.Tensor  # int32 [B, W, L], without BOS and EOS, padded with `pad_id`
    scores: tf.Tensor  # float32 [B, W], log-probability over length^α; NEVER where there are fewer than W


class SpecialIds(NamedTuple):
    """What search must know of the vocabulary."""

    pad: int
    bos: int
    eos: int
    never: tuple[int, ...] = ()  # ids that no translation has


class BeamState(NamedTuple):
    """All that one step of beam search hands to the next."""

    position: tf.Tensor  # int32 scalar t
    rows: tf.Tensor  # int32 [b], which of the B sentences are still being translated
    ids: tf.Tensor  # int32 [b, W, t + 1], BOS first
    log_probs: tf.Tensor  # float32 [b, W]
    finished_ids: tf.Tensor  # int32 [B, W, L]
    finished_scores: tf.Tensor  # float32 [B, W], the best first
    sentence_state: Any
    hypothesis_state: Any


def beam_search(
    step: Step,
    sentence_state: Any,
    hypothesis_state: Any,
    max_lengths: tf.Tensor,
    beam_size: int,
    length_penalty: float,
    special: SpecialIds,
) -> Hypotheses:
    """Keeps the W likeliest prefixes of each sentence at each step.

    Finished hypotheses are compared by log-probability / length^α, EOS counted in the length (Wu et al., 2016, §7, in
    the form that Marian and CTranslate2 use). A sentence is done when W hypotheses have finished and the best prefix
    left scores no better than the best of them. A prefix finishes when EOS is among the W best continuations: with
    W = 1 that is greedy search.

    Args:
        step: the model.
        sentence_state: leading dimension B.
        hypothesis_state: leading dimension B · W.
        max_lengths: int32 [B]; a translation that has reached it ends there, EOS or not.
        beam_size: W.
        length_penalty: α.
        special: ids of PAD, BOS and EOS.
    """
    B, W, L = tf.size(max_lengths), beam_size, tf.reduce_max(max_lengths)
    first = tf.where(tf.range(W) == 0, 0.0, NEVER)  # all W prefixes are BOS alone: only one of them may continue
    start = BeamState(
        position=tf.constant(0),
        rows=tf.range(B),
        ids=tf.fill([B, W, 1], special.bos),
        log_probs=tf.tile(first[None], [B, 1]),
        finished_ids=tf.fill([B, W, L], special.pad),
        finished_scores=tf.fill([B, W], NEVER),
        sentence_state=sentence_state,
        hypothesis_state=hypothesis_state,
    )

    def advance(*state: Any) -> BeamState:
        return _advance_beam(step, BeamState(*state), max_lengths, length_penalty, special)

    end = _while(lambda state: tf.size(state.rows) > 0, advance, start)
    return Hypotheses(end.finished_ids, end.finished_scores)


def _advance_beam(
    step: Step, state: BeamState, max_lengths: tf.Tensor, length_penalty: float, special: SpecialIds
) -> BeamState:
    """Extends every prefix by a token; what ends is merged into the finished ones, the W best of the rest go on."""
    b, W = tf.size(state.rows), state.ids.shape[1]
    logits, hypothesis_state = step(
        tf.reshape(state.ids[:, :, -1], [-1]), state.position, state.sentence_state, state.hypothesis_state
    )
    logits = without(logits, special.never)
    # 2W candidates: even if W of them end now, W remain to extend.
    log_probs, parents, tokens = _candidates(logits, state.log_probs, 2 * W)
    length = state.position + 1
    among_best = tf.range(2 * W) < W
    at_limit = length >= tf.gather(max_lengths, state.rows)
    ends = (tokens == special.eos) | at_limit[:, None]
    finishes = ends & among_best & (log_probs > NEVER / 2)

    prefixes = tf.concat([tf.gather(state.ids, parents, batch_dims=1), tokens[:, :, None]], 2)
    finished = _merge_finished(state, prefixes, log_probs, finishes, length, length_penalty, special)

    # Of what does not end, the W best go on; top_k of the masked scores keeps their order.
    alive_log_probs, chosen = tf.math.top_k(tf.where(ends, NEVER, log_probs), W)
    best_finished, worst_finished = (tf.gather(finished.scores, state.rows)[:, i] for i in (0, -1))
    # W poor ones may finish before a good one that is longer: it goes on while it is ahead of all of them.
    ahead = alive_log_probs[:, 0] / tf.cast(length, tf.float32) ** length_penalty > best_finished
    done = at_limit | ((worst_finished > NEVER / 2) & ~ahead)
    going = tf.where(~done)[:, 0]  # [b'], rows of this step's arrays

    parents = tf.gather(tf.gather(parents, chosen, batch_dims=1), going)
    origin = tf.reshape(tf.cast(going, tf.int32)[:, None] * W + parents, [-1])  # [b' · W]
    kept = tf.size(going) == b
    return BeamState(
        position=length,
        rows=tf.gather(state.rows, going),
        ids=tf.gather(tf.gather(prefixes, chosen, batch_dims=1), going),
        log_probs=tf.gather(alive_log_probs, going),
        finished_ids=finished.ids,
        finished_scores=finished.scores,
        sentence_state=_take_if_fewer(kept, state.sentence_state, going),
        hypothesis_state=tf.nest.map_structure(lambda x: tf.gather(x, origin), hypothesis_state),
    )


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
    best += _log_softmax(logits, tokens[:, 0])[:, None] - best[:, :1]  # log-softmax of the best alone
    totals = tf.reshape(best, [b, W, per_prefix]) + log_probs[:, :, None]
    totals = tf.pad(tf.reshape(totals, [b, W * per_prefix]), [[0, 0], [0, count]], constant_values=2 * NEVER)
    totals, flat = tf.math.top_k(totals, count)
    flat = tf.minimum(flat, W * per_prefix - 1)
    return totals, flat // per_prefix, tf.gather(tf.reshape(tokens, [b, -1]), flat, batch_dims=1)


def _log_softmax(logits: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
    """Log-probability of one token a row: float32 [N]. On CPU softmax takes a third of the time of a logsumexp."""
    return tf.math.log(tf.gather(tf.nn.softmax(logits), tokens, batch_dims=1))


def _merge_finished(
    state: BeamState,
    prefixes: tf.Tensor,
    log_probs: tf.Tensor,
    finishes: tf.Tensor,
    length: tf.Tensor,
    length_penalty: float,
    special: SpecialIds,
) -> Hypotheses:
    """The W best of what had finished and of what finishes now, [b, 2W] prefixes of `length` tokens and BOS."""
    W, L = state.finished_ids.shape[1], tf.shape(state.finished_ids)[2]
    scores = tf.where(finishes, log_probs / tf.cast(length, tf.float32) ** length_penalty, NEVER)
    texts = prefixes[:, :, 1:]
    texts = tf.where(texts == special.eos, special.pad, texts)
    texts = tf.pad(texts, [[0, 0], [0, 0], [0, L - length]], constant_values=special.pad)
    all_scores = tf.concat([tf.gather(state.finished_scores, state.rows), scores], 1)
    all_ids = tf.concat([tf.gather(state.finished_ids, state.rows), texts], 1)
    best_scores, best = tf.math.top_k(all_scores, W)
    at = state.rows[:, None]
    return Hypotheses(
        tf.tensor_scatter_nd_update(state.finished_ids, at, tf.gather(all_ids, best, batch_dims=1)),
        tf.tensor_scatter_nd_update(state.finished_scores, at, best_scores),
    )


class GreedyState(NamedTuple):
    """All that one step of greedy search hands to the next."""

    position: tf.Tensor  # int32 scalar t
    rows: tf.Tensor  # int32 [b]
    tokens: tf.Tensor  # int32 [b], the last ones
    ids: tf.Tensor  # int32 [B, L]
    log_probs: tf.Tensor  # float32 [B]
    lengths: tf.Tensor  # int32 [B], EOS included
    sentence_state: Any
    hypothesis_state: Any


def greedy_search(
    step: Step,
    sentence_state: Any,
    hypothesis_state: Any,
    max_lengths: tf.Tensor,
    length_penalty: float,
    special: SpecialIds,
) -> Hypotheses:
    """Takes the likeliest token at each step: beam search of width 1, at less cost. Arguments are as there."""
    B, L = tf.size(max_lengths), tf.reduce_max(max_lengths)

    def advance(*loop_state: Any) -> GreedyState:
        state = GreedyState(*loop_state)
        logits, hypothesis_state = step(state.tokens, state.position, state.sentence_state, state.hypothesis_state)
        logits = without(logits, special.never)
        tokens = tf.argmax(logits, -1, tf.int32)
        gained = _log_softmax(logits, tokens)
        ends = tokens == special.eos
        written = tf.where(ends, special.pad, tokens)
        length = state.position + 1
        going = tf.where(~ends & (length < tf.gather(max_lengths, state.rows)))[:, 0]
        kept = tf.size(going) == tf.size(state.rows)
        at = state.rows[:, None]
        return GreedyState(
            position=length,
            rows=tf.gather(state.rows, going),
            tokens=tf.gather(tokens, going),
            ids=tf.tensor_scatter_nd_update(
                state.ids, tf.stack([state.rows, tf.fill(tf.shape(state.rows), state.position)], 1), written
            ),
            log_probs=tf.tensor_scatter_nd_add(state.log_probs, at, gained),
            lengths=tf.tensor_scatter_nd_add(state.lengths, at, tf.ones_like(state.rows)),
            sentence_state=_take_if_fewer(kept, state.sentence_state, going),
            hypothesis_state=_take_if_fewer(kept, hypothesis_state, going),
        )

    start = GreedyState(
        position=tf.constant(0),
        rows=tf.range(B),
        tokens=tf.fill([B], special.bos),
        ids=tf.fill([B, L], special.pad),
        log_probs=tf.zeros([B]),
        lengths=tf.zeros([B], tf.int32),
        sentence_state=sentence_state,
        hypothesis_state=hypothesis_state,
    )
    end = _while(lambda state: tf.size(state.rows) > 0, advance, start)
    scores = end.log_probs / tf.cast(end.lengths, tf.float32) ** length_penalty
    return Hypotheses(end.ids[:, None], scores[:, None])


def without(logits: tf.Tensor, ids: Sequence[int]) -> tf.Tensor:
    """Logits, float32 [N, V], that leave no probability to some ids."""
    if not ids:
        return logits
    N, k = tf.shape(logits)[0], len(ids)
    columns = tf.tile(tf.constant(list(ids))[None], [N, 1])  # [N, k]
    places = tf.stack([tf.repeat(tf.range(N), k), tf.reshape(columns, [-1])], 1)  # [N · k, 2]
    return tf.tensor_scatter_nd_update(logits, places, tf.fill([N * k], NEVER))


def top_k(x: tf.Tensor, k: int) -> tuple[tf.Tensor, tf.Tensor]:
    """The k largest of each row, exactly, several times faster on CPU than `tf.math.top_k` on thousands of columns.

    The k largest elements lie in the k blocks of columns with the largest maxima, so only those are searched.

    Args:
        x: float32 [N, V], V known when tracing.
        k: at most V.

    Returns:
        float32 and int32 [N, k].
    """
    V = x.shape[-1]
    blocks = -(-V // BLOCK)
    if blocks <= 2 * k:
        return tf.math.top_k(x, k)
    blocked = tf.reshape(tf.pad(x, [[0, 0], [0, blocks * BLOCK - V]], constant_values=-math.inf), [-1, blocks, BLOCK])
    _, best_blocks = tf.math.top_k(tf.reduce_max(blocked, -1), k)  # [N, k]
    candidates = tf.reshape(tf.gather(blocked, best_blocks, batch_dims=1), [-1, k * BLOCK])
    values, places = tf.math.top_k(candidates, k)
    columns = tf.gather(best_blocks, places // BLOCK, batch_dims=1) * BLOCK + places % BLOCK
    return values, tf.minimum(columns, V - 1)  # padding is −∞, and may be chosen where the row is


def _take_if_fewer(kept: tf.Tensor, state: Any, going: tf.Tensor) -> Any:
    """Rows `going` of every tensor of a state, or the state itself if that is all of them."""
    flat = tf.nest.flatten(state)
    taken = tf.cond(kept, lambda: flat, lambda: [tf.gather(x, going) for x in flat])
    return tf.nest.pack_sequence_as(state, tf.nest.flatten(taken))


def _while(condition: Callable[[Any], tf.Tensor], advance: Callable[..., Any], start: Any) -> Any:
    """`tf.while_loop` over a named state whose dimensions may change, but for ranks and what is static for good."""

    def invariant(x: tf.Tensor) -> tf.TensorShape:
        # Heads, head sizes and beam widths are static and stay; the batch, lengths and times vary.
        return tf.TensorShape([None if size is None or i in (0, 2) else size for i, size in enumerate(x.shape)])

    end = tf.while_loop(
        lambda *state: condition(type(start)(*state)),
        advance,
        tuple(start),
        shape_invariants=tf.nest.map_structure(invariant, tuple(start)),
    )
    return type(start)(*end)
