"""The searches over the Transformer: source ids in, hypotheses out, as one graph that can be called or exported."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from translator.config.schema import SearchConfig
from translator.decoding.search import Hypotheses, SpecialIds, beam_search, greedy_search
from translator.model.transformer import Transformer
from translator.vocabulary import BOS_ID, EOS_ID, PAD_ID, UNK_ID

SPECIAL_IDS = SpecialIds(PAD_ID, BOS_ID, EOS_ID, never=(PAD_ID, BOS_ID, UNK_ID))


def search_function(model: Transformer, config: SearchConfig) -> Callable[[tf.Tensor], Hypotheses]:
    """Compiles the search of a model: int32 [B, S], ending with EOS and padded -> `Hypotheses`, W = beam_size."""

    def step(token_ids: tf.Tensor, position: tf.Tensor, encoded: Any, cache: Any) -> tuple[tf.Tensor, Any]:
        return model.decode_step(token_ids, position, encoded, cache)[:2]

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)])
    def search(source_ids: tf.Tensor) -> Hypotheses:
        lengths = tf.reduce_sum(tf.cast(source_ids != PAD_ID, tf.int32), 1)
        scaled = tf.cast(tf.cast(lengths, tf.float32) * config.max_length_factor, tf.int32)
        max_lengths = scaled + config.max_length_margin
        encoded = model.encode(source_ids)._replace(weights=())
        cache = model.empty_cache(tf.shape(source_ids)[0] * config.beam_size)
        if config.beam_size == 1:
            return greedy_search(step, encoded, cache, max_lengths, config.length_penalty, SPECIAL_IDS)
        return beam_search(step, encoded, cache, max_lengths, config.beam_size, config.length_penalty, SPECIAL_IDS)

    return search
