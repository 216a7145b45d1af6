"""From options to the parts of a search: a strategy, constraints and limits.

Letters: B sentences, S source length, P longest prefix.
"""

from typing import NamedTuple

import tensorflow as tf

from translator.decoding.options import SearchOptions
from translator.decoding.search.constraints import (
    begins_with,
    length_limits,
    never,
    no_end_before,
    no_phrase,
    no_repeated_ngram,
    repetition_penalty,
)
from translator.decoding.search.independent import Independent, alternatives, sampled
from translator.decoding.search.loop import Constraint
from translator.decoding.search.random_numbers import keys_of
from translator.decoding.search.scoring import Scoring
from translator.decoding.search.strategies import Beam, Greedy, SpecialIds, Strategy
from translator.vocabulary import BOS_ID, EOS_ID, PAD_ID, UNK_ID

SPECIAL_IDS = SpecialIds(PAD_ID, BOS_ID, EOS_ID)
NEVER_WRITTEN = (PAD_ID, BOS_ID, UNK_ID)


class Request(NamedTuple):
    """What differs between searches with the same options."""

    source_ids: tf.Tensor  # int32 [B, S], ending with EOS, padded with PAD
    prefixes: tf.Tensor | None  # int32 [B, P], what translations begin with, padded with PAD
    seed: tf.Tensor  # int64 scalar

    @property
    def prefix_lengths(self) -> tf.Tensor:
        """int32 [B]."""
        if self.prefixes is None:
            return tf.zeros(tf.shape(self.source_ids)[:1], tf.int32)
        return _real_tokens(self.prefixes)


def strategy_of(request: Request, options: SearchOptions) -> Strategy:
    """Which tokens are taken."""
    W = options.beam_size
    scoring = Scoring(options.length_penalty, options.length_penalty_form == "gnmt", options.stopping, options.patience)
    if options.sample:
        keys = keys_of(request.source_ids, request.source_ids != PAD_ID)
        pick = sampled(W, request.seed, keys, options.temperature, options.top_k, options.top_p)
    elif options.alternatives:
        pick = alternatives(W, request.prefix_lengths)
    elif W == 1:
        return Greedy(SPECIAL_IDS, scoring, options.with_token_log_probs)
    else:
        return Beam(W, SPECIAL_IDS, scoring, options.with_token_log_probs, options.coverage_penalty > 0)
    return Independent(W, pick, SPECIAL_IDS, scoring, options.with_token_log_probs)


def constraints_of(request: Request, options: SearchOptions) -> list[Constraint]:
    """What changes logits: first what makes tokens less likely, then what forbids them, then what demands them."""
    constraints: list[Constraint] = []
    if options.repetition_penalty != 1.0:
        constraints.append(repetition_penalty(options.repetition_penalty))
    constraints.append(never(NEVER_WRITTEN))
    if options.min_length_factor > 0:
        least = length_limits(_real_tokens(request.source_ids), options.min_length_factor, margin=0)
        constraints.append(no_end_before(least, EOS_ID))
    if options.no_repeat_ngram_size:
        constraints.append(no_repeated_ngram(options.no_repeat_ngram_size))
    if options.suppressed:
        constraints.append(no_phrase(options.suppressed))
    if request.prefixes is not None:
        constraints.append(begins_with(request.prefixes, request.prefix_lengths))
    return constraints


def limits_of(request: Request, options: SearchOptions) -> tf.Tensor:
    """The most tokens that each translation may have, one more than its prefix at least: int32 [B]."""
    limits = length_limits(_real_tokens(request.source_ids), options.max_length_factor, options.max_length_margin)
    return limits if request.prefixes is None else tf.maximum(limits, request.prefix_lengths + 1)


def longest_of(request: Request, options: SearchOptions) -> int:
    """What no limit of a translation is above, as the shapes that are known when tracing tell."""
    longest = options.max_target_tokens(request.source_ids.shape[1])
    return longest if request.prefixes is None else max(longest, request.prefixes.shape[1] + 1)


def _real_tokens(ids: tf.Tensor) -> tf.Tensor:
    """How many tokens of each row are not padding: int32 [B, S] -> int32 [B]."""
    return tf.reduce_sum(tf.cast(ids != PAD_ID, tf.int32), 1)
