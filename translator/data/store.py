"""A parallel corpus as token ids on disk: memory-mapped, so that it may be larger than memory."""

import errno
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pydantic

from translator.files import read_file

SIDES = ("source", "target")
NUMBERS = "numbers"
OPEN_FILES = 5  # ids and offsets of two sides, and the numbers


@dataclass(frozen=True)
class Sequences:
    """Many sequences of ids, concatenated."""

    ids: np.ndarray  # integers; on disk, of the smallest unsigned type that holds the vocabulary
    offsets: np.ndarray  # int64; sequence i is ids[offsets[i]:offsets[i + 1]]

    @classmethod
    def of(cls, sequences: Sequence[Sequence[int] | np.ndarray], dtype: Any = np.int32) -> "Sequences":
        """Concatenates sequences."""
        lengths = np.fromiter((len(ids) for ids in sequences), np.int64, len(sequences))
        ids = np.fromiter(itertools.chain.from_iterable(sequences), dtype, int(lengths.sum()))
        return cls(ids, np.concatenate([[0], np.cumsum(lengths)]))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> np.ndarray:
        return self.ids[self.offsets[row] : self.offsets[row + 1]]

    def __iter__(self) -> Iterator[np.ndarray]:
        return map(self.__getitem__, range(len(self)))

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each sequence: int64 [len(self)]."""
        return np.diff(self.offsets)

    def compact_lengths(self) -> np.ndarray:
        """`lengths` in the smallest type that holds them, which is faster to index at random."""
        parts = (np.diff(self.offsets[start : start + 2**20 + 1]) for start in range(0, len(self), 2**20))
        return np.concatenate([part.astype(np.min_scalar_type(part.max())) for part in parts])

    def lengths_of(self, rows: np.ndarray) -> np.ndarray:
        """Tokens of some of the sequences: int64 [len(rows)]."""
        return self.offsets[rows + 1] - self.offsets[rows]

    def part(self, start: int, end: int) -> "Sequences":
        """Sequences that follow one another, from `start` up to `end`."""
        first, last = self.offsets[start], self.offsets[end]
        return Sequences(self.ids[first:last], self.offsets[start : end + 1] - first)

    def take(self, rows: np.ndarray) -> "Sequences":
        """Some of the sequences, in the order of `rows`."""
        starts, lengths = self.offsets[rows], self.lengths_of(rows)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        places = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
        return Sequences(self.ids[places], offsets)


@dataclass
class Counts:
    """How many pairs of a corpus are kept, and how many are left out for each reason."""

    kept: int = 0
    empty: int = 0
    too_long: int = 0
    filtered: dict[str, int] = field(default_factory=dict)  # by the filter's name

    @property
    def read(self) -> int:
        """The number of all pairs, kept or left out."""
        return self.kept + self.empty + self.too_long + sum(self.filtered.values())

    def add(self, other: "Counts") -> None:
        """Adds the counts of another part of the corpus."""
        self.kept += other.kept
        self.empty += other.empty
        self.too_long += other.too_long
        for name, count in other.filtered.items():
            self.filtered[name] = self.filtered.get(name, 0) + count

    def __str__(self) -> str:
        reasons = [(self.empty, "with an empty side"), (self.too_long, "longer than data.max_tokens")]
        reasons += [(count, f"by data.filters.{name}") for name, count in self.filtered.items()]
        left_out = ", ".join(f"{count:,} {reason}" for count, reason in reasons if count)
        return f"{self.kept:,} pairs" + (f"; left out: {left_out}" if left_out else "")


@dataclass(frozen=True)
class TokenStore:
    """The training pairs of one or more corpora, one corpus after the other."""

    source: Sequences
    target: Sequences
    corpora: tuple[range, ...]  # rows of each corpus
    counts: Counts
    numbers: np.ndarray  # int64, each row's number among the pairs of its corpus, counted from 1
    fingerprint: str = ""  # identifies everything that the ids depend on
    links: Sequences | None = None  # of each row, as `translator.data.links` has them; None without guided alignment

    def __len__(self) -> int:
        return len(self.source)


class Manifest(NamedTuple):
    """The content of a store's `manifest.json`."""

    fingerprint: str
    corpus_ends: list[int]
    counts: Counts
    source: Literal["uint16", "uint32"]
    target: Literal["uint16", "uint32"]


def open_store(folder: Path, fingerprint: str | None) -> TokenStore | None:
    """Memory-maps a store; None if there is no complete one with this fingerprint.

    None as the fingerprint accepts any. As long as the store is used, it holds `OPEN_FILES` open.

    Raises:
        OSError: no more files may be open, so that it may well be there.
    """
    try:
        manifest = pydantic.TypeAdapter(Manifest).validate_json(read_file(folder / "manifest.json"))
        if fingerprint not in (None, manifest.fingerprint):
            return None
        # As plain arrays, which are faster to index than `np.memmap`.
        source, target = (
            Sequences(_mapped(folder / f"{side}.ids", dtype), _mapped(folder / f"{side}.offsets", np.int64))
            for side, dtype in zip(SIDES, (manifest.source, manifest.target), strict=True)
        )
        numbers = _mapped(folder / NUMBERS, np.int64)
    except ValueError:
        return None
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            raise
        return None
    rows = tuple(range(*bounds) for bounds in itertools.pairwise([0, *manifest.corpus_ends]))
    store = TokenStore(source, target, rows, manifest.counts, numbers, manifest.fingerprint)
    return store if _is_whole(store) else None


def _mapped(path: Path, dtype: Any) -> np.ndarray:
    """A file's numbers; an empty file, which cannot be mapped, has none."""
    return np.asarray(np.memmap(path, dtype, mode="r")) if path.stat().st_size else np.empty(0, dtype)


def _is_whole(store: TokenStore) -> bool:
    """Whether all files have their full length, and all offsets lie within the ids."""
    kept, ends = store.counts.kept, [rows.stop for rows in store.corpora]
    return (
        (kept, ends[-1:]) == (len(store.numbers), [kept])
        and [0, *ends] == sorted([0, *ends])
        and all(
            len(side.offsets) == kept + 1
            and (side.offsets[0], side.offsets[-1]) == (0, len(side.ids))
            and side.lengths.min(initial=1) > 0
            for side in (store.source, store.target)
        )
    )
