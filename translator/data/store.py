"""A parallel corpus as token ids on disk: written once as a stream, then memory-mapped."""

import contextlib
import itertools
import json
import multiprocessing
import os
import shutil
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pydantic

from translator.data.corpora.base import CorpusError, SentencePair
from translator.data.tokenizer import Tokenizer
from translator.files import read_file, write_file

ENCODED_TOGETHER = 10_000  # sentence pairs; fewer if they have more characters than
CHARACTERS_TOGETHER = 2**24
# Chunks of a corpus that this process encodes by itself; starting processes on all cores pays off only after that.
ENCODED_ALONE = 10
SIDES = ("source", "target")
NUMBERS = "numbers"


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

    @property
    def read(self) -> int:
        """The number of all pairs, kept or left out."""
        return self.kept + self.empty + self.too_long

    def add(self, other: "Counts") -> None:
        """Adds the counts of another part of the corpus."""
        self.kept += other.kept
        self.empty += other.empty
        self.too_long += other.too_long

    def __str__(self) -> str:
        reasons = [(self.empty, "with an empty side"), (self.too_long, "longer than data.max_tokens")]
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

    def __len__(self) -> int:
        return len(self.source)


class Manifest(NamedTuple):
    """The content of a store's `manifest.json`."""

    fingerprint: str
    corpus_ends: list[int]
    counts: Counts
    source: Literal["uint16", "uint32"]
    target: Literal["uint16", "uint32"]


class Encoded(NamedTuple):
    """A chunk of a corpus as ids."""

    sides: tuple[Sequences, Sequences]  # the pairs that are kept
    numbers: np.ndarray  # int64, each kept pair's number in the chunk, counted from 1
    counts: Counts


def write_store(
    folder: Path,
    corpora: Sequence[Iterable[SentencePair]],
    tokenizers: tuple[Tokenizer, Tokenizer],
    max_tokens: int,
    fingerprint: str,
    show: Callable[[int], None] = lambda _: None,
) -> None:
    """Encodes corpora into a folder, which is written whole or not at all. Memory is constant; all cores are used.

    Pairs with a blank side, or more than `max_tokens` tokens on a side, are left out and counted.

    Args:
        folder: Replaced if it exists.
        corpora: The pairs of each corpus.
        tokenizers: Of the source and of the target.
        max_tokens: Maximum number of tokens on either side.
        fingerprint: Identifies everything that the ids depend on; `open_store` compares it.
        show: Called with the number of pairs read so far.

    Raises:
        CorpusError: No pair is left.
    """
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    counts, ends = Counts(), []
    dtypes = [id_dtype(tokenizer.vocabulary_size) for tokenizer in tokenizers]
    with contextlib.ExitStack() as stack:
        writers = [stack.enter_context(_Writer(partial, *side)) for side in zip(SIDES, dtypes, strict=True)]
        numbers = stack.enter_context((partial / NUMBERS).open("wb"))
        for corpus in corpora:
            before = counts.read
            for encoded in stack.enter_context(contextlib.closing(_encode(corpus, tokenizers, max_tokens))):
                for writer, sequences in zip(writers, encoded.sides, strict=True):
                    writer.append(sequences)
                numbers.write((counts.read - before + encoded.numbers).tobytes())
                counts.add(encoded.counts)
                show(counts.read)
            ends.append(counts.kept)
    if not counts.kept:
        raise CorpusError(f"the training corpus has no usable pair: {counts}; data.max_tokens is {max_tokens}")
    manifest = {"fingerprint": fingerprint, "corpus_ends": ends, "counts": asdict(counts)}
    manifest |= {side: dtype.name for side, dtype in zip(SIDES, dtypes, strict=True)}
    write_file(partial / "manifest.json", json.dumps(manifest, indent=1).encode())
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def id_dtype(vocabulary_size: int) -> np.dtype[Any]:
    """The smallest type that holds every id."""
    return np.dtype(np.uint16 if vocabulary_size <= 2**16 else np.uint32)


def open_store(folder: Path, fingerprint: str | None) -> TokenStore | None:
    """Memory-maps a store; None if there is no complete one with this fingerprint.

    None as the fingerprint accepts any.
    """
    try:
        manifest = pydantic.TypeAdapter(Manifest).validate_json(read_file(folder / "manifest.json"))
        if fingerprint not in (None, manifest.fingerprint):
            return None
        # As plain arrays, which are faster to index than `np.memmap`.
        source, target = (
            Sequences(
                np.asarray(np.memmap(folder / f"{side}.ids", dtype, mode="r")),
                np.asarray(np.memmap(folder / f"{side}.offsets", np.int64, mode="r")),
            )
            for side, dtype in zip(SIDES, (manifest.source, manifest.target), strict=True)
        )
        numbers = np.asarray(np.memmap(folder / NUMBERS, np.int64, mode="r"))
    except (OSError, ValueError):
        return None
    rows = tuple(range(*bounds) for bounds in itertools.pairwise([0, *manifest.corpus_ends]))
    store = TokenStore(source, target, rows, manifest.counts, numbers, manifest.fingerprint)
    return store if _is_whole(store) else None


def _is_whole(store: TokenStore) -> bool:
    """Whether all files have their full length, and all offsets lie within the ids."""
    kept, ends = store.counts.kept, [rows.stop for rows in store.corpora]
    return (
        (kept, ends[-1:]) == (len(store.numbers), [kept])
        and [0, *ends] == sorted([0, *ends])
        and all(
            len(side) == kept
            and (side.offsets[0], side.offsets[-1]) == (0, len(side.ids))
            and side.lengths.min(initial=1) > 0
            for side in (store.source, store.target)
        )
    )


class _Writer:
    """Writes one side of a store."""

    def __init__(self, folder: Path, side: str, dtype: np.dtype[Any]) -> None:
        self._ids = (folder / f"{side}.ids").open("wb")
        self._offsets = (folder / f"{side}.offsets").open("wb")
        self._dtype, self._end = dtype, 0
        self._offsets.write(np.int64(0).tobytes())

    def append(self, sequences: Sequences) -> None:
        self._ids.write(sequences.ids.astype(self._dtype, copy=False).tobytes())
        self._offsets.write((self._end + sequences.offsets[1:]).tobytes())
        self._end += int(sequences.offsets[-1])

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, *_: Any) -> None:
        self._ids.close()
        self._offsets.close()


def _encode(
    corpus: Iterable[SentencePair], tokenizers: tuple[Tokenizer, Tokenizer], max_tokens: int
) -> Generator[Encoded, None, None]:
    """Encodes a corpus chunk by chunk, in order; a long one on all cores."""
    chunks = _chunks(corpus)
    for chunk in itertools.islice(chunks, ENCODED_ALONE):
        yield _encode_chunk(tokenizers, max_tokens, chunk)
    first = next(chunks, None)
    if first is None:
        return
    cores = len(os.sched_getaffinity(0))
    # No fork: TensorFlow's threads may be running already.
    context = multiprocessing.get_context("spawn")
    models = (tokenizers[0].model, tokenizers[1].model)
    with ProcessPoolExecutor(cores, context, _start_encoder, (models, max_tokens)) as pool:
        # Only as many chunks in flight as keep all cores busy: the corpus may not fit into memory.
        pending: deque[Future[Encoded]] = deque()
        for chunk in itertools.chain([first], chunks):
            pending.append(pool.submit(_encode_in_worker, chunk))
            if len(pending) > 2 * cores:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _encode_chunk(
    tokenizers: tuple[Tokenizer, Tokenizer], max_tokens: int, chunk: list[tuple[str, str]], threads: int = -1
) -> Encoded:
    """The ids of the pairs that are neither empty nor too long on a side."""
    encoded = [
        tokenizer.encode(texts, threads) for tokenizer, texts in zip(tokenizers, zip(*chunk, strict=True), strict=True)
    ]
    counts, kept, numbers = Counts(), [], []
    for number, pair in enumerate(zip(*encoded, strict=True), 1):
        lengths = [len(ids) for ids in pair]
        if not min(lengths):
            counts.empty += 1
        elif max(lengths) > max_tokens:
            counts.too_long += 1
        else:
            kept.append(pair)
            numbers.append(number)
    counts.kept = len(kept)
    sides = (Sequences.of([source for source, _ in kept]), Sequences.of([target for _, target in kept]))
    return Encoded(sides, np.array(numbers, np.int64), counts)


# The tokenizers and `max_tokens` of a worker process.
_worker: tuple[tuple[Tokenizer, Tokenizer], int] | None = None


def _start_encoder(models: tuple[bytes, bytes], max_tokens: int) -> None:
    global _worker
    _worker = (Tokenizer(models[0]), Tokenizer(models[1])), max_tokens


def _encode_in_worker(chunk: list[tuple[str, str]]) -> Encoded:
    assert _worker is not None
    return _encode_chunk(*_worker, chunk, threads=1)


def _chunks(pairs: Iterable[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    chunk: list[tuple[str, str]] = []
    characters = 0
    for pair in pairs:
        chunk.append(pair)
        characters += len(pair[0]) + len(pair[1])
        if len(chunk) == ENCODED_TOGETHER or characters > CHARACTERS_TOGETHER:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk
