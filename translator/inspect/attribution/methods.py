"""Four ways to share a margin out among the tokens that a model has read.

All of them are questions to one function, F: how large is the margin when so much of each token is there? They know no
model. Scores are signed: what is positive speaks for the token, what is negative against it. Without any tokens, all
embeddings are zero and positions alone are left: the baseline.

Letters: N tokens, R questions (see `margins`), P points on the way from nothing to all tokens.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
import tensorflow as tf

from translator.inspect.attribution.margins import Margins, Presence

ROWS = 64  # variants whose gradient is computed together: bounds memory

Method = Literal["value-zeroing", "gradient", "integrated", "erasure"]


def erasure(margins: Margins, tokens: int, questions: int, steps: int) -> np.ndarray:
    """F(all) − F(all but this token), whose embedding is zero (Li et al., 2016, §5): float32 [R, N].

    Its position stays, so that the other tokens keep theirs.
    """
    one_missing = 1 - tf.eye(tokens)
    return _difference(margins, Presence(one_missing, tf.ones_like(one_missing)), questions)


def value_zeroing(margins: Margins, tokens: int, questions: int, steps: int) -> np.ndarray:
    """F(all) − F with this token's values zero in every attention layer (Mohebbi et al., 2023): float32 [R, N].

    Keys and queries stay: the token is looked at as much as before, but gives nothing. What differs from the paper:
    values are zeroed in all layers at once, and what is measured is the margin, not how far a layer's output moves. The
    token that was read last keeps what its residual sums pass on.
    """
    one_missing = 1 - tf.eye(tokens)
    return _difference(margins, Presence(tf.ones_like(one_missing), one_missing), questions)


def gradient_times_input(margins: Margins, tokens: int, questions: int, steps: int) -> np.ndarray:
    """∇F · x, x a token's embedding (Shrikumar et al., 2017, §3): float32 [R, N].

    The dot product and not a product of norms: it has a sign, and is what erasure would find if F were linear.
    """
    return _gradient(margins, tf.ones([1, questions, tokens]))[0].numpy()


def integrated_gradients(margins: Margins, tokens: int, questions: int, steps: int) -> np.ndarray:
    """The mean of ∇F · x on the way from nothing to all tokens (Sundararajan et al., 2017, §3): float32 [R, N].

    All embeddings grow together. The scores of a question sum to F(all) − F(nothing), up to the error of the
    quadrature, which is Gauss and Legendre's with so many steps.
    """
    nodes, weights = np.polynomial.legendre.leggauss(steps)  # of the interval from −1 to 1
    found = np.zeros([questions, tokens], np.float32)
    together = max(1, ROWS // questions)
    for start in range(0, steps, together):
        part = tf.constant((nodes[start : start + together, None, None] + 1) / 2, tf.float32)
        slopes = _gradient(margins, tf.tile(part, [1, questions, tokens])).numpy()
        found += np.tensordot(weights[start : start + together].astype(np.float32) / 2, slopes, 1)
    return found


def at_ends(margins: Margins, tokens: int, questions: int) -> tuple[np.ndarray, np.ndarray]:
    """F(all) and F(nothing), float32 [R] each."""
    vectors = tf.stack([tf.ones([tokens]), tf.zeros([tokens])])
    all_there, nothing = margins(Presence(vectors, tf.ones_like(vectors)), _every(questions, 2)).numpy()
    return all_there, nothing


def _difference(margins: Margins, missing: Presence, questions: int) -> np.ndarray:
    """F(all) − F(each variant): float32 [R, variants]."""
    with_all = Presence(*(tf.concat([tf.ones_like(each[:1]), each], 0) for each in missing))
    found = margins(with_all, _every(questions, with_all.vectors.shape[0])).numpy()
    return (found[:1] - found[1:]).T


def _every(questions: int, variants: int) -> tf.Tensor:
    """Asks each variant everything: int32 [variants, R]."""
    return tf.repeat(tf.range(questions)[None], variants, 0)


def _gradient(margins: Margins, vectors: tf.Tensor) -> tf.Tensor:
    """∂F/∂(presence of each embedding), which is ∇F · x where all of it is there: float32 [P, R, N] to the same.

    Each of the R rows is asked its own question, at each of the P points.
    """
    P, R, N = vectors.shape
    with tf.GradientTape() as tape:
        tape.watch(vectors)
        rows = tf.reshape(vectors, [P * R, N])
        found = margins(Presence(rows, tf.ones_like(rows)), tf.tile(tf.range(R)[:, None], [P, 1]))
    return tape.gradient(found, vectors)


METHODS: dict[Method, Callable[[Margins, int, int, int], np.ndarray]] = {
    "value-zeroing": value_zeroing,
    "gradient": gradient_times_input,
    "integrated": integrated_gradients,
    "erasure": erasure,
}
