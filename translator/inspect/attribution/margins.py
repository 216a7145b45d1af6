"""How clearly a model prefers the tokens of a translation, as a function of how much of each token before is there.

Letters: B variants of a pair, S source tokens with EOS, T target tokens with BOS, N = S + T, R questions, Q questions
asked of a variant, D model, V vocabulary.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from translator.model.attention.context import Context
from translator.model.transformer import Transformer
from translator.vocabulary import PAD_ID

TOGETHER = 4096  # positions of all variants that are read together: bounds memory
ANY_OTHER = -1  # as a foil


class Presence(NamedTuple):
    """How much of each token is there: 1 is all of it, 0 nothing. Those of the source stand first."""

    vectors: tf.Tensor  # float32 [B, N], what embeddings are multiplied by, before positions are added
    values: tf.Tensor  # float32 [B, N], what the values in every attention layer are multiplied by


# Presence, int32 [B, Q] -> float32 [B, Q]: the answers to some questions, another few for each variant.
Margins = Callable[[Presence, tf.Tensor], tf.Tensor]


class Questions(NamedTuple):
    """Why one token stands in a place, and not another one."""

    positions: np.ndarray  # int32 [R], of the tokens that are read last before the place: 0 is BOS
    chosen: np.ndarray  # int32 [R], the tokens that stand there
    foils: np.ndarray  # int32 [R], the tokens that do not; `ANY_OTHER` for all of them together


class ModelMargins:
    """The margins of a model, see `margins_of_logits`, compiled once for all pairs."""

    def __init__(self, model: Transformer) -> None:
        """Compiles nothing yet."""
        self.model = model
        ids, floats = tf.TensorSpec([None], tf.int32), tf.TensorSpec([None, None], tf.float32)
        signature = [
            ids,
            ids,
            Questions(ids, ids, ids),
            Presence(floats, floats),
            tf.TensorSpec([None, None], tf.int32),
        ]
        self._graph = tf.function(self._margins, signature)

    def of(self, source_ids: np.ndarray, target_in: np.ndarray, questions: Questions) -> Margins:
        """The margins of one pair.

        Args:
            source_ids: int32 [S], ending with EOS; padding may follow.
            target_in: int32 [T], beginning with BOS.
            questions: what is asked.
        """
        at_once = max(1, TOGETHER // (len(source_ids) + len(target_in)))

        def margins(presence: Presence, asked: tf.Tensor) -> tf.Tensor:
            parts = [
                self._graph(
                    source_ids,
                    target_in,
                    questions,
                    Presence(*(each[start : start + at_once] for each in presence)),
                    asked[start : start + at_once],
                )
                for start in range(0, asked.shape[0], at_once)
            ]
            return tf.concat(parts, 0)

        return margins

    def _margins(
        self,
        source_ids: tf.Tensor,
        target_in: tf.Tensor,
        questions: Questions,
        presence: Presence,
        asked: tf.Tensor,
    ) -> tf.Tensor:
        states = self._states(source_ids, target_in, presence)
        states = tf.gather(states, tf.gather(questions.positions, asked), batch_dims=1)  # [B, T, D] -> [B, Q, D]
        logits = self.model.logits(tf.reshape(states, [-1, self.model.config.d_model]))
        chosen, foils = (tf.reshape(tf.gather(ids, asked), [-1]) for ids in (questions.chosen, questions.foils))
        return tf.reshape(margins_of_logits(logits, chosen, foils), tf.shape(asked))

    def _states(self, source_ids: tf.Tensor, target_in: tf.Tensor, presence: Presence) -> tf.Tensor:
        """What the decoder says at each target position: [B, T, D]."""
        S, T = tf.size(source_ids), tf.size(target_in)
        source, target = (
            Presence(*parts) for parts in zip(*(tf.split(each, [S, T], 1) for each in presence), strict=True)
        )
        real = tf.repeat((source_ids != PAD_ID)[None], tf.shape(source.vectors)[0], 0)
        model = self.model
        encoded = model.encode_vectors(
            _scaled(model.source_embedding(source_ids[None]), source.vectors),
            Context(tf.range(S), tf.range(S), real, value_scale=source.values),
        )
        memories = tuple(memory.with_values_scaled(source.values) for memory in encoded.memories)
        return model.decode_vectors(
            _scaled(model.target_embedding(target_in[None]), target.vectors),
            Context(tf.range(T), tf.range(T), value_scale=target.values),
            encoded._replace(memories=memories),
        ).output


def _scaled(vectors: tf.Tensor, presence: tf.Tensor) -> tf.Tensor:
    """[1, M, D] and [B, M] -> [B, M, D]."""
    return vectors * tf.cast(presence, vectors.dtype)[:, :, None]


def margins_of_logits(logits: tf.Tensor, chosen: tf.Tensor, foils: tf.Tensor) -> tf.Tensor:
    """By how much a token is preferred: ln p(chosen) / p(foil), or ln p / (1 − p), the log-odds, against all others.

    Unlike the log-probability, log-odds go on growing where a model is sure, so that their gradient does not vanish;
    unlike the logit, they do not change where all logits change alike. Against one foil it is the difference of two
    logits (Yin and Neubig, 2022, §3).

    Args:
        logits: float32 [N, V].
        chosen: int32 [N].
        foils: int32 [N]; `ANY_OTHER` for all tokens but the chosen one.

    Returns:
        float32 [N].
    """
    is_chosen = tf.range(tf.shape(logits)[1]) == chosen[:, None]
    others = tf.reduce_logsumexp(tf.where(is_chosen, logits.dtype.min, logits), 1)
    foil = tf.gather(logits, tf.maximum(foils, 0), batch_dims=1)
    return tf.gather(logits, chosen, batch_dims=1) - tf.where(foils == ANY_OTHER, others, foil)
