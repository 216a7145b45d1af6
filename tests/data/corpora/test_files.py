import gzip
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from tests.corpora import error_of, pairs_of, write_sides
from translator.data.corpora import lines
from translator.data.corpora.base import CorpusError


def test_files_pair_line_by_line_and_keep_blank_ones(tmp_path: Path) -> None:
    write_sides(tmp_path, "a\n\nc\n", "A\nB\n\n")
    assert list(pairs_of("t.{lang}", tmp_path)) == [("a", "A"), ("", "B"), ("c", "")]


def test_source_and_target_follow_the_languages(tmp_path: Path) -> None:
    write_sides(tmp_path, "a\n", "A\n")
    (pair,) = pairs_of("t.{lang}", tmp_path, source="de", target="en")
    assert (pair.source, pair.target) == ("A", "a")


@pytest.mark.parametrize(
    ("english", "german", "counts"), [("a\nb\n", "A\nB\nC\nD\n", (2, 4)), ("a\nb\nc", "A\n", (3, 1))]
)
def test_unequal_files_are_named_with_both_counts(
    tmp_path: Path, english: str, german: str, counts: tuple[int, int]
) -> None:
    write_sides(tmp_path, english, german)
    assert error_of(pairs_of("t.{lang}", tmp_path)) == (
        f"{tmp_path / 't.en'} has {counts[0]} lines but {tmp_path / 't.de'} has {counts[1]}; "
        "a parallel corpus needs one target line for each source line"
    )


def test_only_the_first_pairs_are_taken(tmp_path: Path) -> None:
    write_sides(tmp_path, "a\nb\nc\n", "A\nB\nC\n")
    assert list(pairs_of({"files": "t.{lang}", "pairs": 2}, tmp_path)) == [("a", "A"), ("b", "B")]


def test_fewer_pairs_than_asked_are_fine(tmp_path: Path) -> None:
    write_sides(tmp_path, "a\n", "A\n")
    assert list(pairs_of({"files": "t.{lang}", "pairs": 9}, tmp_path)) == [("a", "A")]


@pytest.mark.parametrize(
    ("train", "key"),
    [
        ("t.{lang}", "data.train.files"),
        (["t.{lang}", {"grammar": "train", "pairs": 1}], "data.train.0.files"),
        ({"tsv": "t.en"}, "data.train.tsv"),
    ],
)
def test_a_missing_corpus_is_named_with_the_key_that_leads_to_it(tmp_path: Path, train: Any, key: str) -> None:
    assert error_of(pairs_of(train, tmp_path)) == f"there is no file {tmp_path / 't.en'}, which {key} names"


def test_a_missing_target_is_found_before_the_source_is_read(tmp_path: Path) -> None:
    (tmp_path / "t.en").write_bytes(b"a\n")
    pairs = pairs_of("t.{lang}", tmp_path)
    with pytest.raises(CorpusError, match=r"there is no file .*t\.de, which data\.train\.files names"):
        next(pairs)


def test_files_are_opened_late_and_closed_at_the_end_an_error_or_by_close(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Any] = []

    def open_and_note(path: Path) -> Any:
        opened.append(path.open("rb"))
        return opened[-1]

    monkeypatch.setattr(lines, "opened", open_and_note)
    write_sides(tmp_path, "a\nb\n", "A\nB\n")
    ended, left, failed = (pairs_of("t.{lang}", tmp_path) for _ in range(3))
    assert not opened

    list(ended)
    assert [file.closed for file in opened] == [True] * 2

    next(left)
    assert [file.closed for file in opened] == [True] * 2 + [False] * 2
    left.close()
    assert [file.closed for file in opened] == [True] * 4

    (tmp_path / "t.en").write_bytes(b"a\n\xff\n")  # the other file is not read to its end
    with pytest.raises(CorpusError) as caught:
        list(failed)
    assert caught.tb  # and with it all that the failing frames hold
    assert [file.closed for file in opened] == [True] * 6


def test_memory_does_not_grow_with_the_corpus(tmp_path: Path) -> None:
    (tmp_path / "t.tsv.gz").write_bytes(gzip.compress(b"source sentence\ttarget sentence\n" * 50_000, 1))  # 1.6 MB
    tracemalloc.start()
    try:
        assert sum(1 for _ in pairs_of({"tsv": "t.tsv.gz"}, tmp_path)) == 50_000
        assert tracemalloc.get_traced_memory()[1] < 500_000
    finally:
        tracemalloc.stop()


def test_multi30k_is_parallel_as_it_stands(multi30k: Path) -> None:
    pairs = list(pairs_of("train.{lang}.gz", multi30k))
    assert len(pairs) == 29_000
    assert pairs[0] == (
        "Two young, White males are outside near many bushes.",
        "Zwei junge weiße Männer sind im Freien in der Nähe vieler Büsche.",
    )
