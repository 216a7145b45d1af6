"""Preparing by many processes, each a shard of the training corpora: as `prepare` does it alone, byte for byte.

Blocks of pairs are dealt out in turn, so that nobody has to count the corpora first. Every shard reads all of them,
which takes far less time than encoding, and encodes its own blocks into a store of its own. The last one merges.
"""

import contextlib
import heapq
import math
import resource
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from translator.config.schema import Config
from translator.data.corpora.base import Corpus
from translator.data.corpora.formats import open_corpora
from translator.data.encoding import no_usable_pair, write_store
from translator.data.filters import filtered, listed
from translator.data.inputs import Input, write_inputs
from translator.data.links import with_links
from translator.data.preflight import require_evaluation_corpora, warn_of_trouble
from translator.data.prepare import (
    filters_of_corpora,
    fingerprint_of,
    inputs_as_read,
    of_corpora,
    open_whole,
    opened_tokenizers,
    present_inputs,
)
from translator.data.store import OPEN_FILES, TokenStore, open_store
from translator.data.store_writer import writing_store
from translator.data.tokenizer import Tokenizer
from translator.errors import TranslatorError
from translator.files import replacing
from translator.lock import LockedError, locked
from translator.progress import Show, show_nothing
from translator.run_folder import RunFolder
from translator.shard import Shard

BLOCK_PAIRS = 1000  # in a row, that one shard encodes
OTHER_FILES = 100  # that a process has open beside the shards


class OpenFilesError(TranslatorError):
    """More shards than this process may have files open."""


@dataclass(frozen=True)
class Prepared:
    """What there is once a shard is ready.

    Attributes:
        store: of all shards; None until the last is ready.
        missing: the numbers of the shards that are not ready.
        of_other_counts: folders of shards of which there are more or fewer in all.
    """

    store: TokenStore | None
    missing: tuple[int, ...] = ()
    of_other_counts: tuple[str, ...] = ()


def prepare_shard(config: Config, run: RunFolder, shard: Shard, show: Show = show_nothing) -> Prepared:
    """Encodes a shard of the training corpora; the first one learns the vocabulary, the last one merges all.

    Processes on machines that share the run's folder do this at the same time. What is ready already, or was encoded
    from other files or settings, is told by its fingerprint; so the same call goes on after an interruption.

    Raises:
        LockedError: Another process encodes the same shard.
        RunError, CorpusError: As `prepare`.
        OpenFilesError: The shards cannot be merged, since they are too many files.
    """
    require_evaluation_corpora(config.data)
    with run.locked(wait_seconds=math.inf):
        config = run.claim(config)
        corpora = open_corpora(config.data.train, config.data)
        inputs = present_inputs(corpora, config, run)
        warn_of_trouble(config, run)
        tokenizers, _ = opened_tokenizers(corpora, inputs, config, run, show)
        if (store := open_whole(config, run, tokenizers, inputs)) is not None:
            return _finished(store, config, run, tokenizers, show)
    work = _Sharded(config, run, corpora, tokenizers, inputs_as_read(corpora, inputs))
    work.encode(shard, show)
    with run.locked(wait_seconds=math.inf):
        return work.merge(shard.count, show)


class _Sharded:
    """A store that is made in shards."""

    def __init__(
        self,
        config: Config,
        run: RunFolder,
        corpora: Sequence[Corpus],
        tokenizers: tuple[Tokenizer, Tokenizer],
        inputs: list[Input],
    ) -> None:
        self._config, self._run, self._corpora, self._tokenizers = config, run, corpora, tokenizers
        self._inputs, self._fingerprint = inputs, fingerprint_of(config, tokenizers, inputs)

    def encode(self, shard: Shard, show: Show) -> None:
        """Writes the store of one shard, unless it is there."""
        folder = _folder(self._run, shard.number, shard.count)
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder), contextlib.ExitStack() as stack:
            if self._ready(folder) is not None:
                return

            def is_own(number: int) -> bool:
                return (number - 1) // BLOCK_PAIRS % shard.count == shard.number - 1

            filters = filters_of_corpora(self._config.data)
            streams = [filtered(corpus, each, is_own) for corpus, each in zip(self._corpora, filters, strict=True)]
            if self._config.data.filters.list:
                paths = [stack.enter_context(replacing(_listing(folder, i))) for i in range(len(self._corpora))]
                files = [stack.enter_context(path.open("w", encoding="utf-8")) for path in paths]
                streams = [listed(*each, numbered=True) for each in zip(streams, self._corpora, files, strict=True)]
            write_store(
                folder / "store",
                streams,
                of_corpora(self._config.data, self._tokenizers),
                self._config.data.max_tokens,
                self._fingerprint,
                lambda done: show(done, None, f"encoding shard {shard}"),
                may_be_empty=True,
            )

    def merge(self, count: int, show: Show) -> Prepared:
        """Makes one store of all shards, if all are there."""
        if (store := open_whole(self._config, self._run, self._tokenizers, self._inputs)) is not None:
            # Of a process that has merged before this one.
            return _finished(store, self._config, self._run, self._tokenizers, show)
        folders = [_folder(self._run, number, count) for number in range(1, count + 1)]
        if missing := tuple(i for i, folder in enumerate(folders, 1) if self._ready(folder) is None):
            others = (path.name for path in self._run.shards.iterdir() if not path.name.endswith(f"-of-{count}"))
            return Prepared(None, missing, tuple(sorted(others)))
        _allow_open_files(count * max(OPEN_FILES, len(self._corpora)) + OTHER_FILES, count)
        self._merge_listings(folders)
        self._merge_stores([store for folder in folders if (store := self._ready(folder)) is not None], show)
        write_inputs(self._run, self._inputs)
        store = open_store(self._run.data, self._fingerprint)
        assert store is not None
        return _finished(store, self._config, self._run, self._tokenizers, show)

    def _ready(self, folder: Path) -> TokenStore | None:
        """The store of a shard, if it is whole and has been encoded from these files with these settings."""
        listings = [_listing(folder, i) for i in range(len(self._corpora))] if self._config.data.filters.list else []
        return open_store(folder / "store", self._fingerprint) if all(path.exists() for path in listings) else None

    def _merge_stores(self, stores: Sequence[TokenStore], show: Show) -> None:
        with writing_store(self._run.data, self._fingerprint, self._tokenizers) as writer:
            for store in stores:
                writer.counts.add(store.counts)
            kept, done = writer.counts.kept, 0
            if not kept:
                raise no_usable_pair(writer.counts, self._config.data.max_tokens)
            for corpus in range(len(self._corpora)):
                for store, start, end in _in_order(stores, corpus):
                    sides = store.source.part(start, end), store.target.part(start, end)
                    writer.append(sides, store.numbers[start:end])
                    done += end - start
                    show(done, kept, "merging the shards")
                writer.end_corpus()

    def _merge_listings(self, folders: Sequence[Path]) -> None:
        """Before the store, which stands for both."""
        if not self._config.data.filters.list:
            self._run.left_out.unlink(missing_ok=True)
            return
        with replacing(self._run.left_out) as partial, partial.open("w", encoding="utf-8") as merged:
            for corpus in range(len(self._corpora)):
                with contextlib.ExitStack() as stack:
                    parts = [stack.enter_context(_listing(each, corpus).open(encoding="utf-8")) for each in folders]
                    for line in heapq.merge(*parts, key=lambda line: int(line.partition("\t")[0])):
                        merged.write(line.partition("\t")[2])


def _allow_open_files(most: int, shards: int) -> None:
    """Raises this process's own limit of open files, if need be, as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY in (soft, hard) or most <= soft:
        return
    if most > hard:
        raise OpenFilesError(
            f"{shards:,} shards are merged with up to {most:,} files open, and this process may open {hard:,}; run the "
            f"same command where `ulimit -Hn` is {most:,} or more, or prepare in fewer shards"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _finished(
    store: TokenStore, config: Config, run: RunFolder, tokenizers: tuple[Tokenizer, Tokenizer], show: Show
) -> Prepared:
    """What comes after a merge, or is left of it: links are made, and shards go, of whatever number they are."""
    with contextlib.suppress(OSError):  # there are none, or one that another process still encodes
        for folder in run.shards.iterdir():
            with contextlib.suppress(LockedError), locked(folder):
                shutil.rmtree(folder)
        run.shards.rmdir()
    return Prepared(with_links(store, config, run, of_corpora(config.data, tokenizers), show))


def _folder(run: RunFolder, number: int, count: int) -> Path:
    return run.shards / f"{number}-of-{count}"


def _listing(folder: Path, corpus: int) -> Path:
    """What the filters have left out of a shard of a corpus, each line behind the pair's number."""
    return folder / f"left_out.{corpus}.tsv"


def _in_order(stores: Sequence[TokenStore], corpus: int) -> Iterator[tuple[TokenStore, int, int]]:
    """The rows of a corpus block by block, in its order: the store that has them, the first, and the one behind."""
    rows = [store.corpora[corpus] for store in stores]
    numbers = [store.numbers[of.start : of.stop] for store, of in zip(stores, rows, strict=True)]
    blocks = max((int(each[-1] - 1) // BLOCK_PAIRS + 1 for each in numbers if len(each)), default=0)
    rounds = -(-blocks // len(stores))
    # Where the blocks of each shard begin among its rows: blocks i, i + n, i + 2n, … of n shards.
    starts = np.arange(rounds + 1) * len(stores) * BLOCK_PAIRS
    bounds = [of.start + np.searchsorted(each, starts, side="right") for of, each in zip(rows, numbers, strict=True)]
    for nth in range(rounds):
        for store, bound in zip(stores, bounds, strict=True):
            if bound[nth] < bound[nth + 1]:
                yield store, int(bound[nth]), int(bound[nth + 1])
