"""The Transformer as an engine: source ids in, hypotheses out, as one graph that can be called or exported.

Letters: B sentences, b those still being translated, W beam width, H heads, S source length, T target length,
N tokens of all targets, V vocabulary.
"""

import abc
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from translator.data.batches import pad
from translator.decoding.engines.assembly import (
    NEVER_WRITTEN,
    Request,
    constraints_of,
    limits_of,
    longest_of,
    strategy_of,
)
from translator.decoding.engines.forced import log_probs_of, score_with
from translator.decoding.engines.graphs import LastUsedGraphs, few_shapes, fingerprint_of, hypotheses_of, search_with
from translator.decoding.options import Hypothesis, SearchOptions
from translator.decoding.search.loop import Decoder, Step, search
from translator.decoding.search.scoring import coverage_score
from translator.decoding.search.strategies import Hypotheses
from translator.model.transformer import Transformer
from translator.vocabulary import PAD_ID

_IDS = tf.TensorSpec([None, None], tf.int32)


class DecoderEngine(abc.ABC):
    """Searches and scores with a decoder, in graphs; what the decoder is made of is the subclass's.

    Threads may share it. What two of them ask for first at the same time is still one graph: a `tf.function` lets one
    thread trace it. The graphs of the options that were used last are kept.
    """

    def __init__(self) -> None:
        """Compiles nothing yet: `search` does so when options are new to it."""
        self._graphs = LastUsedGraphs(self._graph)
        self._guided = LastUsedGraphs(self._guided_graph)
        self._score_graphs = LastUsedGraphs(self._score_graph)

    @abc.abstractmethod
    def decoder(self, source_ids: tf.Tensor, options: SearchOptions, longest: int | None = None) -> Decoder:
        """What the search sees, after the sources, int32 [B, S], have been read.

        `longest` is given if no shape may change: the most tokens that a translation may have.
        """

    @abc.abstractmethod
    def next_logits(self, source_ids: tf.Tensor, target_in: tf.Tensor, real: tf.Tensor) -> tf.Tensor:
        """Logits of the token after each real position: int32 [B, S] and [B, T], bool [B, T] -> float32 [N, V]."""

    def found(self, request: Request, options: SearchOptions) -> Hypotheses:
        """The operations of a search, which graphs are made of."""
        longest = longest_of(request, options) if options.xla else None
        decoder = self.decoder(request.source_ids, options, longest)
        strategy, constraints = strategy_of(request, options), constraints_of(request, options)
        return search(decoder, limits_of(request, options), strategy, constraints, longest)

    def search(self, sources: Sequence[Sequence[int]], options: SearchOptions) -> list[list[Hypothesis]]:
        """See `Engine.search`."""
        if options.sample:
            return self.search_after(sources, [()] * len(sources), options)  # the seed is an input there
        graph = self.graph(options)
        return search_with((lambda ids: graph(few_shapes(ids))) if options.xla else graph, sources)

    def search_after(
        self, sources: Sequence[Sequence[int]], prefixes: Sequence[Sequence[int]], options: SearchOptions
    ) -> list[list[Hypothesis]]:
        """See `PrefixEngine.search_after`."""
        if not sources:
            return []
        graph = self._guided[dataclasses.replace(options, seed=0)]
        longest = max(map(len, prefixes))
        forced = np.full([len(prefixes), longest], PAD_ID, np.int32)
        for row, prefix in zip(forced, prefixes, strict=True):
            row[: len(prefix)] = prefix
        inputs = [pad(sources, eos=True), forced]
        if options.xla:
            inputs = [few_shapes(rows) for rows in inputs]
        return hypotheses_of(graph(*inputs, np.int64(options.seed)), sources)

    def score(
        self,
        sources: Sequence[Sequence[int]],
        targets: Sequence[Sequence[int]],
        never_written: tuple[int, ...] = NEVER_WRITTEN,
    ) -> list[list[float]]:
        """See `ScoringEngine.score`; `never_written` are the ids that leave their probability to the others."""
        return score_with(self._score_graphs[never_written], sources, targets)

    def graph(self, options: SearchOptions) -> Any:
        """The search with some options, a `tf.function`: int32 [B, S], ending with EOS and padded -> `Hypotheses`."""
        return self._graphs[options]

    def _graph(self, options: SearchOptions) -> Any:
        seed = tf.constant(options.seed, tf.int64)
        return _compiled(lambda ids: self.found(Request(ids, None, seed), options), [_IDS], options.xla)

    def _guided_graph(self, options: SearchOptions) -> Any:
        """`graph` with what differs from call to call: int32 [B, S], int32 [B, P] prefixes, padded, int64 seed."""
        signature = [_IDS, _IDS, tf.TensorSpec([], tf.int64)]
        return _compiled(lambda *inputs: self.found(Request(*inputs), options), signature, options.xla)

    def _score_graph(self, never_written: tuple[int, ...]) -> Any:
        def score(source_ids: tf.Tensor, target_ids: tf.Tensor) -> tf.Tensor:
            target_in, target_out = target_ids[:, :-1], target_ids[:, 1:]
            real = target_out != PAD_ID
            logits = self.next_logits(source_ids, target_in, real)
            return log_probs_of(logits, tf.boolean_mask(target_out, real), never_written)

        return tf.function(score, [tf.TensorSpec([None, None], tf.int32)] * 2)


class TransformerEngine(DecoderEngine):
    """Searches with the weights that a model has at each call."""

    def __init__(self, model: Transformer) -> None:
        """Takes the model, and compiles nothing yet."""
        super().__init__()
        self.model = model

    def decoder(self, source_ids: tf.Tensor, options: SearchOptions, longest: int | None = None) -> Decoder:
        """See `DecoderEngine.decoder`."""
        return _decoder(self.model, source_ids, options, longest or 0)

    def next_logits(self, source_ids: tf.Tensor, target_in: tf.Tensor, real: tf.Tensor) -> tf.Tensor:
        """See `DecoderEngine.next_logits`."""
        states = self.model.decode(target_in, self.model.encode(source_ids)).output
        return self.model.logits(tf.boolean_mask(states, real))

    def fingerprint(self) -> dict[str, str]:
        """See `Identified.fingerprint`."""
        return {"engine": "transformer", "weights": fingerprint_of(self.model.named_weights())}


def _compiled(function: Callable[..., Hypotheses], signature: Sequence[tf.TensorSpec], xla: bool) -> Any:
    """One graph for all shapes of the signature; or under XLA, one for each that comes."""
    return tf.function(function, jit_compile=True) if xla else tf.function(function, signature)


def _decoder(model: Transformer, source_ids: tf.Tensor, options: SearchOptions, cache_length: int) -> Decoder:
    """The model after it has read the sources, int32 [B, S]; a cache of length 0 grows."""
    # A compiler multiplies by the table as it lies, and would transpose it anew for each batch.
    output_kernel = None if cache_length else model.output_kernel()
    covering = options.coverage_penalty > 0

    def step(token_ids: tf.Tensor, position: tf.Tensor, encoded: Any, state: Any) -> Step:
        cache, coverage = state
        stepped = model.decode_step(token_ids, position, encoded, cache, output_kernel, cache_length)
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
    return Decoder(step, encoded, (model.empty_cache(B * W, cache_length), coverage), shapes, attention)


def _mean_of_heads(layers: Sequence[tf.Tensor]) -> tf.Tensor:
    """Attention of each layer over the source, [b, H, W, S] each -> float32 [b · W, layers, S]."""
    means = tf.stack([tf.reduce_mean(tf.cast(weights, tf.float32), 1) for weights in layers], 2)  # [b, W, layers, S]
    return tf.reshape(means, [-1, len(layers), tf.shape(means)[3]])
