"""The one search loop: a model's step × a strategy × constraints, inside one graph (`tf.while_loop`).

Letters: B sentences, b those still being translated, W beam width, V vocabulary, t tokens so far, S source length.

What the search sees of a model is a `Decoder`. The batch shrinks as sentences end. `sentence_state` is the same for all
hypotheses of a sentence and has leading dimension b: W hypotheses read one memory. `hypothesis_state` belongs to one
hypothesis each and has leading dimension b · W, the hypotheses of a sentence side by side.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import tensorflow as tf

from translator.decoding.search.strategies import Hypotheses, Now, Strategy


class Step(NamedTuple):
    """What a model says after one token more of each hypothesis."""

    logits: tf.Tensor  # float32 [b · W, V], of the next token
    hypothesis_state: Any
    attention: Any = ()  # over the source, as `Decoder.attention` has it: float32 [b · W, …]
    bonus: tf.Tensor | None = None  # float32 [b · W], what is added to the score of a hypothesis that ends now


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
    rows: tf.Tensor  # int32 [b], which of the B sentences are still being translated
    tokens: tf.Tensor  # int32 [b · W], the last ones; BOS to begin with
    sentence_state: Any
    hypothesis_state: Any
    found: Any  # the strategy's own


@dataclass(frozen=True)
class Prefixes:
    """What a constraint may look at: the hypotheses before they are extended."""

    position: tf.Tensor  # int32 scalar t
    rows: tf.Tensor  # int32 [b], which of the B sentences are still being translated
    width: int  # W
    _ids: Callable[[], tf.Tensor]

    @property
    def ids(self) -> tf.Tensor:
        """The tokens so far, without BOS: int32 [b · W, t]; costs something only where it is read."""
        return self._ids()

    def of_hypotheses(self, of_sentences: tf.Tensor) -> tf.Tensor:
        """Repeats what each of the B sentences has for its hypotheses: [B, …] -> [b · W, …]."""
        return tf.repeat(tf.gather(of_sentences, self.rows), self.width, 0)


# (logits float32 [b · W, V], prefixes) -> logits
Constraint = Callable[[tf.Tensor, Prefixes], tf.Tensor]


def search(
    decoder: Decoder, max_lengths: tf.Tensor, strategy: Strategy, constraints: Sequence[Constraint] = ()
) -> Hypotheses:
    """Translates B sentences.

    Args:
        decoder: the model.
        max_lengths: int32 [B]; a translation that has reached it ends there, EOS or not.
        strategy: which tokens are taken.
        constraints: which tokens may be; applied in order.
    """
    B = tf.size(max_lengths)
    start = SearchState(
        position=tf.constant(0),
        rows=tf.range(B),
        tokens=tf.fill([B * strategy.width], strategy.special.bos),
        sentence_state=decoder.sentence_state,
        hypothesis_state=decoder.hypothesis_state,
        found=strategy.start(max_lengths, decoder.attention),
    )
    shapes = SearchState(
        position=tf.TensorShape([]),
        rows=tf.TensorShape([None]),
        tokens=tf.TensorShape([None]),
        sentence_state=tf.nest.map_structure(lambda x: tf.TensorShape([None, *x.shape[1:]]), decoder.sentence_state),
        hypothesis_state=decoder.hypothesis_shapes,
        found=strategy.shapes(start.found),
    )

    def advance(*parts: Any) -> tuple[Any, ...]:
        return tuple(_advance(SearchState(*parts), decoder.step, max_lengths, strategy, constraints))

    end = tf.while_loop(
        lambda *parts: tf.size(SearchState(*parts).rows) > 0, advance, tuple(start), shape_invariants=tuple(shapes)
    )
    return strategy.finish(SearchState(*end).found, max_lengths)


def _advance(
    state: SearchState,
    step: StepFunction,
    max_lengths: tf.Tensor,
    strategy: Strategy,
    constraints: Sequence[Constraint],
) -> SearchState:
    """Extends every hypothesis by a token, and drops the sentences that are done."""
    stepped = step(state.tokens, state.position, state.sentence_state, state.hypothesis_state)
    logits, rows = stepped.logits, state.rows
    so_far = Prefixes(
        state.position, rows, strategy.width, lambda: strategy.prefixes(state.found, rows, state.position)
    )
    for constraint in constraints:
        logits = constraint(logits, so_far)
    length, limits = state.position + 1, tf.gather(max_lengths, rows)
    now = Now(rows, length, limits, length >= limits, stepped.bonus)
    chosen = strategy.advance(state.found, logits, stepped.attention, now)
    all_go_on = tf.size(chosen.going) == tf.size(state.rows)
    if strategy.width == 1:  # hypotheses are sentences, and keep their order: most steps move nothing
        states = state.sentence_state, stepped.hypothesis_state
        sentence_state, hypothesis_state = _take_if_fewer(all_go_on, states, chosen.going)
    else:
        sentence_state = _take_if_fewer(all_go_on, state.sentence_state, chosen.going)
        hypothesis_state = tf.nest.map_structure(lambda x: tf.gather(x, chosen.origin), stepped.hypothesis_state)
    return SearchState(
        position=length,
        rows=tf.gather(state.rows, chosen.going),
        tokens=chosen.tokens,
        sentence_state=sentence_state,
        hypothesis_state=hypothesis_state,
        found=chosen.found,
    )


def _take_if_fewer(all_go_on: tf.Tensor, state: Any, going: tf.Tensor) -> Any:
    """Rows `going` of every tensor of a state, or the state itself if that is all of them."""
    flat = tf.nest.flatten(state)
    taken = tf.cond(all_go_on, lambda: flat, lambda: [tf.gather(x, going) for x in flat])
    return tf.nest.pack_sequence_as(state, tf.nest.flatten(taken))
