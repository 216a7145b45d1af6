"""Sentence pairs to token ids, on all cores, and into a store on disk."""

import contextlib
import itertools
import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from translator.data.corpora.base import CorpusError, SentencePair
from translator.data.filters import Filtered
from translator.data.store import Counts, Sequences
from translator.data.store_writer import writing_store
from translator.data.tokenizer import Tokenizer
from translator.runtime import cores

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
    corpora: Sequence[Iterable[Filtered]],
    tokenizers: Sequence[tuple[Tokenizer, Tokenizer]],
    max_tokens: int,
    fingerprint: str,
    show: Callable[[int], None] = lambda _: None,
    *,
    may_be_empty: bool = False,
) -> None:
    """Encodes corpora into a folder, which is written whole or not at all. Memory is constant; all cores are used.

    Pairs with a blank side, or more than `max_tokens` tokens on a side, are left out and counted.

    Args:
        folder: Replaced if it exists.
        corpora: The pairs of each corpus, those that filters leave out too, which are counted; of a shard its own.
        tokenizers: Of the source and of the target of each corpus, with the same vocabularies.
        max_tokens: Maximum number of tokens on either side.
        fingerprint: Identifies everything that the ids depend on; `open_store` compares it.
        show: Called with the number of pairs read so far.
        may_be_empty: Whether there may be no pair at all.

    Raises:
        CorpusError: No pair is left.
    """
    with writing_store(folder, fingerprint, tokenizers[0]) as writer:
        for corpus, of_corpus in zip(corpora, tokenizers, strict=True):
            with contextlib.closing(_encode(corpus, of_corpus, max_tokens)) as chunks:
                for encoded in chunks:
                    writer.append(encoded.sides, encoded.numbers)
                    writer.counts.add(encoded.counts)
                    show(writer.counts.read)
            writer.end_corpus()
        if not (writer.counts.kept or may_be_empty):
            raise no_usable_pair(writer.counts, max_tokens)


def no_usable_pair(counts: Counts, max_tokens: int) -> CorpusError:
    """The error for training corpora of which nothing is left."""
    return CorpusError(f"the training corpus has no usable pair: {counts}; data.max_tokens is {max_tokens}")


def _encode(
    corpus: Iterable[Filtered], tokenizers: tuple[Tokenizer, Tokenizer], max_tokens: int
) -> Generator[Encoded, None, None]:
    """Encodes a corpus chunk by chunk, in order; a long one on all cores."""
    chunks = _chunks(corpus)
    for chunk in itertools.islice(chunks, ENCODED_ALONE):
        yield _encode_chunk(tokenizers, max_tokens, chunk)
    first = next(chunks, None)
    if first is None:
        return
    processes = cores()
    # No fork: TensorFlow's threads may be running already.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _start_encoder, (tokenizers, max_tokens)) as pool:
        # Only as many chunks in flight as keep all cores busy: the corpus may not fit into memory.
        pending: deque[Future[Encoded]] = deque()
        for chunk in itertools.chain([first], chunks):
            pending.append(pool.submit(_encode_in_worker, chunk))
            if len(pending) > 2 * processes:
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
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Ends this worker when the process that started it was killed; the pool's queue alone would not tell it."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


def _encode_in_worker(chunk: Chunk) -> Encoded:
    assert _worker is not None
    return _encode_chunk(*_worker, chunk, threads=1)


def _chunks(corpus: Iterable[Filtered]) -> Iterator[Chunk]:
    chunk, characters, read = Chunk([], [], {}), 0, 0
    for number, pair, rejected_by in corpus:
        read += 1
        if rejected_by is not None:
            chunk.filtered[rejected_by] = chunk.filtered.get(rejected_by, 0) + 1
        else:
            chunk.pairs.append(pair)
            chunk.numbers.append(number)
            characters += len(pair.source) + len(pair.target)
        if read == ENCODED_TOGETHER or characters > CHARACTERS_TOGETHER:
            yield chunk
            chunk, characters, read = Chunk([], [], {}), 0, 0
    if read:
        yield chunk
