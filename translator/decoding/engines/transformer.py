"""The Transformer as an engine: source ids in, hypotheses out, as one graph that can be called or exported.

Letters: B sentences, b those still being translated, W beam width, H heads, S source length.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from translator.data.batches import pad
from translator.decoding.engines.assembly import Request, constraints_of, limits_of, strategy_of
from translator.decoding.engines.graphs import hypotheses_of, search_with
from translator.decoding.options import Hypothesis, SearchOptions
from translator.decoding.search.loop import Decoder, Step, search
from translator.decoding.search.scoring import coverage_score
from translator.decoding.search.strategies import Hypotheses
from translator.model.transformer import Transformer
from translator.vocabulary import PAD_ID


class TransformerEngine:
    """Searches with the weights that a model has at each call."""

    def __init__(self, model: Transformer) -> None:
        """Compiles nothing yet: `search` does so when options are new to it."""
        self._model = model
        self._graphs: dict[SearchOptions, Any] = {}
        self._guided: dict[SearchOptions, Any] = {}

    @property
    def model(self) -> Transformer:
        """The model that it searches with."""
        return self._model

    def search(self, sources: Sequence[Sequence[int]], options: SearchOptions) -> list[list[Hypothesis]]:
        """See `Engine.search`."""
        if options.sample:
            return self.search_after(sources, [()] * len(sources), options)  # the seed is an input there
        return search_with(self.graph(options), sources)

    def search_after(
        self, sources: Sequence[Sequence[int]], prefixes: Sequence[Sequence[int]], options: SearchOptions
    ) -> list[list[Hypothesis]]:
        """See `PrefixEngine.search_after`."""
        if not sources:
            return []
        graph = self._guided_graph(dataclasses.replace(options, seed=0))
        longest = max(map(len, prefixes))
        forced = np.full([len(prefixes), longest], PAD_ID, np.int32)
        for row, prefix in zip(forced, prefixes, strict=True):
            row[: len(prefix)] = prefix
        return hypotheses_of(graph(pad(sources, eos=True), forced, np.int64(options.seed)), sources)

    def graph(self, options: SearchOptions) -> Any:
        """The search with some options, a `tf.function`: int32 [B, S], ending with EOS and padded -> `Hypotheses`."""
        if options not in self._graphs:
            seed = tf.constant(options.seed, tf.int64)
            signature = [tf.TensorSpec([None, None], tf.int32)]
            self._graphs[options] = tf.function(
                lambda ids: _search(self._model, Request(ids, None, seed), options), signature
            )
        return self._graphs[options]

    def _guided_graph(self, options: SearchOptions) -> Any:
        """`graph` with what differs from call to call: int32 [B, S], int32 [B, P] prefixes, padded, int64 seed."""
        if options not in self._guided:
            ids = tf.TensorSpec([None, None], tf.int32)
            self._guided[options] = tf.function(
                lambda *inputs: _search(self._model, Request(*inputs), options),
                [ids, ids, tf.TensorSpec([], tf.int64)],
            )
        return self._guided[options]


def _search(model: Transformer, request: Request, options: SearchOptions) -> Hypotheses:
    strategy, constraints = strategy_of(request, options), constraints_of(request, options)
    return search(_decoder(model, request.source_ids, options), limits_of(request, options), strategy, constraints)


def _decoder(model: Transformer, source_ids: tf.Tensor, options: SearchOptions) -> Decoder:
    """The model after it has read the sources, int32 [B, S]."""
    output_kernel = model.output_kernel()
    covering = options.coverage_penalty > 0

    def step(token_ids: tf.Tensor, position: tf.Tensor, encoded: Any, state: Any) -> Step:
        cache, coverage = state
        stepped = model.decode_step(token_ids, position, encoded, cache, output_kernel)
        attention = _mean_of_heads(stepped.attention) if options.with_attention else ()
        if not covering:
            return Step(stepped.logits, (stepped.cache, coverage), attention)
        coverage += _mean_of_heads(stepped.attention[-1:])[:, 0]
        bonus = coverage_score(coverage, options.coverage_penalty)
        return Step(stepped.logits, (stepped.cache, coverage), attention, bonus)

    B, S = tf.unstack(tf.shape(source_ids))
    W = options.beam_size
    encoded = model.encode(source_ids)._replace(weights=())
    attention = tf.zeros([B, W, 0, len(model.decoder_layers), S]) if options.with_attention else ()
    coverage = tf.repeat(tf.cast(source_ids == PAD_ID, tf.float32), W, 0) if covering else ()  # [B · W, S]
    shapes = model.cache_shapes(), tf.TensorShape([None, None]) if covering else ()
    return Decoder(step, encoded, (model.empty_cache(B * W), coverage), shapes, attention)


def _mean_of_heads(layers: Sequence[tf.Tensor]) -> tf.Tensor:
    """Attention of each layer over the source, [b, H, W, S] each -> float32 [b · W, layers, S]."""
    means = tf.stack([tf.reduce_mean(tf.cast(weights, tf.float32), 1) for weights in layers], 2)  # [b, W, layers, S]
    return tf.reshape(means, [-1, len(layers), tf.shape(means)[3]])
