"""Segmentations of words, remembered in bounded memory."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

# Bytes, past which the half that is asked for least is forgotten. With the room to grow, and while that is being done,
# memory stays below 500 MB.
MOST_BYTES = 280 * 10**6
FEW = 7  # segmentations of a word; more of them seldom matter
# Gaps are read in blocks: where a word has up to 1, 7 or 64, they are padded with ∞ to 1, 8 or 64. Of 8 the last is ∞,
# which tells that there are no more.
COUNTS, SIZES = np.array([1, FEW, 64]), np.array([1, FEW + 1, 64])

# One way to write a word: how far its log-probability is below the plain segmentation's, and its ids.
Segmentation = tuple[float, list[int]]


class Segmentations:
    """Segmentations by the 64-bit key of what they belong to; keys are numbered as they come.

    A hash table with linear probing finds keys. Which are forgotten depends on the batches that asked for them, so that
    nothing but time may depend on what is remembered.
    """

    def __init__(self, vocabulary_size: int) -> None:
        self._numbers = np.full(2**10, -1, np.int32)  # by the key's first bits; -1 is empty
        self._keys, self._met, self._counts = _Rows(np.uint64), _Rows(np.uint32), _Rows(np.uint8)
        self._firsts = _Rows(np.int64)
        self._gaps, self._offsets = _Rows(np.float32), _Rows(np.uint32)
        self._offsets.append(np.zeros(1))  # [segmentations + 1], where each begins and ends in `_ids`
        self._ids = _Rows(np.min_scalar_type(vocabulary_size - 1))

    @property
    def counts(self) -> np.ndarray:
        """Segmentations of each key: uint8 [keys]."""
        return self._counts.values

    @property
    def firsts(self) -> np.ndarray:
        """The first segmentation of each key, which the others follow: int64 [keys]."""
        return self._firsts.values

    @property
    def gaps(self) -> np.ndarray:
        """Gaps of all segmentations, ascending for each key: float32."""
        return self._gaps.values

    @property
    def bytes_used(self) -> int:
        return self._numbers.nbytes + sum(rows.values.nbytes for rows in self._all_rows())

    def numbers(self, keys: np.ndarray, learn: Callable[[np.ndarray], Sequence[Sequence[Segmentation]]]) -> np.ndarray:
        """The number of each key.

        Args:
            keys: uint64 [K], evenly distributed.
            learn: gives the segmentations of some keys[i], all different, that are new; called with their i, ascending.

        Returns:
            int64 [K], valid until `forget_rare`.
        """
        numbers = self._find(keys)
        new = np.flatnonzero(numbers < 0)
        if len(new):
            _, first, inverse = np.unique(keys[new], return_index=True, return_inverse=True)
            order = np.argsort(first)
            numbers[new] = len(self._keys.values) + np.argsort(order)[inverse]
            first = new[first[order]]
            self._add(keys[first], learn(first))
        self._met.values[numbers] += 1  # once a batch
        return numbers

    def lengths(self, segmentations: np.ndarray) -> np.ndarray:
        """Tokens of segmentations: int64."""
        offsets = self._offsets.values
        return offsets[segmentations + 1].astype(np.int64) - offsets[segmentations]

    def spelled(self, segmentations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Ids of segmentations, laid end to end: int32 [T], and int64 [segmentations + 1], where each begins."""
        lengths = self.lengths(segmentations)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        places = np.arange(offsets[-1]) + np.repeat(self._offsets.values[segmentations] - offsets[:-1], lengths)
        return self._ids.values[places].astype(np.int32), offsets

    def forget_rare(self) -> None:
        """Where there is too much, keeps the keys that most batches asked for, in half of the room."""
        if self.bytes_used <= MOST_BYTES:
            return
        sizes = _padded(self.counts)
        starts = self._offsets.values[np.append(self.firsts, len(self.gaps))].astype(np.int64)
        tokens = np.diff(starts)
        size = 32 + 8 * sizes + self._ids.values.itemsize * tokens
        often = np.argsort(self._met.values, kind="stable")[::-1]  # of those met as often, the newest
        kept = np.zeros(len(sizes), bool)
        kept[often[np.cumsum(size[often]) <= MOST_BYTES // 2]] = True
        self._ids.keep(np.repeat(kept, tokens))
        segmentations = np.repeat(kept, sizes)
        self._gaps.keep(segmentations)
        moved = starts[:-1][kept] - np.cumsum(tokens[kept]) + tokens[kept]
        ends = self._offsets.values[1:][segmentations]
        ends -= np.repeat(moved.astype(np.uint32), sizes[kept])
        self._offsets.replace(np.zeros(1))
        self._offsets.append(ends)
        for rows in (self._keys, self._met, self._counts):
            rows.keep(kept)
        self._firsts.replace(np.cumsum(sizes[kept]) - sizes[kept])
        self._met.values[:] //= 2  # what was common long ago need not be
        self._number_anew()

    def _all_rows(self) -> tuple["_Rows", ...]:
        return self._keys, self._met, self._counts, self._firsts, self._gaps, self._offsets, self._ids

    def _find(self, keys: np.ndarray) -> np.ndarray:
        slots = self._slots(keys)
        numbers, asked = np.empty(len(keys), np.int64), np.arange(len(keys))
        while len(asked):
            numbers[asked] = self._numbers[slots[asked]]
            asked = asked[numbers[asked] >= 0]
            asked = asked[self._keys.values[numbers[asked]] != keys[asked]]
            slots[asked] = (slots[asked] + 1) % len(self._numbers)
        return numbers

    def _add(self, keys: np.ndarray, segmentations: Sequence[Sequence[Segmentation]]) -> None:
        counts = np.array(list(map(len, segmentations)))
        sizes, first = _padded(counts), len(self._keys.values)
        firsts = np.cumsum(sizes) - sizes
        places = np.arange(counts.sum()) + np.repeat(firsts - np.cumsum(counts) + counts, counts)
        every = list(itertools.chain.from_iterable(segmentations))
        gaps, lengths = np.full(sizes.sum(), math.inf, np.float32), np.zeros(sizes.sum(), np.int64)
        gaps[places] = [gap for gap, _ in every]
        lengths[places] = [len(ids) for _, ids in every]
        self._firsts.append(len(self.gaps) + firsts)
        self._offsets.append(len(self._ids.values) + np.cumsum(lengths))
        self._ids.append(np.fromiter(itertools.chain.from_iterable(ids for _, ids in every), np.int64, lengths.sum()))
        self._gaps.append(gaps)
        self._counts.append(counts)
        self._met.append(np.zeros(len(keys)))
        self._keys.append(keys)
        if 2 * len(self._keys.values) > len(self._numbers):
            self._number_anew()
        else:
            self._place(np.arange(first, first + len(keys)))

    def _number_anew(self) -> None:
        keys = len(self._keys.values)
        self._numbers = np.full(max(2**10, 1 << (4 * keys - 1).bit_length()), -1, np.int32)
        self._place(np.arange(keys))

    def _place(self, numbers: np.ndarray) -> None:
        """Enters keys that are not in the hash table yet."""
        slots = self._slots(self._keys.values[numbers])
        while len(numbers):
            free = self._numbers[slots] < 0
            self._numbers[slots[free]] = numbers[free]  # of several for one slot the last
            other = self._numbers[slots] != numbers
            numbers, slots = numbers[other], (slots[other] + 1) % len(self._numbers)

    def _slots(self, keys: np.ndarray) -> np.ndarray:
        bits = len(self._numbers).bit_length() - 1
        return (keys >> np.uint64(64 - bits)).astype(np.int64)


class _Rows:
    """An array that grows at its end."""

    def __init__(self, dtype: Any) -> None:
        self.room, self._used = np.zeros(16, dtype), 0

    @property
    def values(self) -> np.ndarray:
        return self.room[: self._used]

    def append(self, values: np.ndarray) -> None:
        start, self._used = self._used, self._used + len(values)
        if self._used > len(self.room):
            # Reallocated, not copied. No view outlives the statement that made it.
            self.room.resize(max(self._used, len(self.room) * 9 // 8), refcheck=False)
        self.room[start : self._used] = values

    def keep(self, kept: np.ndarray) -> None:
        """Drops the other values."""
        self.replace(self.values[kept])

    def replace(self, values: np.ndarray) -> None:
        self.room = values.astype(self.room.dtype, copy=False)
        self._used = len(values)


def _padded(counts: np.ndarray) -> np.ndarray:
    return SIZES[np.searchsorted(COUNTS, counts)]
