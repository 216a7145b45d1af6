"""Word alignments of the training pairs as links between subwords, on disk beside the store.

They teach a head of the decoder what to look at (`train.guided_alignment`). What is given joins words; here each
subword of a word is joined with each of the other's.
"""

import array
import contextlib
import dataclasses
import json
from collections.abc import Iterator, Sequence

import numpy as np

from translator.config.schema import Config
from translator.data.alignment import Link
from translator.data.corpora.base import CorpusError, SentencePair, aligned_pairs
from translator.data.corpora.formats import open_corpus
from translator.data.store import Sequences, TokenStore
from translator.data.tokenizer import Tokenizer
from translator.data.words import membership, words_of
from translator.files import read_file, replacing, write_file
from translator.languages import writes_no_spaces
from translator.progress import Show, show_nothing
from translator.run_folder import RunFolder

SOURCE_POSITIONS = 2**16  # a link of target subword t and source subword s is (t + 1) * 2**16 + s; 0 is padding
NAMES = ("links.ids", "links.offsets", "links.json")
SHOWN_EVERY = 1000  # pairs


def with_links(
    store: TokenStore,
    config: Config,
    run: RunFolder,
    tokenizers: Sequence[tuple[Tokenizer, Tokenizer]],
    show: Show = show_nothing,
) -> TokenStore:
    """The store with the links of its pairs, if the run's alignment is guided; they are made once.

    The tokenizers are those of each corpus, of source and target.

    Raises:
        CorpusError: an alignment cannot be read, or does not fit the corpus.
    """
    if not config.train.guided_alignment:
        return store
    paths = [run.data / name for name in NAMES]
    try:
        kept = json.loads(read_file(paths[2]))
    except (OSError, ValueError):
        kept = None
    if kept != store.fingerprint:
        paths[2].unlink(missing_ok=True)  # so that it never stands for arrays that it was not written for
        offsets = array.array("q", [0])
        with replacing(paths[0]) as partial, partial.open("wb") as file:
            for row in _rows(store, config, tokenizers, show):
                file.write(np.array(row, np.int32).tobytes())
                offsets.append(offsets[-1] + len(row))
            if not offsets[-1]:
                raise CorpusError("train.guided_alignment: the alignments of the training corpora have no link at all")
        write_file(paths[1], offsets.tobytes())
        write_file(paths[2], json.dumps(store.fingerprint).encode())
    ids, starts = (
        np.asarray(np.memmap(path, dtype, mode="r")) for path, dtype in zip(paths, (np.int32, np.int64), strict=False)
    )
    return dataclasses.replace(store, links=Sequences(ids, starts))


def _rows(
    store: TokenStore, config: Config, tokenizers: Sequence[tuple[Tokenizer, Tokenizer]], show: Show
) -> Iterator[list[int]]:
    """The links of each row of the store."""
    done = 0
    for corpus, rows, sides in zip(config.data.train, store.corpora, tokenizers, strict=True):
        source, target = map(writes_no_spaces, config.data.pair_of(corpus))
        kept = iter(store.numbers[rows.start : rows.stop].tolist())
        wanted = next(kept, None)
        with contextlib.closing(aligned_pairs(open_corpus(corpus, config.data))) as pairs:
            for number, (pair, links) in enumerate(pairs, 1):
                if number != wanted:  # None once no more is kept; the rest is read to see whether it fits
                    continue
                place = f"{config.data.root / str(corpus.alignment)}:{number}"
                yield subword_links(pair, links, sides, (source, target), place)
                wanted, done = next(kept, None), done + 1
                if done % SHOWN_EVERY == 0:
                    show(done, len(store), "aligning subwords")


def subword_links(
    pair: SentencePair,
    links: list[Link],
    tokenizers: tuple[Tokenizer, Tokenizer],
    spaceless: tuple[bool, bool],
    place: str,
) -> list[int]:
    """The links between the subwords of a pair, as the store has them.

    Raises:
        CorpusError: a link is to a word that the pair does not have.
    """
    members = []
    for text, tokenizer, is_spaceless in zip(pair, tokenizers, spaceless, strict=True):
        words = words_of(text, is_spaceless)
        ((_, spans),) = tokenizer.encode_in_place([text])
        members.append(membership(words, spans).astype(np.int64))
    source, target = members
    joined = np.zeros([source.shape[1], target.shape[1]], np.int64)
    for i, j in links:
        if not (0 <= i < joined.shape[0] and 0 <= j < joined.shape[1]):
            raise CorpusError(
                f"{place}: there is no link {i}-{j} between {joined.shape[0]} and {joined.shape[1]} words; words are "
                "what spaces separate, and punctuation marks at the ends of it"
            )
        joined[i, j] = 1
    t, s = np.nonzero(target @ joined.T @ source.T)
    return ((t + 1) * SOURCE_POSITIONS + s).tolist()
