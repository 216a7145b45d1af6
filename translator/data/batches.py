"""Which sentence pairs each step sees, and how they become padded arrays.

A *plan* says which rows of the store make up each batch of an epoch. It is a function of the seed and the epoch alone,
so a run that resumes in the middle of an epoch goes on with the very batches that were to come, at once, and each
worker and replica knows its share without asking. There is no shuffle buffer whose content would be lost.

Letters: N micro-batches, B rows a micro-batch, S source length, T target length.
"""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np
import pydantic
import tensorflow as tf

from translator.data.corpora.base import CorpusError
from translator.data.sampling import Sampling
from translator.data.store import Sequences, TokenStore
from translator.vocabulary import BOS_ID, EOS_ID, PAD_ID

# Rows of an epoch that are sorted by length at once.
SORTED_TOGETHER = 2**20


class Batch(NamedTuple):
    """One replica's part of a step."""

    source: np.ndarray  # int32 [N, B, S]: tokens, EOS, padding
    target: np.ndarray  # int32 [N, B, T + 1]: BOS, tokens, EOS, padding


class Step(NamedTuple):
    """A batch of one step, dealt to replicas."""

    after: "Position"  # of the next one
    shares: list[Batch]
    plain: int  # of the sentences whose segmentation was to be drawn, those that stayed plain since no draw fitted
    drawn: int  # sentences whose segmentation was to be drawn


Count = Annotated[int, pydantic.Field(ge=0, lt=2**63)]  # as it may come back from a file


@dataclass(frozen=True)
class Position:
    """Where in the corpus training stands: the next batch."""

    epoch: Count = 0
    batch: Count = 0


def plan_epoch(
    store: TokenStore,
    weights: tuple[float, ...],
    batch_tokens: int,
    seed: int,
    epoch: int,
    *,
    few_shapes: bool = False,
    sampled: bool = False,
) -> list[np.ndarray]:
    """Deals the rows of an epoch into batches of like length, in random order.

    Rows are sorted by the rung of their longer side, then by how much longer it is, in random order among equals, and
    cut so that no batch passes `batch_tokens`, counted on its longer side with padding and EOS. With `few_shapes` both
    sides of a pair have the rung of the longer one, and rungs are few. With `sampled` the lengths are those that
    sampled segmentations may have. In a large corpus it is so many rows at a time, drawn at random, that are sorted:
    memory is then for the row numbers and little else.

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
    lengths = store.source.compact_lengths(), store.target.compact_lengths()
    if sampled:
        longest = longest_of(store)
        lengths = most_sampled(lengths[0], longest), most_sampled(lengths[1], longest)
    batches = [batch for part in parts for batch in _cut(lengths, part, batch_tokens, few_shapes)]
    return [batches[i] for i in rng.permutation(len(batches))]


def _cut(
    lengths: tuple[np.ndarray, np.ndarray], rows: np.ndarray, batch_tokens: int, few_shapes: bool
) -> Iterator[np.ndarray]:
    """Sorts rows by their rungs and cuts them into batches; `lengths` are those of all sources and of all targets."""
    source, target = (side[rows].astype(np.int64) + 1 for side in lengths)
    source, target = paired_rungs(source, target, few_shapes)
    longer, difference = np.maximum(source, target), target - source
    taken = np.bincount(longer) > 0
    rungs, nth = np.flatnonzero(taken), np.cumsum(taken)[longer]
    widest = np.abs(difference).max()
    # From one rung to the next the shorter sides rise and fall in turns, so that neighbours are alike there too.
    key = nth * (2 * widest + 1) + np.where(nth % 2, difference, -difference) + widest
    # As the narrowest of types: numbers of 16 bits are sorted in linear time.
    order = np.argsort(key.astype(np.min_scalar_type(key.max())), kind="stable")
    rows, longer = rows[order], longer[order]
    start = 0
    while start < len(rows):
        # Each rung has one size of batch; the shortest rung that holds all of its own size gives the largest batch.
        for length in rungs[np.searchsorted(rungs, longer[start]) :]:
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
    return np.minimum(lengths.astype(np.int64) * 9 // 8 + 1, longest).astype(lengths.dtype)


def rung(lengths: np.ndarray, to_a_doubling: int = 8) -> np.ndarray:
    """The lengths that sequences are padded to: all up to 16, then eight to each doubling (18, 20 … 32, 36, 40 …).

    Batches thereby come in a hundred shapes or so. On CPU each shape costs the making of its matrix kernels, of which a
    bounded number is kept.
    """
    return _ladder(int(np.max(lengths)), to_a_doubling)[lengths]


@functools.cache
def _ladder(longest: int, to_a_doubling: int) -> np.ndarray:
    """The rung of each length: int64 [longest + 1]. To look it up is quicker than to work it out for each sentence."""
    lengths = np.arange(longest + 1)
    doubling = np.ceil(np.log2(np.maximum(lengths, 1))).astype(np.int64)
    step = 2 ** np.maximum(doubling - to_a_doubling.bit_length(), 0)
    return -(-lengths // step) * step


def paired_rungs(source: np.ndarray, target: np.ndarray, few_shapes: bool) -> tuple[np.ndarray, np.ndarray]:
    """The lengths that the two sides of pairs are padded to.

    Few shapes are for XLA, to which each costs a compilation: both sides get one length, of two to a doubling from 8.
    """
    if few_shapes:
        longer = np.maximum(rung(np.maximum(source, target), 2), 8)
        return longer, longer
    return rung(source), rung(target)


def _weighted(rng: np.random.Generator, rows: range, weight: float) -> np.ndarray:
    """Each row ⌊weight⌋ times, and a random share of them once more."""
    everything = np.arange(rows.start, rows.stop, dtype=np.int32 if rows.stop < 2**31 else np.int64)
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
            sampled=self.sampling is not None,
        )

    def start(self, position: Position, shares: range | None = None) -> Iterator[Step]:
        """Yields each batch's shares, or some of them, and the position after it.

        All shares of a batch have one shape: those that have fewer rows than others are filled up with padding.
        """
        shares = range(self.shares) if shares is None else shares
        epoch, first = position.epoch, position.batch
        while True:
            plan = self.plan(epoch)
            for index in range(first, len(plan)):
                after = Position(epoch, index + 1) if index + 1 < len(plan) else Position(epoch + 1, 0)
                yield Step(after, *self._batch(plan[index], epoch, shares))
            epoch, first = epoch + 1, 0

    def dataset(self, position: Position, shares: range | None = None) -> tf.data.Dataset:
        """The same as tensors, prepared ahead, one share after the other: (told, source, target).

        `told` is int64 [4]: the epoch and the batch that come next, and `Step`'s `plain` and `drawn`.
        """

        def elements() -> Iterator[tuple[tuple[int, int, int, int], np.ndarray, np.ndarray]]:
            for after, dealt, plain, drawn in self.start(position, shares):
                for share in dealt:
                    yield (after.epoch, after.batch, plain, drawn), share.source, share.target

        ids = tf.TensorSpec([self.micro_batches, None, None], tf.int32)
        signature = (tf.TensorSpec([4], tf.int64), ids, ids)
        return tf.data.Dataset.from_generator(elements, output_signature=signature).prefetch(4 * self.shares)

    def _batch(self, rows: np.ndarray, epoch: int, shares: range) -> tuple[list[Batch], int, int]:
        if self.sampling is None:
            return self._deal(self.store.source, self.store.target, rows, shares), 0, 0
        plain = self.store.source.take(rows), self.store.target.take(rows)
        source, target = (int(most_sampled(side.lengths, self._longest).max()) for side in plain)
        drawn = self.sampling.draw(plain, (self.seed, epoch), rows, (source, target))
        return self._deal(drawn.source, drawn.target, np.arange(len(rows)), shares), drawn.plain, 2 * len(rows)

    @functools.cached_property
    def _longest(self) -> int:
        return longest_of(self.store)

    def largest(self) -> Batch:
        """A share of padding alone that no share of a batch is larger than, on either side or in attention.

        With few shapes it is one of theirs, which another may be larger than by less than a row.
        """
        longest = self._longest + 1
        length = int(paired_rungs(np.array(longest), np.array(longest), self.few_shapes)[0])
        rows = max(1, self.batch_tokens // length) if self.few_shapes else -(-self.batch_tokens // length)
        rows = -(-rows // (self.shares * self.micro_batches))
        source, target = (np.full([self.micro_batches, rows, length + bos], PAD_ID, np.int32) for bos in (0, 1))
        return Batch(source, target)

    def _deal(self, source: Sequences, target: Sequences, rows: np.ndarray, shares: range) -> list[Batch]:
        parts = self.shares * self.micro_batches
        longest = [sequences.lengths_of(rows).max() + 1 for sequences in (source, target)]
        source_length, target_length = map(int, paired_rungs(longest[0], longest[1], self.few_shapes))
        places = max(1, self.batch_tokens // target_length) if self.few_shapes else len(rows)
        places = -(-max(places, len(rows)) // parts)  # in a part
        # Row r goes to part r mod parts: neighbours in length go to different parts.
        if len(shares) < self.shares:
            share = np.arange(len(rows)) % parts // self.micro_batches
            rows = rows[(shares.start <= share) & (share < shares.stop)]
        total = places * len(shares) * self.micro_batches
        sides = (
            _laid_out(source.take(rows), total, source_length, eos=True),
            # A target is one longer than what the decoder reads of it: BOS is not predicted, EOS not read.
            _laid_out(target.take(rows), total, target_length + 1, bos=True, eos=True),
        )
        dealt = [ids.reshape(places, len(shares), self.micro_batches, -1).transpose(1, 2, 0, 3) for ids in sides]
        return [Batch(*share) for share in zip(*dealt, strict=True)]


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
