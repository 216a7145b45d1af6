"""Batches of rows as padded arrays, dealt to replicas.

Letters: N micro-batches, B rows a micro-batch, S source length, T target length.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from translator.data.modifiers import Modifying
from translator.data.plan import (
    SORTED_TOGETHER,
    Lengths,
    Position,
    longest_of,
    most_sampled,
    paired_bucket_lengths,
    plan_epoch,
)
from translator.data.sampling import Sampling
from translator.data.store import Sequences, TokenStore
from translator.vocabulary import BOS_ID, EOS_ID, PAD_ID


class Batch(NamedTuple):
    """One replica's part of a step."""

    source: np.ndarray  # int32 [N, B, S]: tokens, EOS, padding
    target: np.ndarray  # int32 [N, B, T + 1]: BOS, tokens, EOS, padding
    links: np.ndarray | None = None  # int32 [N, B, ·], as `translator.data.links` has them, padded with 0

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """What a step takes: source, target, and links if there are any."""
        return (self.source, self.target) if self.links is None else (self.source, self.target, self.links)


class Step(NamedTuple):
    """A batch of one step, dealt to replicas."""

    after: Position  # of the next one
    slices: list[Batch]  # of the replicas
    plain: int  # of the sentences whose segmentation was to be drawn, those that stayed plain since no draw fitted
    drawn: int  # sentences whose segmentation was to be drawn


@dataclass(frozen=True)
class TrainingBatches:
    """The batches of a run without end, from any position on."""

    store: TokenStore
    weights: tuple[float, ...]  # of each corpus
    batch_tokens: int
    seed: int
    replicas: int = 1  # among which each batch is shared out
    micro_batches: int = 1  # parts of a replica's slice
    modifying: Modifying | None = None
    sampling: Sampling | None = None
    few_shapes: bool = False  # at the cost of padding

    def plan(self, epoch: int) -> list[np.ndarray]:
        """Rows of each batch of an epoch."""
        return plan_epoch(
            self.store,
            self.weights,
            self.batch_tokens,
            self.seed,
            epoch,
            few_shapes=self.few_shapes,
            lengths=self._lengths(epoch),
        )

    def _lengths(self, epoch: int) -> Lengths | None:
        """The most tokens that sources and targets may have in an epoch; None where they stay as they are."""
        if not (self.modifying or self.sampling):
            return None
        lengths = self.store.source.compact_lengths(), self.store.target.compact_lengths()
        parts = []
        for start in range(0, len(self.store), SORTED_TOGETHER):
            rows = np.arange(start, min(start + SORTED_TOGETHER, len(self.store)))
            parts.append(self._room((lengths[0][rows], lengths[1][rows]), rows, epoch))
        source, target = map(np.concatenate, zip(*parts, strict=True))
        return source, target

    def _room(self, lengths: Lengths, rows: np.ndarray, epoch: int) -> Lengths:
        """The most tokens that the sides of rows may have, which have so many in the store."""
        if self.modifying:
            lengths = self.modifying.room(lengths, (self.seed, epoch), rows, self._longest)
        if self.sampling:
            lengths = most_sampled(lengths[0], self._longest), most_sampled(lengths[1], self._longest)
        return lengths

    def start(self, position: Position, replicas: range | None = None) -> Iterator[Step]:
        """Yields each batch's replica slices, or those of some replicas, and the position after it.

        All slices of a batch have one shape: those that have fewer rows than others are filled up with padding.
        """
        replicas = range(self.replicas) if replicas is None else replicas
        epoch, first = position.epoch, position.batch
        while True:
            plan = self.plan(epoch)
            for index in range(first, len(plan)):
                after = Position(epoch, index + 1) if index + 1 < len(plan) else Position(epoch + 1, 0)
                yield Step(after, *self._batch(plan[index], epoch, replicas))
            epoch, first = epoch + 1, 0

    def dataset(
        self, position: Position, replicas: range | None = None, announce: Callable[[Step], None] | None = None
    ) -> tf.data.Dataset:
        """The same as tensors, prepared ahead, one slice after the other: `Batch.arrays`.

        `announce` is told of each step just before its slices set out, in a thread of the dataset's.
        """

        def elements() -> Iterator[tuple[np.ndarray, ...]]:
            for step in self.start(position, replicas):
                if announce:
                    announce(step)
                for part in step.slices:
                    yield part.arrays

        ids = tf.TensorSpec([self.micro_batches, None, None], tf.int32)
        dataset = tf.data.Dataset.from_generator(elements, output_signature=(ids,) * (3 if self.store.links else 2))
        # Told that it has no end, workers do not ask each other at each step whether all have another batch.
        endless = dataset.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))
        return endless.prefetch(4 * self.replicas)

    def _batch(self, rows: np.ndarray, epoch: int, replicas: range) -> tuple[list[Batch], int, int]:
        if not (self.modifying or self.sampling):
            return self._deal(self.store.source, self.store.target, rows, replicas), 0, 0
        pairs, seeds = (self.store.source.take(rows), self.store.target.take(rows)), (self.seed, epoch)
        lengths = pairs[0].lengths, pairs[1].lengths
        if self.modifying:
            lengths = self.modifying.room(lengths, seeds, rows, self._longest)
            pairs = self.modifying.draw(seeds, rows, (int(lengths[0].max()), int(lengths[1].max())))
        if self.sampling is None:
            return self._deal(*pairs, np.arange(len(rows)), replicas), 0, 0
        source, target = (int(most_sampled(side, self._longest).max()) for side in lengths)
        drawn = self.sampling.draw(pairs, seeds, rows, (source, target))
        return self._deal(drawn.source, drawn.target, np.arange(len(rows)), replicas), drawn.plain, 2 * len(rows)

    @functools.cached_property
    def positions(self) -> tuple[int, int]:
        """Positions of the longest source and of the longest target that a batch may have, EOS or BOS included."""
        if self.modifying:
            return self._longest + 1, self._longest + 1
        lengths = (int(side.lengths.max()) for side in (self.store.source, self.store.target))
        if self.sampling:
            lengths = (int(most_sampled(np.array(length), self._longest)) for length in lengths)
        source, target = (length + 1 for length in lengths)
        return source, target

    @functools.cached_property
    def _longest(self) -> int:
        return longest_of(self.store)

    def largest(self) -> Batch:
        """A slice of padding alone that no replica's slice of a batch is larger than, on either side or in attention.

        With few shapes it is one of theirs, which another may be larger than by less than a row.
        """
        longest = self._longest + 1
        length = int(paired_bucket_lengths(np.array(longest), np.array(longest), self.few_shapes)[0])
        rows = max(1, self.batch_tokens // length) if self.few_shapes else -(-self.batch_tokens // length)
        rows = -(-rows // (self.replicas * self.micro_batches))
        source, target = (np.full([self.micro_batches, rows, length + bos], PAD_ID, np.int32) for bos in (0, 1))
        if self.store.links is None:
            return Batch(source, target)
        most = _links_length(int(self.store.links.lengths.max()))
        return Batch(source, target, np.zeros([self.micro_batches, rows, most], np.int32))

    def _deal(self, source: Sequences, target: Sequences, rows: np.ndarray, replicas: range) -> list[Batch]:
        parts = self.replicas * self.micro_batches
        longest = [sequences.lengths_of(rows).max() + 1 for sequences in (source, target)]
        source_length, target_length = map(int, paired_bucket_lengths(longest[0], longest[1], self.few_shapes))
        laid_out = max(1, self.batch_tokens // target_length) if self.few_shapes else len(rows)
        longest_links = int(self.store.links.lengths_of(rows).max()) if self.store.links else 0
        part_rows = -(-max(laid_out, len(rows)) // parts)
        # Row r goes to part r mod parts: neighbours in length go to different parts.
        if len(replicas) < self.replicas:
            replica = np.arange(len(rows)) % parts // self.micro_batches
            rows = rows[(replicas.start <= replica) & (replica < replicas.stop)]
        total = part_rows * len(replicas) * self.micro_batches
        sides: tuple[np.ndarray, ...] = (
            _laid_out(source.take(rows), total, source_length, eos=True),
            # A target is one longer than what the decoder reads of it: BOS is not predicted, EOS not read.
            _laid_out(target.take(rows), total, target_length + 1, bos=True, eos=True),
        )
        if self.store.links:  # subwords are not drawn then: rows are those of the store
            links = self.store.links.take(rows)
            sides += (_laid_out(links, total, _links_length(longest_links)),)
        dealt = [ids.reshape(part_rows, len(replicas), self.micro_batches, -1).transpose(1, 2, 0, 3) for ids in sides]
        return [Batch(*sides) for sides in zip(*dealt, strict=True)]


def _links_length(longest: int) -> int:
    """Columns that links take, in powers of two, so that there are few shapes."""
    return 1 << max(0, longest - 1).bit_length()


def pad(sequences: Sequence[Sequence[int] | np.ndarray], *, bos: bool = False, eos: bool = False) -> np.ndarray:
    """Lays sequences under each other, padded to the longest: int32 [rows, length]."""
    laid = Sequences.of(sequences)
    return _laid_out(laid, len(laid), bos + int(laid.lengths.max()) + eos, bos=bos, eos=eos)


def _laid_out(sequences: Sequences, rows: int, length: int, *, bos: bool = False, eos: bool = False) -> np.ndarray:
    """The sequences, and then empty rows, in an array of padding: int32 [rows, length]."""
    padded = np.full([rows, length], PAD_ID, np.int32)
    used, lengths = padded[: len(sequences)], sequences.lengths
    if bos:
        used[:, 0] = BOS_ID
    columns = np.arange(length) - bos
    used[(columns >= 0) & (columns < lengths[:, None])] = sequences.ids
    if eos:
        used[np.arange(len(lengths)), bos + lengths] = EOS_ID
    return padded


def length_sorted(sequences: list[list[int]], size: int) -> Iterator[list[int]]:
    """Positions of the sequences, longest first, so many at a time: what evaluation translates together."""
    order = sorted(range(len(sequences)), key=lambda i: -len(sequences[i]))
    for start in range(0, len(order), size):
        yield order[start : start + size]
