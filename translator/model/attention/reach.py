"""Reach: which keys a query may attend to, as a function of where both stand."""

from collections.abc import Callable

import tensorflow as tf

from translator.model.attention.context import Context

# bool, broadcastable to [B, H, Q, M]; True means *may attend*. None allows everything.
Reach = Callable[[Context], tf.Tensor | None]


def everywhere(context: Context) -> tf.Tensor | None:
    """Lets every query attend to every key that is not padding: bool [B, 1, 1, M]."""
    return None if context.real_keys is None else context.real_keys[:, None, None, :]


def causal(context: Context) -> tf.Tensor | None:
    """Lets a query attend to the keys that do not stand after it: bool [1 or B, 1, Q, M]."""
    real = everywhere(context)
    if not context.keys_ahead:
        return real
    past = (context.query_positions[:, None] >= context.key_positions[None, :])[None, None]
    return past if real is None else past & real
