"""Sentence pairs to token ids, on all cores, and into a store on disk."""

import contextlib
import itertools
import json
import multiprocessing
import os
import shutil
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from translator.data.corpora.base import CorpusError, SentencePair
from translator.data.filters import LeftOut
from translator.data.store import NUMBERS, SIDES, Counts, Sequences
from translator.data.tokenizer import Tokenizer
from translator.files import write_file

ENCODED_TOGETHER = 10_000  # sentence pairs; fewer if they have more characters than
CHARACTERS_TOGETHER = 2**24
# Chunks of a corpus that this process encodes by itself; starting processes on all cores pays off only after that.
ENCODED_ALONE = 10


class Chunk(NamedTuple):
    """A part of a corpus, after the filters."""

    pairs: list[SentencePair]
    numbers: list[int]  # of each pair in the corpus, counted from 1
    filtered: dict[str, int]  # how many pairs each filter has left out


class Encoded(NamedTuple):
    """A chunk of a corpus as ids."""

    sides: tuple[Sequences, Sequences]  # the pairs that are kept
    numbers: np.ndarray  # int64, each kept pair's number in the corpus, counted from 1
    counts: Counts


def write_store(
    folder: Path,
    corpora: Sequence[Iterable[SentencePair | LeftOut]],
    tokenizers: Sequence[tuple[Tokenizer, Tokenizer]],
    max_tokens: int,
    fingerprint: str,
    show: Callable[[int], None] = lambda _: None,
) -> None:
    """Encodes corpora into a folder, which is written whole or not at all. Memory is constant; all cores are used.

    Pairs with a blank side, or more than `max_tokens` tokens on a side, are left out and counted.

    Args:
        folder: Replaced if it exists.
        corpora: The pairs of each corpus, and what stands for those that filters have left out.
        tokenizers: Of the source and of the target of each corpus, with the same vocabularies.
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
    dtypes = [id_dtype(tokenizer.vocabulary_size) for tokenizer in tokenizers[0]]
    with contextlib.ExitStack() as stack:
        writers = [stack.enter_context(_Writer(partial, *side)) for side in zip(SIDES, dtypes, strict=True)]
        numbers = stack.enter_context((partial / NUMBERS).open("wb"))
        for corpus, of_corpus in zip(corpora, tokenizers, strict=True):
            for encoded in stack.enter_context(contextlib.closing(_encode(corpus, of_corpus, max_tokens))):
                for writer, sequences in zip(writers, encoded.sides, strict=True):
                    writer.append(sequences)
                numbers.write(encoded.numbers.tobytes())
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
    corpus: Iterable[SentencePair | LeftOut], tokenizers: tuple[Tokenizer, Tokenizer], max_tokens: int
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
    with ProcessPoolExecutor(cores, context, _start_encoder, (tokenizers, max_tokens)) as pool:
        # Only as many chunks in flight as keep all cores busy: the corpus may not fit into memory.
        pending: deque[Future[Encoded]] = deque()
        for chunk in itertools.chain([first], chunks):
            pending.append(pool.submit(_encode_in_worker, chunk))
            if len(pending) > 2 * cores:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _encode_chunk(tokenizers: tuple[Tokenizer, Tokenizer], max_tokens: int, chunk: Chunk, threads: int = -1) -> Encoded:
    """The ids of the pairs that are neither empty nor too long on a side."""
    sides_of = [pair.source for pair in chunk.pairs], [pair.target for pair in chunk.pairs]
    encoded = [tokenizer.encode(texts, threads) for tokenizer, texts in zip(tokenizers, sides_of, strict=True)]
    counts, kept, numbers = Counts(filtered=chunk.filtered), [], []
    for number, *pair in zip(chunk.numbers, *encoded, strict=True):
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


def _start_encoder(tokenizers: tuple[Tokenizer, Tokenizer], max_tokens: int) -> None:
    global _worker
    _worker = tokenizers, max_tokens


def _encode_in_worker(chunk: Chunk) -> Encoded:
    assert _worker is not None
    return _encode_chunk(*_worker, chunk, threads=1)


def _chunks(corpus: Iterable[SentencePair | LeftOut]) -> Iterator[Chunk]:
    chunk, characters, read = Chunk([], [], {}), 0, 0
    for number, pair in enumerate(corpus, 1):
        read += 1
        if isinstance(pair, LeftOut):
            chunk.filtered[pair.filter] = chunk.filtered.get(pair.filter, 0) + 1
        else:
            chunk.pairs.append(pair)
            chunk.numbers.append(number)
            characters += len(pair.source) + len(pair.target)
        if read == ENCODED_TOGETHER or characters > CHARACTERS_TOGETHER:
            yield chunk
            chunk, characters, read = Chunk([], [], {}), 0, 0
    if read:
        yield chunk
