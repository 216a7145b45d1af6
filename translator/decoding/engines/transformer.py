"""The Transformer as an engine: source ids in, hypotheses out, as one graph that can be called or exported.

Letters: B sentences, b those still being translated, W beam width, H heads, S source length, T target length,
N tokens of all targets, V vocabulary.
"""

import abc
import functools
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from translator.decoding.engines.forced import log_probs_of, score_with
from translator.decoding.engines.graphs import search_with
from translator.decoding.options import Hypothesis, SearchOptions
from translator.decoding.search.constraints import length_limits, never
from translator.decoding.search.loop import Decoder, Step, search
from translator.decoding.search.scoring import Scoring
from translator.decoding.search.strategies import Beam, Greedy, Hypotheses, SpecialIds, Strategy
from translator.model.transformer import Transformer
from translator.vocabulary import BOS_ID, EOS_ID, PAD_ID, UNK_ID

SPECIAL_IDS = SpecialIds(PAD_ID, BOS_ID, EOS_ID)
NEVER_WRITTEN = (PAD_ID, BOS_ID, UNK_ID)


class DecoderEngine(abc.ABC):
    """Searches and scores with a decoder, in graphs; what the decoder is made of is the subclass's."""

    def __init__(self) -> None:
        """Compiles nothing yet: `search` does so when options are new to it."""
        self._graphs: dict[SearchOptions, Any] = {}

    @abc.abstractmethod
    def decoder(self, source_ids: tf.Tensor, options: SearchOptions) -> Decoder:
        """What the search sees, after the sources, int32 [B, S], have been read."""

    @abc.abstractmethod
    def next_logits(self, source_ids: tf.Tensor, target_in: tf.Tensor, real: tf.Tensor) -> tf.Tensor:
        """Logits of the token after each real position: int32 [B, S] and [B, T], bool [B, T] -> float32 [N, V]."""

    def search(self, sources: Sequence[Sequence[int]], options: SearchOptions) -> list[list[Hypothesis]]:
        """See `Engine.search`."""
        return search_with(self.graph(options), sources)

    def score(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[list[float]]:
        """See `ScoringEngine.score`."""
        return score_with(self._score_graph, sources, targets)

    def graph(self, options: SearchOptions) -> Any:
        """The search with some options, a `tf.function`: int32 [B, S], ending with EOS and padded -> `Hypotheses`."""
        if options not in self._graphs:
            signature = [tf.TensorSpec([None, None], tf.int32)]
            self._graphs[options] = tf.function(lambda ids: _search(self.decoder, ids, options), signature)
        return self._graphs[options]

    @functools.cached_property
    def _score_graph(self) -> Any:
        def score(source_ids: tf.Tensor, target_ids: tf.Tensor) -> tf.Tensor:
            target_in, target_out = target_ids[:, :-1], target_ids[:, 1:]
            real = target_out != PAD_ID
            logits = self.next_logits(source_ids, target_in, real)
            return log_probs_of(logits, tf.boolean_mask(target_out, real), NEVER_WRITTEN)

        return tf.function(score, [tf.TensorSpec([None, None], tf.int32)] * 2)


class TransformerEngine(DecoderEngine):
    """Searches with the weights that a model has at each call."""

    def __init__(self, model: Transformer) -> None:
        """Takes the model, and compiles nothing yet."""
        super().__init__()
        self._model = model

    def decoder(self, source_ids: tf.Tensor, options: SearchOptions) -> Decoder:
        """See `DecoderEngine.decoder`."""
        return _decoder(self._model, source_ids, options)

    def next_logits(self, source_ids: tf.Tensor, target_in: tf.Tensor, real: tf.Tensor) -> tf.Tensor:
        """See `DecoderEngine.next_logits`."""
        states = self._model.decode(target_in, self._model.encode(source_ids)).output
        return self._model.logits(tf.boolean_mask(states, real))


def _search(
    decoder_of: Callable[[tf.Tensor, SearchOptions], Decoder], source_ids: tf.Tensor, options: SearchOptions
) -> Hypotheses:
    lengths = tf.reduce_sum(tf.cast(source_ids != PAD_ID, tf.int32), 1)
    limits = length_limits(lengths, options.max_length_factor, options.max_length_margin)
    return search(decoder_of(source_ids, options), limits, _strategy(options), [never(NEVER_WRITTEN)])


def _strategy(options: SearchOptions) -> Strategy:
    scoring = Scoring(options.length_penalty)
    if options.beam_size == 1:
        return Greedy(SPECIAL_IDS, scoring)
    return Beam(options.beam_size, SPECIAL_IDS, scoring)


def _decoder(model: Transformer, source_ids: tf.Tensor, options: SearchOptions) -> Decoder:
    """The model after it has read the sources, int32 [B, S]."""

    def step(token_ids: tf.Tensor, position: tf.Tensor, encoded: Any, cache: Any) -> Step:
        stepped = model.decode_step(token_ids, position, encoded, cache)
        attention = _mean_of_heads(stepped.attention) if options.with_attention else ()
        return Step(stepped.logits, stepped.cache, attention)

    B, S = tf.unstack(tf.shape(source_ids))
    W = options.beam_size
    encoded = model.encode(source_ids)._replace(weights=())
    attention = tf.zeros([B, W, 0, len(model.decoder_layers), S]) if options.with_attention else ()
    return Decoder(step, encoded, model.empty_cache(B * W), model.cache_shapes(), attention)


def _mean_of_heads(layers: Sequence[tf.Tensor]) -> tf.Tensor:
    """Attention of each layer over the source, [b, H, W, S] each -> float32 [b · W, layers, S]."""
    means = tf.stack([tf.reduce_mean(tf.cast(weights, tf.float32), 1) for weights in layers], 2)  # [b, W, layers, S]
    return tf.reshape(means, [-1, len(layers), tf.shape(means)[3]])
