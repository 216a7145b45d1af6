"""The Transformer as an engine: source ids in, hypotheses out, as one graph that can be called or exported.

Letters: B sentences, b those still being translated, W beam width, H heads, S source length.
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

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


class TransformerEngine:
    """Searches with the weights that a model has at each call."""

    def __init__(self, model: Transformer) -> None:
        """Compiles nothing yet: `search` does so when options are new to it."""
        self._model = model
        self._graphs: dict[SearchOptions, Any] = {}

    def search(self, sources: Sequence[Sequence[int]], options: SearchOptions) -> list[list[Hypothesis]]:
        """See `Engine.search`."""
        return search_with(self.graph(options), sources)

    def graph(self, options: SearchOptions) -> Any:
        """The search with some options, a `tf.function`: int32 [B, S], ending with EOS and padded -> `Hypotheses`."""
        if options not in self._graphs:
            signature = [tf.TensorSpec([None, None], tf.int32)]
            self._graphs[options] = tf.function(lambda ids: _search(self._model, ids, options), signature)
        return self._graphs[options]


def _search(model: Transformer, source_ids: tf.Tensor, options: SearchOptions) -> Hypotheses:
    lengths = tf.reduce_sum(tf.cast(source_ids != PAD_ID, tf.int32), 1)
    limits = length_limits(lengths, options.max_length_factor, options.max_length_margin)
    return search(_decoder(model, source_ids, options), limits, _strategy(options), [never(NEVER_WRITTEN)])


def _strategy(options: SearchOptions) -> Strategy:
    scoring = Scoring(options.length_penalty)
    if options.beam_size == 1:
        return Greedy(SPECIAL_IDS, scoring)
    return Beam(options.beam_size, SPECIAL_IDS, scoring)


def _decoder(model: Transformer, source_ids: tf.Tensor, options: SearchOptions) -> Decoder:
    """The model after it has read the sources, int32 [B, S]."""
    output_kernel = model.output_kernel()

    def step(token_ids: tf.Tensor, position: tf.Tensor, encoded: Any, cache: Any) -> Step:
        stepped = model.decode_step(token_ids, position, encoded, cache, output_kernel)
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
