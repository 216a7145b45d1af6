"""What engines whose search is a TensorFlow graph have in common: ids in, padded; hypotheses out, unpadded.

Letters: B sentences, S source length, W beam width.
"""

import collections
import dataclasses
import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
import tensorflow as tf

from translator.data.batches import pad
from translator.decoding.options import Hypothesis
from translator.decoding.search.scoring import NEVER
from translator.decoding.search.strategies import Hypotheses
from translator.vocabulary import PAD_ID

Key = TypeVar("Key")
Graph = TypeVar("Graph")

MULTIPLE = 16  # of the lengths that `few_shapes` gives
MOST_GRAPHS = 64  # of an engine: options may come from anybody, and each graph takes memory
SearchGraph = Callable[[tf.Tensor], Hypotheses]  # of int32 [B, S], each ending with EOS, padded with PAD


class LastUsedGraphs(Generic[Key, Graph]):
    """Makes a graph for each key, and keeps those that were used last; threads may share it."""

    def __init__(self, make: Callable[[Key], Graph], most: int = MOST_GRAPHS) -> None:
        """Takes what makes a graph, which must not be slow: a `tf.function` is traced when it is first called."""
        self._make, self._most = make, most
        self._graphs: collections.OrderedDict[Key, Graph] = collections.OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._graphs)

    def __getitem__(self, key: Key) -> Graph:
        with self._lock:
            if key not in self._graphs:
                self._graphs[key] = self._make(key)
            self._graphs.move_to_end(key)
            if len(self._graphs) > self._most:
                self._graphs.popitem(last=False)
            return self._graphs[key]


def search_with(graph: SearchGraph, sources: Sequence[Sequence[int]]) -> list[list[Hypothesis]]:
    """Searches one batch with a graph; see `Engine.search`."""
    if not sources:
        return []
    return hypotheses_of(graph(pad(sources, eos=True)), sources)


def few_shapes(rows: np.ndarray) -> np.ndarray:
    """Pads rows of ids, int32 [B, S], so that few shapes come: B is a power of two, S a multiple of 16.

    Rows that are added are copies of the last: they take no more steps than that does.
    """
    B, S = rows.shape
    rows = np.pad(rows, [(0, 0), (0, -S % MULTIPLE)], constant_values=PAD_ID)
    return np.pad(rows, [(0, (1 << (B - 1).bit_length()) - B), (0, 0)], "edge")


def hypotheses_of(found: Hypotheses, sources: Sequence[Sequence[int]]) -> list[list[Hypothesis]]:
    """What a graph has found for one batch, as plain lists."""
    found = tf.nest.map_structure(lambda x: x.numpy()[: len(sources)], found)
    columns = [part.tolist() for part in (found.ids, found.scores, found.log_probs, found.lengths)]
    token_log_probs = found.token_log_probs
    # float32 [B, W, L], or nothing for each sentence
    columns.append([None] * len(sources) if isinstance(token_log_probs, tuple) else token_log_probs.tolist())
    hypotheses = [_hypotheses(*rows) for rows in zip(*columns, strict=True)]
    if not tf.nest.flatten(found.attention):
        return hypotheses
    attention = found.attention[:, 0]  # [B, L, layers, S], of the best
    return [
        [_with_attention(best, weights, len(source)), *others]
        for (best, *others), weights, source in zip(hypotheses, attention, sources, strict=True)
    ]


def fingerprint_of(weights: Mapping[str, Any]) -> str:
    """SHA-256 of variables, by name, in hexadecimal."""
    digest = hashlib.sha256()
    for name, weight in sorted(weights.items()):
        array = np.ascontiguousarray(weight.numpy())
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(array.data if array.dtype != object else repr(array.tolist()).encode())
    return digest.hexdigest()


def _hypotheses(
    ids: list[list[int]],
    scores: list[float],
    log_probs: list[float],
    lengths: list[int],
    token_log_probs: list[list[float]] | None,
) -> list[Hypothesis]:
    """The hypotheses of a sentence, W rows of them: the best, and what others the search has found."""
    hypotheses: list[Hypothesis] = []
    for i, (row, score, log_prob, length) in enumerate(zip(ids, scores, log_probs, lengths, strict=True)):
        if not hypotheses or score > NEVER / 2:
            tokens = tuple(token for token in row if token != PAD_ID)
            each = tuple(token_log_probs[i][:length]) if token_log_probs else None
            ended = len(tokens) < length
            hypotheses.append(Hypothesis(tokens, score, log_prob, ended, token_log_probs=each))
    return hypotheses


def _with_attention(hypothesis: Hypothesis, attention: np.ndarray, source_tokens: int) -> Hypothesis:
    """Takes the attention without padding: float32 [L, layers, S] -> [layers, length, source tokens + EOS]."""
    real = attention[: hypothesis.length, :, : source_tokens + 1]
    return dataclasses.replace(hypothesis, attention=real.transpose(1, 0, 2))
