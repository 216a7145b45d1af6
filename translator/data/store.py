"""A parallel corpus as token ids on disk: written once in a stream, then memory-mapped, however large it is."""

import itertools
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from translator.data.corpus import CorpusError, SentencePair
from translator.data.tokenizer import Tokenizer

ENCODED_TOGETHER = 10_000  # sentence pairs
SIDES = ("source", "target")


@dataclass(frozen=True)
class Sequences:
    """Many sequences of ids, laid end to end."""

    ids: np.ndarray  # unsigned, of the narrowest type that holds the vocabulary
    offsets: np.ndarray  # int64; sequence i is ids[offsets[i]:offsets[i + 1]]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> np.ndarray:
        return self.ids[self.offsets[row] : self.offsets[row + 1]]

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each sequence: int64 [len(self)]."""
        return np.diff(self.offsets)


@dataclass
class Counts:
    """What became of the pairs of a corpus."""

    kept: int = 0
    empty: int = 0
    too_long: int = 0

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

    def __len__(self) -> int:
        return len(self.source)


def write_store(
    folder: Path,
    corpora: Sequence[Iterable[SentencePair]],
    tokenizers: tuple[Tokenizer, Tokenizer],
    max_tokens: int,
    fingerprint: str,
) -> None:
    """Encodes corpora into a folder, which appears whole or not at all. Memory stays flat.

    Pairs with a blank side, or more than `max_tokens` tokens on a side, are left out and counted.

    Args:
        folder: replaced if it is there.
        corpora: pairs of each.
        tokenizers: of the source and of the target.
        max_tokens: most tokens on either side.
        fingerprint: names all that the ids follow from; `open_store` asks for it.

    Raises:
        CorpusError: if no pair is left.
    """
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    counts, ends = Counts(), []
    writers = [_Writer(partial, *side) for side in zip(SIDES, tokenizers, strict=True)]
    for corpus in corpora:
        for pairs in _chunks(corpus, ENCODED_TOGETHER):
            encoded = [
                tokenizer.encode(texts) for tokenizer, texts in zip(tokenizers, zip(*pairs, strict=True), strict=True)
            ]
            kept = []
            for source, target in zip(*encoded, strict=True):
                if not source or not target:
                    counts.empty += 1
                elif max(len(source), len(target)) > max_tokens:
                    counts.too_long += 1
                else:
                    kept.append((source, target))
            counts.kept += len(kept)
            for side, writer in enumerate(writers):
                writer.append([pair[side] for pair in kept])
        ends.append(counts.kept)
    for writer in writers:
        writer.close()
    if not counts.kept:
        raise CorpusError(f"the training corpus has no usable pair: {counts}; data.max_tokens is {max_tokens}")
    manifest = {"fingerprint": fingerprint, "corpus_ends": ends, "counts": asdict(counts)}
    manifest |= {writer.side: writer.dtype.name for writer in writers}
    (partial / "manifest.json").write_text(json.dumps(manifest, indent=1))
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def open_store(folder: Path, fingerprint: str) -> TokenStore | None:
    """Maps a store into memory; None if there is none that is whole, or one made from something else."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
        if manifest["fingerprint"] != fingerprint:
            return None
        sides = [
            Sequences(
                np.memmap(folder / f"{side}.ids", manifest[side], mode="r"),
                np.memmap(folder / f"{side}.offsets", np.int64, mode="r"),
            )
            for side in SIDES
        ]
    except (OSError, ValueError):
        return None
    rows = tuple(range(*bounds) for bounds in itertools.pairwise([0, *manifest["corpus_ends"]]))
    return TokenStore(sides[0], sides[1], rows, Counts(**manifest["counts"]))


class _Writer:
    """Writes one side of a store."""

    def __init__(self, folder: Path, side: str, tokenizer: Tokenizer) -> None:
        self.side = side
        self.dtype = np.dtype(np.uint16 if tokenizer.vocabulary_size <= 2**16 else np.uint32)
        self._ids = (folder / f"{side}.ids").open("wb")
        self._offsets = (folder / f"{side}.offsets").open("wb")
        self._end = 0
        self._offsets.write(np.int64(0).tobytes())

    def append(self, sequences: Sequence[Sequence[int]]) -> None:
        ends = self._end + np.cumsum([len(ids) for ids in sequences], dtype=np.int64)
        self._ids.write(np.fromiter(itertools.chain.from_iterable(sequences), self.dtype).tobytes())
        self._offsets.write(ends.tobytes())
        self._end = int(ends[-1]) if len(ends) else self._end

    def close(self) -> None:
        self._ids.close()
        self._offsets.close()


def _chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    iterator = iter(items)
    while chunk := list(itertools.islice(iterator, size)):
        yield chunk
