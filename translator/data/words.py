"""The words of sentences and their segmentations: each word is segmented once and cached.

Letters: R sentences, W words in all of them, A segmentations of a word.
"""

import itertools
import math

import numpy as np

from translator.data.random_numbers import mixed
from translator.data.store import Sequences
from translator.data.tokenizer import Tokenizer
from translator.vocabulary import WORD_START

NBEST = 64  # best segmentations that a sentence's is sampled from (l in Kudo, 2018, §3.1)
DROPOUT_DRAWS = 32  # segmentations by BPE-dropout that a word's is sampled from
# Limits of the cache: words, and subwords of their segmentations. It is emptied at either; about 300 MB at most.
MOST_WORDS, MOST_SUBWORDS = 2**18, 2**25


class Words:
    """A cache of words with their segmentations; the plain one comes first."""

    def __init__(self, tokenizers: tuple[Tokenizer, Tokenizer], alpha: float) -> None:
        self._tokenizers, self._alpha = tokenizers, alpha
        self._begins = [_begins_word(tokenizer) for tokenizer in tokenizers]
        self._forget()

    def _forget(self) -> None:
        # Words by 64 bits that are mixed from the side, the subwords and their order: ascending, then one past all.
        self._keys, self._numbers = np.array([2**64 - 1], np.uint64), np.array([0])
        self.gaps = np.empty([0, NBEST], np.float32)  # [words, A], log P below the plain one's; ascending, then ∞
        self.counts = np.empty([0], np.int64)  # [words], A of each
        self._ends = np.empty([0, NBEST + 1], np.int64)  # [words, A + 1], where segmentations begin and end in `_ids`
        self._ids, self._used = np.empty([0], np.int32), 0

    def of(self, plain: tuple[Sequences, Sequences]) -> tuple[np.ndarray, np.ndarray]:
        """The words of all sources, then of all targets: int64 [W]; and the bounds of sentences in them: [R + 1]."""
        if len(self._keys) > MOST_WORDS or self._used > MOST_SUBWORDS:
            self._forget()
        source, target = (self._of_side(side, sequences) for side, sequences in enumerate(plain))
        return np.concatenate([source[0], target[0]]), np.concatenate([source[1], len(source[0]) + target[1][1:]])

    def _of_side(self, side: int, sequences: Sequences) -> tuple[np.ndarray, np.ndarray]:
        ids = sequences.ids.astype(np.int64)
        begins = self._begins[side][ids]
        begins[sequences.offsets[:-1]] = True
        starts = np.flatnonzero(begins)
        ends = np.append(starts[1:], len(ids))
        nth = np.arange(len(ids)) - np.repeat(starts, ends - starts)
        keys = np.add.reduceat(mixed(ids << 1 | side) * mixed(nth), starts)
        places = np.searchsorted(self._keys, keys)
        new = np.flatnonzero(self._keys[places] != keys)
        if len(new):
            unknown, first = np.unique(keys[new], return_index=True)
            self._learn(side, unknown, [ids[starts[word] : ends[word]].tolist() for word in new[first]])
            places = np.searchsorted(self._keys, keys)
        return self._numbers[places], np.searchsorted(np.append(starts, len(ids)), sequences.offsets)

    def lengths(self, words: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """Number of tokens in one segmentation of each word: int64 [W]."""
        return self._ends[words, chosen + 1] - self._ends[words, chosen]

    def spelled(self, words: np.ndarray, chosen: np.ndarray, bounds: np.ndarray) -> tuple[Sequences, Sequences]:
        """The ids of sources and targets, given the chosen segmentation of each word."""
        lengths, starts = self.lengths(words, chosen), self._ends[words, chosen]
        ends = np.concatenate([[0], np.cumsum(lengths)])
        ids = self._ids[np.arange(ends[-1]) + np.repeat(starts - ends[:-1], lengths)]
        offsets = ends[bounds]
        middle = len(offsets) // 2
        start = offsets[middle]
        return Sequences(ids[:start], offsets[: middle + 1]), Sequences(ids[start:], offsets[middle:] - start)

    def _learn(self, side: int, keys: np.ndarray, words: list[list[int]]) -> None:
        tokenizer = self._tokenizers[side]
        if tokenizer.is_unigram:
            segmented = tokenizer.likeliest(words, NBEST)
        else:
            segmented = (tokenizer.with_dropout(ids, self._alpha, DROPOUT_DRAWS) for ids in words)
        first = len(self._keys) - 1
        self.gaps, self.counts, self._ends = (
            _with_room(array, first + len(words)) for array in (self.gaps, self.counts, self._ends)
        )
        for number, segmentations in enumerate(segmented, first):
            gaps = [gap for gap, _ in segmentations]
            ends = self._used + np.cumsum([0, *(len(ids) for _, ids in segmentations)])
            self._ids = _with_room(self._ids, int(ends[-1]))
            self._ids[self._used : ends[-1]] = list(itertools.chain.from_iterable(ids for _, ids in segmentations))
            self._used = int(ends[-1])
            self.gaps[number] = math.inf
            self.gaps[number, : len(gaps)] = gaps
            self.counts[number] = len(gaps)
            self._ends[number, : len(ends)] = ends
        places = np.searchsorted(self._keys, keys)
        self._keys = np.insert(self._keys, places, keys)
        self._numbers = np.insert(self._numbers, places, np.arange(first, first + len(words)))


def _begins_word(tokenizer: Tokenizer) -> np.ndarray:
    """Which subwords begin a word; none if some contain a space, so that a whole sentence counts as one word."""
    pieces = tokenizer.pieces(range(tokenizer.vocabulary_size))
    crossing = any(WORD_START in piece.lstrip(WORD_START) for piece in pieces)
    return np.array([piece.startswith(WORD_START) and not crossing for piece in pieces])


def _with_room(array: np.ndarray, size: int) -> np.ndarray:
    """The array, or a longer copy if it has fewer than `size` rows."""
    if size <= len(array):
        return array
    longer = np.empty([max(size, 2 * len(array)), *array.shape[1:]], array.dtype)
    longer[: len(array)] = array
    return longer
