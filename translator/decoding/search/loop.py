"""The one search loop: a model's step × a strategy × constraints, inside one graph (`tf.while_loop`).

Letters: B sentences, b those still being translated, W beam width, V vocabulary, t tokens so far, S source length,
L longest length.

What the search sees of a model is a `Decoder`. `sentence_state` is the same for all hypotheses of a sentence and has
leading dimension b: W hypotheses read one memory. `hypothesis_state` belongs to one hypothesis each and has leading
dimension b · W, the hypotheses of a sentence side by side.

The batch shrinks as sentences end. Or no shape ever changes, for compilers that need that: b is B, and sentences that
are done are read on, to no effect.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import tensorflow as tf

from translator.decoding.search.strategies import Chosen, Hypotheses, Now, Strategy, change_if


class Step(NamedTuple):
    """What a model says after one token more of each hypothesis."""

    logits: tf.Tensor  # float32 [b · W, V], of the next token
    hypothesis_state: Any
    attention: Any = ()  # over the source, as `Decoder.attention` has it: float32 [b · W, …]
    bonus: Any = ()  # float32 [b · W], what is added to the score of a hypothesis that ends now; () for none


# (token ids int32 [b · W], position int32 scalar, sentence state, hypothesis state) -> step
StepFunction = Callable[[tf.Tensor, tf.Tensor, Any, Any], Step]


class Decoder(NamedTuple):
    """A model that has read B sentences, as the search sees it."""

    step: StepFunction
    sentence_state: Any  # a nest of tensors with leading dimension B, whose other dimensions stay as they are
    hypothesis_state: Any  # a nest of tensors with leading dimension B · W, as it is before the first step
    hypothesis_shapes: Any  # the same nest of tf.TensorShape, None where a dimension may change
    attention: Any = ()  # what the hypotheses have of it before the first step: float32 [B, W, 0, …]; () for none


class SearchState(NamedTuple):
    """All that one step of the search hands to the next."""

    position: tf.Tensor  # int32 scalar t
    rows: tf.Tensor  # int32 [b], which of the B sentences these are
    tokens: tf.Tensor  # int32 [b · W], the last ones; BOS to begin with
    sentence_state: Any
    hypothesis_state: Any
    found: Any  # the strategy's own
    done: Any  # `found` of the B sentences, as far as they are done; with a batch that never shrinks, bool [B]


@dataclass(frozen=True)
class Prefixes:
    """What a constraint may look at: the hypotheses before they are extended."""

    position: tf.Tensor  # int32 scalar t
    rows: tf.Tensor  # int32 [b], which of the B sentences these are
    width: int  # W
    _ids: Callable[[], tf.Tensor]

    @property
    def ids(self) -> tf.Tensor:
        """The tokens so far, without BOS: int32 [b · W, t]; costs something only where it is read.

        Where no shape may change, it is [b · W, L], with anything behind the first t.
        """
        return self._ids()

    def of_hypotheses(self, of_sentences: tf.Tensor) -> tf.Tensor:
        """Repeats what each of the B sentences has for its hypotheses: [B, …] -> [b · W, …]."""
        return tf.repeat(tf.gather(of_sentences, self.rows), self.width, 0)


# (logits float32 [b · W, V], prefixes) -> logits
Constraint = Callable[[tf.Tensor, Prefixes], tf.Tensor]


def search(
    decoder: Decoder,
    max_lengths: tf.Tensor,
    strategy: Strategy,
    constraints: Sequence[Constraint] = (),
    longest: int | None = None,
) -> Hypotheses:
    """Translates B sentences.

    Args:
        decoder: the model.
        max_lengths: int32 [B]; a translation that has reached it ends there, EOS or not.
        strategy: which tokens are taken.
        constraints: which tokens may be; applied in order.
        longest: L, no less than any of `max_lengths`, makes a search in which no shape changes; None one whose batch
            shrinks.
    """
    B = tf.size(max_lengths)
    found = strategy.start(B, longest or tf.reduce_max(max_lengths), decoder.attention)
    start = SearchState(
        position=tf.constant(0),
        rows=tf.range(B),
        tokens=tf.fill([B * strategy.width], strategy.special.bos),
        sentence_state=decoder.sentence_state,
        hypothesis_state=decoder.hypothesis_state,
        found=found,
        done=tf.zeros([B], tf.bool) if longest else found,
    )

    def advance(*parts: Any) -> tuple[Any, ...]:
        return tuple(_advance(SearchState(*parts), decoder.step, max_lengths, strategy, constraints, longest))

    if longest:
        end = tf.while_loop(lambda *parts: ~tf.reduce_all(SearchState(*parts).done), advance, tuple(start))
        return strategy.finish(SearchState(*end).found, max_lengths)
    shapes = tf.nest.map_structure(lambda x: tf.TensorShape([None, *x.shape[1:]]), start._replace(position=()))
    shapes = shapes._replace(position=tf.TensorShape([]), hypothesis_state=decoder.hypothesis_shapes)
    end = tf.while_loop(
        lambda *parts: tf.size(SearchState(*parts).rows) > 0, advance, tuple(start), shape_invariants=tuple(shapes)
    )
    return strategy.finish(SearchState(*end).done, max_lengths)


def _advance(
    state: SearchState,
    step: StepFunction,
    max_lengths: tf.Tensor,
    strategy: Strategy,
    constraints: Sequence[Constraint],
    longest: int | None,
) -> SearchState:
    """Extends every hypothesis by a token, and ends the sentences that are done."""
    stepped = step(state.tokens, state.position, state.sentence_state, state.hypothesis_state)
    logits, rows, position = stepped.logits, state.rows, state.position

    def ids() -> tf.Tensor:
        ids = strategy.prefixes(state.found)  # [b, W, L]
        ids = tf.reshape(ids, [-1, longest]) if longest else tf.reshape(ids[:, :, :position], [-1, position])
        # What has ended holds padding, which need not be a column of the logits.
        return tf.where(ids == strategy.special.pad, strategy.special.eos, ids)

    so_far = Prefixes(position, rows, strategy.width, ids)
    for constraint in constraints:
        logits = constraint(logits, so_far)
    now = Now(rows, position, tf.gather(max_lengths, rows), stepped.bonus)
    chosen = strategy.advance(state.found, logits, stepped.attention, now)
    state = state._replace(position=position + 1, hypothesis_state=stepped.hypothesis_state)
    return _kept(state, chosen, strategy.width) if longest else _dropped(state, chosen, strategy.width)


def _dropped(state: SearchState, chosen: Chosen, width: int) -> SearchState:
    """The state without the sentences that are done; what they have found is kept apart."""
    places = _places(chosen, width)
    stay = chosen.parents is None  # then most steps move no hypothesis
    of_hypotheses = state.hypothesis_state if stay else ()
    of_sentences = chosen.found, state.rows, state.sentence_state, chosen.tokens, places

    def drop() -> Any:
        ended, going = tf.where(chosen.done)[:, 0], tf.where(~chosen.done)[:, 0]
        rows = tf.gather(state.rows, ended)[:, None]
        done = tf.nest.map_structure(
            lambda of_all, x: tf.tensor_scatter_nd_update(of_all, rows, tf.gather(x, ended)), state.done, chosen.found
        )
        origin = tf.reshape(tf.gather(places, going), [-1])
        return (
            done,
            tf.nest.map_structure(lambda x: tf.gather(x, going), of_sentences),
            tf.nest.map_structure(lambda x: tf.gather(x, origin), of_hypotheses),
        )

    some_end = tf.reduce_any(chosen.done)
    done, of_sentences, of_hypotheses = change_if(some_end, drop, (state.done, of_sentences, of_hypotheses))
    found, rows, sentence_state, tokens, places = of_sentences
    if not stay:
        origin = tf.reshape(places, [-1])
        of_hypotheses = tf.nest.map_structure(lambda x: tf.gather(x, origin), state.hypothesis_state)
    return SearchState(state.position, rows, tf.reshape(tokens, [-1]), sentence_state, of_hypotheses, found, done)


def _kept(state: SearchState, chosen: Chosen, width: int) -> SearchState:
    """The state with the same sentences; what those that are done have found stays as it is."""

    def unless_done(new: tf.Tensor, old: tf.Tensor) -> tf.Tensor:
        return tf.where(tf.reshape(state.done, [-1, *[1] * (new.shape.rank - 1)]), old, new)

    hypothesis_state = state.hypothesis_state
    if chosen.parents is not None:
        origin = tf.reshape(_places(chosen, width), [-1])
        hypothesis_state = tf.nest.map_structure(lambda x: tf.gather(x, origin), hypothesis_state)
    return state._replace(
        tokens=tf.reshape(chosen.tokens, [-1]),
        hypothesis_state=hypothesis_state,
        found=tf.nest.map_structure(unless_done, chosen.found, state.found),
        done=state.done | chosen.done,
    )


def _places(chosen: Chosen, width: int) -> tf.Tensor:
    """Which of the b · W hypotheses those that go on come from: int32 [b, W]."""
    first = tf.range(tf.size(chosen.done))[:, None] * width
    return first + (tf.range(width) if chosen.parents is None else chosen.parents)
