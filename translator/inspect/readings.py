"""What the decoder looks at in the source while it reads a given translation, read off in several ways.

Letters: B pairs, S source length with EOS, T target length with BOS, H heads, K head size, D model, L decoder layers.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import tensorflow as tf

from translator.data.batches import pad
from translator.model.attention.layer import CrossAttention
from translator.model.transformer import Encoded, States, Transformer

Method = Literal["weights", "norms", "rollout"]


class Reader:
    """Reads translations with a model, and says what it looked at."""

    def __init__(self, model: Transformer) -> None:
        """Compiles nothing yet."""
        self.model = model
        self._graphs: dict[Method, Callable[..., tf.Tensor]] = {}

    def read(
        self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]], method: Method
    ) -> list[np.ndarray]:
        """Reads one batch.

        Args:
            sources: token ids of each sentence, without BOS and EOS.
            targets: token ids of the translation of each, without BOS and EOS.
            method: see `METHODS`.

        Returns:
            For each pair float32 [layers, heads + 1, target tokens + 1, source tokens + 1]: what the decoder looks at
            as it reads BOS, then each token. The last of the heads is all of them together. A rollout has one layer
            and one head.
        """
        if method not in self._graphs:
            signature = [tf.TensorSpec([None, None], tf.int32)] * 2
            self._graphs[method] = tf.function(lambda s, t: self._read(s, t, METHODS[method]), signature)
        found = self._graphs[method](*map(tf.constant, (pad(sources, eos=True), pad(targets, bos=True)))).numpy()
        lengths = zip(sources, targets, strict=True)
        return [
            each[:, :, : len(target) + 1, : len(source) + 1]
            for each, (source, target) in zip(found, lengths, strict=True)
        ]

    def _read(
        self,
        source_ids: tf.Tensor,
        target_in: tf.Tensor,
        method: Callable[[Transformer, Encoded, States], tf.Tensor],
    ) -> tf.Tensor:
        encoded = self.model.encode(source_ids)
        return method(self.model, encoded, self.model.decode(target_in, encoded))


def weights(model: Transformer, encoded: Encoded, states: States) -> tf.Tensor:
    """The attention weights; their mean for all heads: float32 [B, L, H + 1, T, S]."""
    layers = [tf.cast(layer.cross_weights, tf.float32) for layer in states.layers]
    return tf.stack([tf.concat([each, tf.reduce_mean(each, 1, keepdims=True)], 1) for each in layers], 1)


def norms(model: Transformer, encoded: Encoded, states: States) -> tf.Tensor:
    """‖α f(x)‖ (Kobayashi et al., 2020, §3): how long the vector is that a source position adds to the output.

    f(x) = (x W^V + b^V) W^O of a head; for all heads it is the length of the sum over heads, ‖Σ_h α_h f_h(x)‖.

    Returns:
        float32 [B, L, H + 1, T, S].
    """
    found = []
    for layer, decoded, memory in zip(model.decoder_layers, states.layers, encoded.memories, strict=True):
        alpha = tf.cast(decoded.cross_weights, tf.float32)
        transformed = _transformed_values(layer.cross_attention, memory.values)  # [B, H, S, D]
        products = tf.einsum("bhsd,bgsd->bhgs", transformed, transformed)
        lengths = tf.sqrt(tf.linalg.diag_part(tf.transpose(products, [0, 3, 1, 2])))  # [B, S, H]
        of_heads = tf.abs(alpha) * tf.transpose(lengths, [0, 2, 1])[:, :, None]
        squared = tf.einsum("bhts,bgts,bhgs->bts", alpha, alpha, products)
        together = tf.sqrt(tf.maximum(squared, 0.0))
        found.append(tf.concat([of_heads, together[:, None]], 1))
    return tf.stack(found, 1)


def _transformed_values(attention: CrossAttention, values: tf.Tensor) -> tf.Tensor:
    """What each position adds to the output of a head if it has all of its attention: float32 [B, H, S, D]."""
    H, K = attention.heads.number, attention.heads.size
    values = tf.repeat(values, attention.heads.shared_by, 1)  # [B, G, S, K] -> [B, H, S, K]
    kernel = tf.reshape(tf.convert_to_tensor(attention.output_projection.kernel), [H, K, -1])
    return tf.einsum("bhsk,hkd->bhsd", tf.cast(values, tf.float32), tf.cast(kernel, tf.float32))


def rollout(model: Transformer, encoded: Encoded, states: States) -> tf.Tensor:
    """Attention multiplied through all layers (Abnar and Zuidema, 2020, §3), from the source's tokens on.

    A sublayer passes half of its input on, by its residual sum, and half of what it attends to; all heads are averaged.

    Returns:
        float32 [B, 1, 1, T, S].
    """
    source = tf.eye(tf.shape(encoded.real)[1], batch_shape=tf.shape(encoded.real)[:1])
    for layer in encoded.weights:
        source = 0.5 * (source + tf.matmul(_mean(layer), source))  # of each source position, by source tokens
    target = tf.zeros_like(_mean(states.layers[0].cross_weights))  # of each target position, by source tokens
    for decoded in states.layers:
        target = 0.5 * (target + tf.matmul(_mean(decoded.self_weights), target))
        target = 0.5 * (target + tf.matmul(_mean(decoded.cross_weights), source))
    return target[:, None, None]


def _mean(layer: tf.Tensor) -> tf.Tensor:
    """Over heads: [B, H, Q, M] -> float32 [B, Q, M]."""
    return tf.reduce_mean(tf.cast(layer, tf.float32), 1)


METHODS: dict[Method, Callable[[Transformer, Encoded, States], tf.Tensor]] = {
    "weights": weights,
    "norms": norms,
    "rollout": rollout,
}
