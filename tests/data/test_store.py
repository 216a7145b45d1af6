import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import cast

import numpy as np
import pytest

from tests.tokenizers import tokenizer_of
from translator.config.tokenizer import TokenizerConfig
from translator.data import encoding as encoding_module
from translator.data.corpora.base import CorpusError, SentencePair
from translator.data.encoding import write_store
from translator.data.filters import Filtered
from translator.data.store import Counts, Sequences, TokenStore, open_store
from translator.data.tokenizer import Tokenizer


class WordNumbers:
    """A scripted tokenizer: each word is the id that it writes."""

    def __init__(self, vocabulary_size: int = 1000) -> None:
        self.vocabulary_size = vocabulary_size

    def encode(self, sentences: Sequence[str], threads: int = -1) -> list[list[int]]:
        return [[int(word) for word in sentence.split()] for sentence in sentences]


def numbered(corpus: Sequence[tuple[str, str]], rejected: Mapping[int, str] = MappingProxyType({})) -> list[Filtered]:
    """The pairs of a corpus, of which filters reject some, by number."""
    return [Filtered(number, SentencePair(*pair), rejected.get(number)) for number, pair in enumerate(corpus, 1)]


def write(folder: Path, *corpora: Sequence[tuple[str, str]], max_tokens: int = 5, vocabulary_size: int = 1000) -> None:
    tokenizer = cast(Tokenizer, WordNumbers(vocabulary_size))
    pairs = list(map(numbered, corpora))
    write_store(folder, pairs, [(tokenizer, tokenizer)] * len(pairs), max_tokens, "fingerprint")


def opened(folder: Path) -> TokenStore:
    store = open_store(folder, "fingerprint")
    assert store is not None
    return store


def pairs_of(store: TokenStore) -> list[tuple[list[int], list[int]]]:
    return [(store.source[row].tolist(), store.target[row].tolist()) for row in range(len(store))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run" / "data"


def test_what_was_written_is_read_back(folder: Path):
    write(folder, [("5 6", "7"), ("8", "9 10 11")], [("12 13 14", "15 16")])
    store = opened(folder)
    assert pairs_of(store) == [([5, 6], [7]), ([8], [9, 10, 11]), ([12, 13, 14], [15, 16])]
    assert store.source.lengths.tolist() == [2, 1, 3]
    assert store.target.lengths.tolist() == [1, 3, 2]
    assert store.corpora == (range(2), range(2, 3))
    assert store.counts == Counts(kept=3)


def test_empty_and_too_long_pairs_are_left_out_and_counted_and_shift_no_other(folder: Path):
    write(
        folder,
        [
            ("1", "1"),
            ("", "2"),
            ("3", ""),
            ("1 2 3 4", "4"),
            ("5", "5 5 5"),
            ("6", "1 2 3 4"),
            (" ", "1 2 3 4"),
            ("7", "7 7"),
        ],
        [("1 2 3 4", "1 2 3 4")],
        [("", ""), ("8", "8")],
        max_tokens=3,
    )
    store = opened(folder)
    assert pairs_of(store) == [([1], [1]), ([5], [5, 5, 5]), ([7], [7, 7]), ([8], [8])]
    assert store.counts == Counts(kept=4, empty=4, too_long=3)
    assert store.corpora == (range(3), range(3, 3), range(3, 4))
    assert store.numbers.tolist() == [1, 5, 8, 2], "which pair of its corpus each one was"


@pytest.mark.parametrize("left_out", [[], [4], [0, 1, 2], [3, 4, 5, 9]])
def test_what_is_encoded_together_makes_no_difference(
    folder: Path, left_out: list[int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(encoding_module, "ENCODED_TOGETHER", 3)
    corpus = [
        ("" if row in left_out else f"{row} " * (row % 3 + 1), f"{row + 100} " * (row % 2 + 1)) for row in range(10)
    ]
    write(folder, corpus)
    kept = [row for row in range(10) if row not in left_out]
    assert opened(folder).numbers.tolist() == [row + 1 for row in kept]
    assert pairs_of(opened(folder)) == [([row] * (row % 3 + 1), [row + 100] * (row % 2 + 1)) for row in kept]


def test_pairs_are_encoded_so_many_or_so_many_characters_at_a_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(encoding_module, "ENCODED_TOGETHER", 3)
    monkeypatch.setattr(encoding_module, "CHARACTERS_TOGETHER", 10)
    pairs = [*[("a", "b")] * 4, ("a" * 5, "b" * 5), ("a", "b")]
    chunks = list(encoding_module._chunks(numbered(pairs)))
    assert [chunk.numbers for chunk in chunks] == [[1, 2, 3], [4, 5], [6]]
    assert [pair for chunk in chunks for pair in chunk.pairs] == pairs


def test_pairs_that_filters_have_left_out_are_counted_and_shift_no_other(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(encoding_module, "ENCODED_TOGETHER", 2)
    tokenizer = cast(Tokenizer, WordNumbers())
    corpora = [
        numbered([("7", "7"), ("1", "2"), ("8", "8"), ("9", "9"), ("", "5")], dict.fromkeys((1, 3, 4), "max_ratio")),
        numbered([("7", "7"), ("3", "4")], {1: "forbidden"}),
    ]
    write_store(folder, corpora, [(tokenizer, tokenizer)] * len(corpora), 5, "fingerprint")
    store = opened(folder)
    assert (pairs_of(store), store.numbers.tolist()) == ([([1], [2]), ([3], [4])], [2, 2])
    assert store.counts == Counts(kept=2, empty=1, filtered={"max_ratio": 3, "forbidden": 1})
    assert store.counts.read == 7


def test_a_long_corpus_is_encoded_on_all_cores_with_the_same_result(folder: Path, monkeypatch: pytest.MonkeyPatch):
    words = [f"{a}{b}" for a in "abcdefgh" for b in "ijklmnop"]
    tokenizer = tokenizer_of([" ".join(words)] * 3, TokenizerConfig(vocabulary_size=30))
    pairs = [SentencePair(" ".join(words[row % 7 : row % 13]), words[row % 64]) for row in range(100)]
    shown: list[int] = []
    stores = []
    for chunks, name in ((100, "alone"), (2, "together")):
        monkeypatch.setattr(encoding_module, "ENCODED_TOGETHER", 7)
        monkeypatch.setattr(encoding_module, "ENCODED_ALONE", chunks)
        write_store(
            folder / name,
            [numbered(pairs), numbered(pairs[:50])],
            [(tokenizer, tokenizer)] * 2,
            20,
            "fingerprint",
            shown.append,
        )
        stores.append(opened(folder / name))
    alone, together = stores
    assert pairs_of(together) == pairs_of(alone)
    assert together.numbers.tolist() == alone.numbers.tolist()
    assert together.counts == alone.counts
    assert together.counts.empty > 0
    assert together.counts.read == 150
    assert shown == [*range(7, 100, 7), 100, *range(107, 150, 7), 150] * 2


def test_taking_rows_gives_them_in_the_order_asked_for():
    sequences = Sequences.of([[5, 6], [], [7], [8, 9, 10]], np.uint16)
    taken = sequences.take(np.array([3, 0, 1, 3]))
    assert [ids.tolist() for ids in taken] == [[8, 9, 10], [5, 6], [], [8, 9, 10]]
    assert taken.lengths.tolist() == [3, 2, 0, 3]
    assert taken.ids.dtype == np.uint16
    assert len(sequences.take(np.array([], np.int64))) == 0


@pytest.mark.parametrize(("vocabulary_size", "dtype"), [(2**16, np.uint16), (2**16 + 1, np.uint32)])
def test_ids_are_of_the_narrowest_type_that_holds_the_vocabulary(folder: Path, vocabulary_size: int, dtype: type):
    highest = vocabulary_size - 1
    write(folder, [(f"{highest}", "0")], vocabulary_size=vocabulary_size)
    assert pairs_of(opened(folder)) == [([highest], [0])]
    assert opened(folder).source.ids.dtype == dtype


def test_a_stale_fingerprint_is_no_store(folder: Path):
    write(folder, [("1", "2")])
    assert open_store(folder, "another") is None


def test_what_is_not_there_is_no_store(folder: Path):
    assert open_store(folder, "fingerprint") is None


@pytest.mark.parametrize("manifest", ["", "{"])
def test_a_manifest_that_was_cut_off_is_no_store(folder: Path, manifest: str):
    write(folder, [("1", "2")])
    (folder / "manifest.json").write_text(manifest)
    assert open_store(folder, "fingerprint") is None


@pytest.mark.parametrize("name", ["source.ids", "target.offsets"])
def test_a_store_that_lacks_a_file_is_no_store(folder: Path, name: str):
    write(folder, [("1", "2")])
    (folder / name).unlink()
    assert open_store(folder, "fingerprint") is None


def broken_off() -> Iterator[Filtered]:
    yield Filtered(1, SentencePair("1", "1"))
    raise KeyboardInterrupt


def test_an_interrupted_write_leaves_no_store(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(encoding_module, "ENCODED_TOGETHER", 1)
    tokenizer = cast(Tokenizer, WordNumbers())
    with pytest.raises(KeyboardInterrupt):
        write_store(folder, [broken_off()], [(tokenizer, tokenizer)], 5, "fingerprint")
    assert not folder.exists()
    write(folder, [("3", "4")])
    assert pairs_of(opened(folder)) == [([3], [4])]
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_an_interrupted_write_leaves_the_store_before_it(folder: Path):
    write(folder, [("1", "2")])
    tokenizer = cast(Tokenizer, WordNumbers())
    with pytest.raises(KeyboardInterrupt):
        write_store(folder, [broken_off()], [(tokenizer, tokenizer)], 5, "newer")
    assert pairs_of(opened(folder)) == [([1], [2])]


def test_a_store_replaces_another_whole(folder: Path):
    write(folder, [("1", "2"), ("3", "4")])
    (folder / "leftover").touch()
    write(folder, [("5", "6")])
    assert pairs_of(opened(folder)) == [([5], [6])]
    assert sorted(path.name for path in folder.iterdir()) == [
        "manifest.json", "numbers", "source.ids", "source.offsets", "target.ids", "target.offsets",
    ]  # fmt: skip


def test_a_corpus_without_a_usable_pair_is_an_error_with_the_counts(folder: Path):
    with pytest.raises(CorpusError) as caught:
        write(folder, [("", "1"), ("1 2 3 4", "1"), ("1 2 3 4", "1")], max_tokens=3)
    assert "0 pairs; left out: 1 with an empty side, 2 longer than data.max_tokens; data.max_tokens is 3" in str(
        caught.value
    )
    assert not folder.exists()


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        (Counts(1234), "1,234 pairs"),
        (Counts(2, empty=1000), "2 pairs; left out: 1,000 with an empty side"),
        (Counts(2, 3, 4), "2 pairs; left out: 3 with an empty side, 4 longer than data.max_tokens"),
        (Counts(2, filtered={"max_ratio": 1000}), "2 pairs; left out: 1,000 by data.filters.max_ratio"),
    ],
)
def test_counts_say_what_became_of_the_pairs(counts: Counts, text: str):
    assert str(counts) == text


def test_the_manifest_is_json_that_one_can_read(folder: Path):
    write(folder, [("1", "2")])
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["counts"] == {"kept": 1, "empty": 0, "too_long": 0, "filtered": {}}
