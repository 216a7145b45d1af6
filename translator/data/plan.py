"""Which rows of the corpus each step sees.

A *plan* says which rows of the store make up each batch of an epoch. It is a function of the seed and the epoch alone,
so a run that resumes in the middle of an epoch goes on with the very batches that were to come, at once, and each
worker and replica knows its slice without asking. There is no shuffle buffer whose content would be lost.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pydantic

from translator.config.data import DataConfig
from translator.data.corpora.base import CorpusError
from translator.data.store import TokenStore

# Rows of an epoch that are sorted by length at once.
SORTED_TOGETHER = 2**20


Lengths = tuple[np.ndarray, np.ndarray]  # tokens of sources and of targets

Count = Annotated[int, pydantic.Field(ge=0, lt=2**63)]  # as it may come back from a file


@dataclass(frozen=True)
class Position:
    """Where in the corpus training stands: the next batch."""

    epoch: Count = 0
    batch: Count = 0


def weights_of(data: DataConfig, store: TokenStore) -> tuple[float, ...]:
    """How often an epoch has each pair of each of a store's corpora, by all settings that decide it."""
    return tempered(tuple(corpus.weight for corpus in data.train), store, data.temperature)


def tempered(weights: tuple[float, ...], store: TokenStore, temperature: float) -> tuple[float, ...]:
    """The weights of a store's corpora at a temperature T, at which an epoch draws on corpora as on size^(1/T).

    With equal weights an epoch has as many pairs at any temperature (Arivazhagan et al., 2019, §3.3). At T = 1 the
    weights are unchanged.
    """
    sizes = [float(len(rows)) for rows in store.corpora]
    shares = [size ** (1 / temperature) for size in sizes]
    scale = sum(sizes) / sum(shares)
    # A product of ones at T = 1, exactly: each weight as it was.
    return tuple(
        weight * (share / size) * scale if size else weight
        for weight, share, size in zip(weights, shares, sizes, strict=True)
    )


def plan_epoch(
    store: TokenStore,
    weights: tuple[float, ...],
    batch_tokens: int,
    seed: int,
    epoch: int,
    *,
    few_shapes: bool = False,
    lengths: Lengths | None = None,
) -> list[np.ndarray]:
    """Deals the rows of an epoch into batches of like length, in random order.

    Rows are sorted by the bucket length of their longer side, then by how much longer it is, in random order among
    equals, and cut so that no batch passes `batch_tokens`, counted on its longer side with padding and EOS. With
    `few_shapes` both sides of a pair have the bucket length of the longer one, and there are few of those. Where
    pairs are modified or sampled, `lengths` are those that sources and targets may have then. In a large corpus
    `SORTED_TOGETHER` rows at a time, drawn at random, are sorted: memory is then for the row numbers and little else.

    Returns:
        Row numbers of each batch. A row may come more than once with weights above 1.

    Raises:
        CorpusError: the weights leave no row.
    """
    rng = np.random.default_rng([seed, epoch])
    rows = np.concatenate([_weighted(rng, *part) for part in zip(store.corpora, weights, strict=True)])
    if not len(rows):
        raise CorpusError("data.train: an epoch has no pair; raise the weight of a corpus")
    rng.shuffle(rows)
    parts = np.array_split(rows, -(-len(rows) // SORTED_TOGETHER))
    lengths = lengths or (store.source.compact_lengths(), store.target.compact_lengths())
    batches = [batch for part in parts for batch in _cut(lengths, part, batch_tokens, few_shapes)]
    return [batches[i] for i in rng.permutation(len(batches))]


def _cut(lengths: Lengths, rows: np.ndarray, batch_tokens: int, few_shapes: bool) -> Iterator[np.ndarray]:
    """Sorts rows by their bucket lengths and cuts them into batches; `lengths` are of all sources and all targets."""
    source, target = (side[rows].astype(np.int64) + 1 for side in lengths)
    source, target = paired_bucket_lengths(source, target, few_shapes)
    longer, difference = np.maximum(source, target), target - source
    taken = np.bincount(longer) > 0
    buckets, nth = np.flatnonzero(taken), np.cumsum(taken)[longer]
    widest = np.abs(difference).max()
    # From one bucket to the next the shorter sides rise and fall in turns, so that neighbours are alike there too.
    key = nth * (2 * widest + 1) + np.where(nth % 2, difference, -difference) + widest
    # As the narrowest of types: numbers of 16 bits are sorted in linear time.
    order = np.argsort(key.astype(np.min_scalar_type(key.max())), kind="stable")
    rows, longer = rows[order], longer[order]
    start = 0
    while start < len(rows):
        # Each bucket has one size of batch; the shortest that holds all rows of its own size gives the largest batch.
        for length in buckets[np.searchsorted(buckets, longer[start]) :]:
            stop = min(start + max(1, batch_tokens // length), len(rows))
            if longer[stop - 1] <= length:
                break
        yield rows[start:stop]
        start = stop


def longest_of(store: TokenStore) -> int:
    """Tokens of the longest sentence of either side."""
    return max(int(sequences.lengths.max()) for sequences in (store.source, store.target))


def most_sampled(lengths: np.ndarray, longest: int) -> np.ndarray:
    """The most tokens that sampled segmentations may have, for plain ones of so many: an eighth more, and one.

    Nothing gets longer than the longest plain one, so that `data.max_tokens` holds.
    """
    return np.minimum(lengths.astype(np.int64) * 9 // 8 + 1, longest).astype(np.min_scalar_type(longest))


def bucket_length(lengths: np.ndarray, to_a_doubling: int = 8) -> np.ndarray:
    """The lengths that sequences are padded to: each up to 16, then eight to each doubling (18, 20 … 32, 36, 40 …).

    Batches thereby come in a hundred shapes or so. On CPU each shape costs the making of its matrix kernels, of which a
    bounded number is kept.
    """
    return _bucket_lengths(int(np.max(lengths)), to_a_doubling)[lengths]


@functools.cache
def _bucket_lengths(longest: int, to_a_doubling: int) -> np.ndarray:
    """The bucket length of each length: int64 [longest + 1]. A table is quicker than a formula for each sentence."""
    lengths = np.arange(longest + 1)
    doubling = np.ceil(np.log2(np.maximum(lengths, 1))).astype(np.int64)
    step = 2 ** np.maximum(doubling - to_a_doubling.bit_length(), 0)
    return -(-lengths // step) * step


def paired_bucket_lengths(source: np.ndarray, target: np.ndarray, few_shapes: bool) -> tuple[np.ndarray, np.ndarray]:
    """The lengths that the two sides of pairs are padded to.

    Few shapes are for XLA, to which each costs a compilation: both sides get one length, of two to a doubling from 8.
    """
    if few_shapes:
        longer = np.maximum(bucket_length(np.maximum(source, target), 2), 8)
        return longer, longer
    return bucket_length(source), bucket_length(target)


def _weighted(rng: np.random.Generator, rows: range, weight: float) -> np.ndarray:
    """Each row ⌊weight⌋ times, and a random share of them once more."""
    everything = np.arange(rows.start, rows.stop, dtype=np.int32 if rows.stop < 2**31 else np.int64)
    extra = rng.choice(everything, round((weight % 1) * len(rows)), replace=False)
    return np.concatenate([np.tile(everything, int(weight)), extra])
