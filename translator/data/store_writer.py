"""Writing a token store, which is there whole or not at all."""

import contextlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from translator.data.store import NUMBERS, SIDES, Counts, Sequences
from translator.data.tokenizer import Tokenizer
from translator.files import write_file


class StoreWriter:
    """Appends pairs to the files of a store.

    Attributes:
        counts: of the corpora; the caller keeps them.
    """

    def __init__(self, folder: Path, dtypes: tuple[np.dtype[Any], np.dtype[Any]], stack: contextlib.ExitStack) -> None:
        self.counts = Counts()
        self._sides = [_SideWriter(folder, *side, stack) for side in zip(SIDES, dtypes, strict=True)]
        self._numbers = stack.enter_context((folder / NUMBERS).open("wb"))
        self._rows, self._ends = 0, list[int]()

    def append(self, sides: tuple[Sequences, Sequences], numbers: np.ndarray) -> None:
        """Appends pairs of the present corpus.

        Args:
            sides: their ids.
            numbers: int64, of each pair in the corpus, counted from 1.
        """
        for writer, sequences in zip(self._sides, sides, strict=True):
            writer.append(sequences)
        self._numbers.write(numbers.tobytes())
        self._rows += len(numbers)

    def end_corpus(self) -> None:
        """Ends the present corpus; the next one begins."""
        self._ends.append(self._rows)

    @property
    def corpus_ends(self) -> list[int]:
        """How many rows there are up to the end of each corpus."""
        return self._ends


@contextlib.contextmanager
def writing_store(folder: Path, fingerprint: str, tokenizers: tuple[Tokenizer, Tokenizer]) -> Iterator[StoreWriter]:
    """Gives a writer whose store becomes `folder` at the end of the block, or never exists.

    Args:
        folder: Replaced if it exists.
        fingerprint: Identifies everything that the ids depend on.
        tokenizers: Of the source and of the target; their sizes decide the type of the ids.
    """
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    source, target = (id_dtype(tokenizer.vocabulary_size) for tokenizer in tokenizers)
    with contextlib.ExitStack() as stack:
        writer = StoreWriter(partial, (source, target), stack)
        yield writer
    counts = asdict(writer.counts)
    # Sorted: filters take part in the order in which they first leave something out, which depends on the shard.
    counts["filtered"] = dict(sorted(counts["filtered"].items()))
    manifest = {"fingerprint": fingerprint, "corpus_ends": writer.corpus_ends, "counts": counts}
    manifest |= {"source": source.name, "target": target.name}
    write_file(partial / "manifest.json", json.dumps(manifest, indent=1).encode())
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def id_dtype(vocabulary_size: int) -> np.dtype[Any]:
    """The smallest type that holds every id."""
    return np.dtype(np.uint16 if vocabulary_size <= 2**16 else np.uint32)


class _SideWriter:
    """Writes one side of a store."""

    def __init__(self, folder: Path, side: str, dtype: np.dtype[Any], stack: contextlib.ExitStack) -> None:
        self._ids = stack.enter_context((folder / f"{side}.ids").open("wb"))
        self._offsets = stack.enter_context((folder / f"{side}.offsets").open("wb"))
        self._dtype, self._end = dtype, 0
        self._offsets.write(np.int64(0).tobytes())

    def append(self, sequences: Sequences) -> None:
        self._ids.write(sequences.ids.astype(self._dtype, copy=False).tobytes())
        self._offsets.write((self._end + sequences.offsets[1:]).tobytes())
        self._end += int(sequences.offsets[-1])
