"""Every kind of attention as its formula says, in NumPy and float64: sentence by sentence, head by head, row by row.

A row has the scores of the keys that may be attended to, and no others: nothing is masked here.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from translator.config.attention import AttentionConfig

Weights = Mapping[str, np.ndarray]


def softmax(row: np.ndarray) -> np.ndarray:
    exponentials = np.exp(row - row.max())
    return exponentials / exponentials.sum()


def bisected(row: np.ndarray, power: float) -> np.ndarray:
    """max(row − τ, 0)^power, with τ such that they sum to 1: between the highest score less 1 and the highest."""
    low, high = row.max() - 1.0, row.max()
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if (np.maximum(row - middle, 0) ** power).sum() >= 1 else (low, middle)
    return np.maximum(row - low, 0) ** power


def best(row: np.ndarray, k: int) -> np.ndarray:
    chosen = np.argsort(-row)[:k]
    weights = np.zeros_like(row)
    weights[chosen] = softmax(row[chosen])
    return weights


# Scores of queries [Q, K] and keys [M, K] in a head.
SCORES: Mapping[str, Callable[[np.ndarray, np.ndarray, Weights, int], np.ndarray]] = {
    "scaled_dot_product": lambda q, k, w, h: q @ k.T / math.sqrt(q.shape[1]),
    "dot_product": lambda q, k, w, h: q @ k.T,
    "norm_scaled": lambda q, k, w, h: q @ k.T / np.sqrt(np.outer(np.linalg.norm(q, axis=1), np.linalg.norm(k, axis=1))),
    "cosine": lambda q, k, w, h: (
        w["score.factor"][h] * (q @ k.T) / np.outer(np.linalg.norm(q, axis=1), np.linalg.norm(k, axis=1))
    ),
    "additive": lambda q, k, w, h: np.tanh(q[:, None] + k[None]) @ w["score.vector"][h],
}

# Weights of a row of scores.
SELECTIONS: Mapping[str, Callable[[np.ndarray, AttentionConfig], np.ndarray]] = {
    "softmax": lambda row, config: softmax(row),
    "top_k": lambda row, config: best(row, config.top_k or 0),
    "sparsemax": lambda row, config: bisected(row, 1.0),
    "entmax15": lambda row, config: bisected(row / 2, 2.0),
    "signed": lambda row, config: softmax(np.abs(row)) * np.sign(row),
    "sigmoid": lambda row, config: 1 / (1 + np.exp(-(row - math.log(len(row))))),
    "differential": lambda row, config: softmax(row),  # of one head; `Formula` subtracts
}

# What a query [Q, K] gives to silence in a head, [Q], and the value of that, [K].
SILENCES: Mapping[str, Callable[["Formula", np.ndarray, int], tuple[np.ndarray, np.ndarray]]] = {
    "zero": lambda f, q, h: (np.zeros(len(q)), np.zeros(f.K)),
    "sink": lambda f, q, h: (np.full(len(q), f.weights["silence.logit"][h]), np.zeros(f.K)),
    "null_key": lambda f, q, h: (
        SCORES[f.config.score](q, f.weights["silence.null_key"][[f.key_head(h)]], f.weights, h)[:, 0],
        f.weights["silence.null_value"][f.key_head(h)],
    ),
}


def t5_bucket(relative: int, bidirectional: bool, buckets: int = 32, farthest: int = 128) -> int:
    """As T5's own code has it; `relative` is the key's position less the query's."""
    bucket = 0
    if bidirectional:
        buckets //= 2
        bucket += buckets if relative > 0 else 0
        relative = abs(relative)
    else:
        relative = max(-relative, 0)
    exact = buckets // 2
    if relative < exact:
        return bucket + relative
    far = exact + int(math.log(relative / exact) / math.log(farthest / exact) * (buckets - exact))
    return bucket + min(far, buckets - 1)


SLOPES = {4: [1 / 4, 1 / 16, 1 / 64, 1 / 256]}  # Press et al. (2022, §3): a sequence that begins at 2^(−8/H)

# What is added to the score of a query [K] at position i and a key at position j, in a head.
BIASES: Mapping[str, Callable[["Formula", np.ndarray, int, int, int], float]] = {
    "t5": lambda f, q, i, j, h: f.weights["positions.table"][t5_bucket(j - i, f.place == "encoder"), h],
    "shaw": lambda f, q, i, j, h: q @ f.weights["positions.table"][min(max(j - i, -16), 16) + 16] / math.sqrt(f.K),
    "alibi": lambda f, q, i, j, h: -SLOPES[f.H][h] * abs(i - j),
}


def rotated(x: np.ndarray) -> np.ndarray:
    """[T, K], position t in row t: channel c and channel K/2 + c are a complex number, turned by t / 10000^(2c/K)."""
    half = x.shape[1] // 2
    angles = np.arange(len(x))[:, None] / 10000 ** (2 * np.arange(half) / x.shape[1])
    turned = (x[:, :half] + 1j * x[:, half:]) * np.exp(1j * angles)
    return np.concatenate([turned.real, turned.imag], 1)


@dataclass(frozen=True)
class Formula:
    """A layer of attention."""

    config: AttentionConfig
    positions: str
    place: str
    H: int
    weights: Weights  # by the names that the layer has for them
    layer: int = 0

    @property
    def K(self) -> int:  # noqa: N802
        return len(self.weights["output_projection.bias"]) // self.H

    def key_head(self, h: int) -> int:
        return h // (self.H // (self.config.key_value_heads or self.H))

    def linear(self, x: np.ndarray, name: str) -> np.ndarray:
        return x @ self.weights[f"{name}.kernel"] + self.weights[f"{name}.bias"]

    def may_attend(self, i: int, real: np.ndarray) -> np.ndarray:
        """Which of the keys the query at position i may attend to."""
        j = np.arange(len(real))
        allowed = real & (j <= i) if self.place == "decoder" else real
        window = self.config.window[0]
        return allowed if window is None else allowed & (abs(i - j) <= window)

    def heads(self, x: np.ndarray, memory: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Queries [H, Q, K], and keys and values [G, M, K]."""
        D, G = self.H * self.K, (self.config.key_value_heads or self.H) * self.K
        if self.place == "cross":
            q, kv = self.linear(x, "query"), self.linear(memory, "key_value")
            k, v = kv[:, :G], kv[:, G:]
        else:
            qkv = self.linear(x, "query_key_value")
            q, k, v = qkv[:, :D], qkv[:, D : D + G], qkv[:, D + G :]
        q, k, v = (part.reshape(len(part), -1, self.K).swapaxes(0, 1) for part in (q, k, v))
        if self.positions == "rotary" and self.place != "cross":
            q, k = (np.stack([rotated(head) for head in heads]) for heads in (q, k))
        return q, k, v

    def scores(self, x: np.ndarray, q: np.ndarray, k: np.ndarray, h: int) -> np.ndarray:
        """[Q, M] of a head."""
        scores = SCORES[self.config.score](q, k, self.weights, h)
        for i in range(len(q)):
            for j in range(len(k)):
                if self.positions in BIASES and self.place != "cross":
                    scores[i, j] += BIASES[self.positions](self, q[i], i, j, h)
                if self.config.forgetting and j < i:
                    gates = 1 / (1 + np.exp(-self.linear(x, "forgetting.gate")[j + 1 : i + 1, h]))
                    scores[i, j] += np.log(gates).sum()
        return scores

    def sentence(
        self, x: np.ndarray, memory: np.ndarray, real: np.ndarray, frozen: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Outputs [Q, D] and weights [H, Q, M] of a sentence: queries [Q, D], memory [M, D], real keys bool [M].

        `frozen` is added to the weights of the softmax, in place of the selection; [H, Q, M + 1], silence behind.
        """
        queries, keys, values = self.heads(x, memory)
        H, Q, M = self.H, len(x), len(memory)
        weights, silences = np.zeros([H, Q, M + 1]), np.zeros([H, self.K])
        for h in range(H):
            scores = self.scores(x, queries[h], keys[self.key_head(h)], h)
            silent = None
            if self.config.silence != "none":
                silent, silences[h] = SILENCES[self.config.silence](self, queries[h], h)
            for i in range(Q):
                places = np.flatnonzero(self.may_attend(i, real))
                if not len(places):  # padding, with padding around it
                    continue
                row = scores[i, places]
                if silent is not None:
                    places, row = np.append(places, M), np.append(row, silent[i])
                selected = SELECTIONS[self.config.selection](row, self.config) if frozen is None else softmax(row)
                weights[h, i, places] = selected
        if frozen is not None:
            weights = weights + frozen
        if self.config.selection == "differential":
            v = self.weights["selection.vectors"]
            share = np.exp(v[0] @ v[1]) - np.exp(v[2] @ v[3]) + self.first_lambda
            weights = np.repeat(weights[::2] - share * weights[1::2], 2, 0)
        mixed = np.stack([weights[h] @ np.vstack([values[self.key_head(h)], silences[h]]) for h in range(H)])
        return self.finished(mixed, x), weights[:, :, :M]

    @property
    def first_lambda(self) -> float:
        return 0.8 - 0.6 * math.exp(-0.3 * self.layer)

    def finished(self, mixed: np.ndarray, x: np.ndarray) -> np.ndarray:
        """What is made of the means of the values, [H, Q, K] -> [Q, D]."""
        H, Q, _ = mixed.shape
        if self.config.selection == "differential":
            for h in range(0, H, 2):
                pair = np.concatenate([mixed[h], mixed[h + 1]], 1)  # values twice as wide
                pair = pair / np.sqrt((pair**2).mean(1, keepdims=True) + 1e-5) * self.weights["norm.gamma"].reshape(-1)
                mixed[h], mixed[h + 1] = np.split(pair * (1 - self.first_lambda), 2, 1)
        joined = mixed.swapaxes(0, 1).reshape(Q, -1)
        if self.config.gate != "none":
            gates = 1 / (1 + np.exp(-self.linear(x, "gate.projection")))
            joined = joined * (np.repeat(gates, self.K, 1) if self.config.gate == "headwise" else gates)
        return self.linear(joined, "output_projection")

    def __call__(self, x: np.ndarray, memory: np.ndarray, real: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Outputs [B, Q, D] and weights [B, H, Q, M] of a batch."""
        found = [self.sentence(*parts) for parts in zip(x, memory, real, strict=True)]
        return np.stack([output for output, _ in found]), np.stack([weights for _, weights in found])
