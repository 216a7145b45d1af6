"""Where a sentence falls apart, so that its segmentations are combinations of its parts'.

Letters: R sentences, T subwords, W units of all sentences.
"""

import itertools
from typing import NamedTuple

import numpy as np

from translator.data.random_numbers import mixed
from translator.data.store import Sequences
from translator.data.tokenizer import Tokenizer

_PAIR_BITS = 22
_UNKNOWN = 0  # stands for every character that is not a subword itself


class Units(NamedTuple):
    """Units of sentences: of all sources, then of all targets."""

    ids: np.ndarray  # int64 [T], of plain segmentations
    starts: np.ndarray  # int64 [W + 1], where units begin and end in `ids`
    keys: np.ndarray  # uint64 [W], of a unit's side, its subwords and their order
    bounds: np.ndarray  # int64 [R + 1], where sentences begin and end among the units

    @property
    def sources(self) -> int:
        """How many units the sources have."""
        return int(self.bounds[len(self.bounds) // 2])

    def unit(self, number: int) -> list[int]:
        """The plain segmentation of one unit."""
        return self.ids[self.starts[number] : self.starts[number + 1]].tolist()


class Splitter:
    """Splits sentences between subwords where no subword of the vocabulary holds both adjoining characters.

    No segmentation has a subword across such a place, and byte-pair encoding merges nothing across it. All spaces are
    such places, unless the vocabulary has subwords with spaces inside, and in text without spaces many others are.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        texts = [tokenizer.spelled([id_]) or "" for id_ in range(tokenizer.vocabulary_size)]
        codes = {text: ord(text) for text in texts if len(text) == 1}
        ends = [(codes.get(text[:1], _UNKNOWN), codes.get(text[-1:], _UNKNOWN)) for text in texts]
        self._first, self._last = np.array(ends, np.uint64).T.copy()
        pairs = {pair for text in texts for pair in itertools.pairwise(text)}
        left, right = np.array(
            [[codes.get(character, _UNKNOWN) for character in pair] for pair in pairs] or [[0, 0]], np.uint64
        ).T
        # By a hash: where two pairs share a place, units are longer than they might be, which is not wrong.
        self._joined = np.zeros(2**_PAIR_BITS, bool)
        self._joined[_pair(left, right)] = bool(pairs)

    def begins(self, sequences: Sequences) -> np.ndarray:
        """Which subwords begin a unit: bool [T]."""
        ids = sequences.ids
        begins = np.ones(len(ids), bool)
        np.logical_not(self._joined[_pair(self._last[ids[:-1]], self._first[ids[1:]])], out=begins[1:])
        begins[sequences.offsets[:-1]] = True
        return begins


def split(splitters: tuple[Splitter, Splitter], plain: tuple[Sequences, Sequences]) -> Units:
    """The units of sentence pairs, none of whose sides is empty."""
    begins = np.concatenate([splitter.begins(side) for splitter, side in zip(splitters, plain, strict=True)])
    source, target = plain
    ids = np.concatenate([source.ids, target.ids]).astype(np.int64)
    starts = np.append(np.flatnonzero(begins), len(ids))
    nth = np.arange(len(ids)) - np.repeat(starts[:-1], np.diff(starts))
    side = np.repeat([0, 1], [len(source.ids), len(target.ids)])
    keys = mixed(np.add.reduceat(mixed(ids << 1 | side) * mixed(nth), starts[:-1]))
    offsets = np.concatenate([source.offsets, source.offsets[-1] + target.offsets[1:]])
    return Units(ids, starts, keys, np.searchsorted(starts, offsets))


def _pair(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    mixing = (left << np.uint64(21) | right) * np.uint64(0x9E3779B97F4A7C15)
    return (mixing >> np.uint64(64 - _PAIR_BITS)).astype(np.int64)
