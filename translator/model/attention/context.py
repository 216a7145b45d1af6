"""What every part of an attention layer is told beside its inputs."""

import dataclasses

import tensorflow as tf

from translator.model.dropout import Dropout


@dataclasses.dataclass(frozen=True)
class Context:
    """Where queries and keys stand, and what holds for one pass through the model.

    Training, a step of the search and the exported graph all describe themselves in this way, so that a part written
    for one works in the others. Positions are given as such and not as masks made of them: a part may need distances.
    """

    query_positions: tf.Tensor  # int32 [Q], the same for every row of the batch
    key_positions: tf.Tensor  # int32 [M]
    real_keys: tf.Tensor | None = None  # bool [B, M], False at padding; None if no key needs to be hidden
    keys_ahead: bool = True  # False in a step of the search whose cache grows: no key stands after a query
    fixed_cache: bool = False  # whether the past has room for all keys already, so that the new one is written there
    dropout: Dropout | None = None  # None in inference
    value_scale: tf.Tensor | None = None  # [B, M], what the values of each key are multiplied by; None is 1

    def with_hypotheses(self, number: tf.Tensor) -> "Context":
        """The same for the queries of W hypotheses side by side, W · Q of them."""
        return dataclasses.replace(self, query_positions=tf.tile(self.query_positions, [number]))

    def with_keys(self, positions: tf.Tensor, real: tf.Tensor | None) -> "Context":
        """The same for other keys, such as a part of them: int32 [M], bool [B, M] or None."""
        return dataclasses.replace(self, key_positions=positions, real_keys=real)

    @property
    def distances(self) -> tf.Tensor:
        """How far behind each query a key stands, negative ahead of it: int32 [Q, M]."""
        return self.query_positions[:, None] - self.key_positions[None, :]
