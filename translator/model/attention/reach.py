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
    past = (context.distances >= 0)[None, None]
    return past if real is None else past & real


def within(window: int, reach: Reach) -> Reach:
    """Local attention: of the keys in a reach, those at most `window` tokens away (Luong et al., 2015, §3.2: local-m).

    With `everywhere` the window is symmetric; with `causal` it is its past half.
    """

    def local(context: Context) -> tf.Tensor:
        """Lets a query attend to the keys that are near, of those in the reach: bool [1 or B, 1, Q, M]."""
        near, others = (tf.abs(context.distances) <= window)[None, None], reach(context)
        return near if others is None else near & others

    return local
