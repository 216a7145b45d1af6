"""Which sentence pairs each step sees, and how they become padded arrays.

A *plan* says which rows of the store make up each batch of an epoch. It is a function of the seed and the epoch alone,
so a run that resumes in the middle of an epoch goes on with the very batches that were to come, at once, and each
worker and replica knows its share without asking. There is no shuffle buffer whose content would be lost.

Letters: N micro-batches, B rows a micro-batch, S source length, T target length.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from translator.data.store import TokenStore
from translator.data.tokenizer import BOS_ID, EOS_ID, PAD_ID, UNK_ID, Tokenizer


class Batch(NamedTuple):
    """One replica's part of a step."""

    source: np.ndarray  # int32 [N, B, S]: tokens, EOS, padding
    target: np.ndarray  # int32 [N, B, T + 1]: BOS, tokens, EOS, padding


@dataclass(frozen=True)
class Position:
    """Where in the corpus training stands: the next batch."""

    epoch: int = 0
    batch: int = 0


@dataclass(frozen=True)
class Sampling:
    """Another segmentation of the training text each time (Kudo, 2018; Provilkov et al., 2020)."""

    tokenizers: tuple[Tokenizer, Tokenizer]
    alpha: float

    def resample(self, sequences: list[np.ndarray], side: int, seed: int) -> list[np.ndarray]:
        """Segments the text of sequences of ids anew; one with an unknown character, whose text is lost, stays."""
        tokenizer = self.tokenizers[side]
        texts = tokenizer.decode([ids.tolist() for ids in sequences])
        sampled = tokenizer.sample(texts, self.alpha, seed)
        return [ids if UNK_ID in ids else np.asarray(new) for ids, new in zip(sequences, sampled, strict=True)]


def plan_epoch(
    store: TokenStore, weights: tuple[float, ...], batch_tokens: int, seed: int, epoch: int
) -> list[np.ndarray]:
    """Deals the rows of an epoch into batches of like length, in random order.

    Rows are sorted by the rungs of their target and source lengths, in random order within a rung, and cut so that no
    batch passes `batch_tokens`, counted on its longer side with padding and EOS.

    Returns:
        Row numbers of each batch. A row may come more than once with weights above 1.
    """
    rng = np.random.default_rng([seed, epoch])
    rows = rng.permutation(np.concatenate([_weighted(rng, *part) for part in zip(store.corpora, weights, strict=True)]))
    source, target = rung(store.source.lengths[rows] + 1), rung(store.target.lengths[rows] + 1)
    order = np.argsort((target << 32) + source, kind="stable")
    rows, source, target = rows[order], source[order], target[order]
    longer = np.maximum(source, target)
    rungs = np.unique(longer)
    batches, start = [], 0
    while start < len(rows):
        # Each rung has one size of batch; the shortest rung that holds all of its own size gives the largest batch.
        for length in rungs[np.searchsorted(rungs, target[start]) :]:
            batch = slice(start, start + max(1, batch_tokens // length))
            if longer[batch].max() <= length:
                break
        batches.append(rows[batch])
        start = batch.stop
    return [batches[i] for i in rng.permutation(len(batches))]


def rung(lengths: np.ndarray) -> np.ndarray:
    """The lengths that sequences are padded to: all up to 8, then four to each doubling (10, 12, 14, 16, 20, 24 …).

    Batches thereby come in some dozens of shapes. On CPU each shape costs the making of its matrix kernels, of which a
    bounded number is kept; on GPU and TPU it costs a compilation.
    """
    step = 2 ** np.maximum(np.ceil(np.log2(np.maximum(lengths, 1))).astype(np.int64) - 3, 0)
    return -(-lengths // step) * step


def _weighted(rng: np.random.Generator, rows: range, weight: float) -> np.ndarray:
    """Each row ⌊weight⌋ times, and a random share of them once more."""
    everything = np.arange(rows.start, rows.stop)
    extra = rng.choice(everything, round((weight % 1) * len(rows)), replace=False)
    return np.concatenate([np.tile(everything, int(weight)), extra])


@dataclass(frozen=True)
class TrainingBatches:
    """The batches of a run without end, from any position on."""

    store: TokenStore
    weights: tuple[float, ...]  # of each corpus
    batch_tokens: int
    seed: int
    shares: int = 1  # replicas that share a batch out
    micro_batches: int = 1  # parts of a replica's share
    sampling: Sampling | None = None

    def plan(self, epoch: int) -> list[np.ndarray]:
        """Rows of each batch of an epoch."""
        return plan_epoch(self.store, self.weights, self.batch_tokens, self.seed, epoch)

    def start(self, position: Position) -> Iterator[tuple[Position, list[Batch]]]:
        """Yields each batch's shares, and the position after it.

        All shares of a batch have one shape: those that have fewer rows than others are filled up with padding.
        """
        epoch, first = position.epoch, position.batch
        while True:
            plan = self.plan(epoch)
            for index in range(first, len(plan)):
                after = Position(epoch, index + 1) if index + 1 < len(plan) else Position(epoch + 1, 0)
                yield after, self._batch(plan[index], epoch, index)
            epoch, first = epoch + 1, 0

    def dataset(self, position: Position) -> tf.data.Dataset:
        """The same as tensors, prepared ahead: (position int64 [2], source, target), one share after the other."""

        def elements() -> Iterator[tuple[tuple[int, int], np.ndarray, np.ndarray]]:
            for after, batch in self.start(position):
                for share in batch:
                    yield (after.epoch, after.batch), share.source, share.target

        ids = tf.TensorSpec([self.micro_batches, None, None], tf.int32)
        signature = (tf.TensorSpec([2], tf.int64), ids, ids)
        return tf.data.Dataset.from_generator(elements, output_signature=signature).prefetch(4 * self.shares)

    def _batch(self, rows: np.ndarray, epoch: int, index: int) -> list[Batch]:
        sides = [[sequences[row] for row in rows] for sequences in (self.store.source, self.store.target)]
        if self.sampling:
            seeds = np.random.SeedSequence([self.seed, epoch, index]).generate_state(2)
            sides = [self.sampling.resample(ids, side, int(seeds[side])) for side, ids in enumerate(sides)]
        return _deal(sides, self.shares, self.micro_batches)


def _deal(sides: list[list[np.ndarray]], shares: int, micro_batches: int) -> list[Batch]:
    parts = shares * micro_batches
    rows = -(-len(sides[0]) // parts)
    dealt: list[np.ndarray] = []
    for ids in (pad(sides[0], eos=True), pad(sides[1], bos=True, eos=True)):
        # A target is one longer than what the decoder reads of it: BOS is not predicted, EOS not read.
        read = ids.shape[1] - len(dealt)
        filled = np.full([rows * parts, int(rung(np.array(read))) + len(dealt)], PAD_ID, np.int32)
        filled[: len(ids), : ids.shape[1]] = ids
        # Row r goes to part r mod parts: neighbours in length go to different parts.
        dealt.append(filled.reshape(rows, shares, micro_batches, -1).transpose(1, 2, 0, 3))
    return [Batch(*share) for share in zip(*dealt, strict=True)]


def pad(sequences: Sequence[Sequence[int] | np.ndarray], *, bos: bool = False, eos: bool = False) -> np.ndarray:
    """Lays sequences under each other, padded to the longest: int32 [rows, length]."""
    lengths = np.fromiter((len(ids) for ids in sequences), np.int64, len(sequences))
    padded = np.full([len(sequences), bos + int(lengths.max()) + eos], PAD_ID, np.int32)
    if bos:
        padded[:, 0] = BOS_ID
    columns = np.arange(padded.shape[1]) - bos
    padded[(columns >= 0) & (columns < lengths[:, None])] = np.concatenate(sequences)
    if eos:
        padded[np.arange(len(sequences)), bos + lengths] = EOS_ID
    return padded


def length_sorted(sequences: list[list[int]], size: int) -> Iterator[list[int]]:
    """Positions of the sequences, longest first, so many at a time: what evaluation translates together."""
    order = sorted(range(len(sequences)), key=lambda i: -len(sequences[i]))
    for start in range(0, len(order), size):
        yield order[start : start + size]
