import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
from backports import zstd

from tests.corpora import error_of, pairs_of
from translator.data.arriving import count_lines
from translator.data.corpora.base import CorpusError
from translator.data.corpora.compression import _OPENERS
from translator.data.corpora.lines import MOST_LINE_BYTES, read_lines
from translator.text_files import COMPRESSIONS, what_else_it_is

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstd.compress,
}


def test_each_compression_that_is_recognized_can_be_opened() -> None:
    assert list(_OPENERS) == list(COMPRESSIONS) == list(COMPRESS)


@pytest.mark.parametrize("suffix", COMPRESS)
def test_a_compressed_file_is_read_as_the_plain_one(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(COMPRESS[suffix]("\ufeffä\r\nb\n".encode()) + COMPRESS[suffix](b"\nc"))  # two, one after the other
    assert list(read_lines(path)) == ["ä", "b", "", "c"]
    assert count_lines(path) == 4


@pytest.mark.parametrize("suffix", COMPRESS)
def test_an_archive_that_is_cut_off_is_named_with_the_line_reached(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(COMPRESS[suffix](b"a\nb\n")[:-3])
    assert error_of(read_lines(path)).startswith(f"{path} cannot be read ")


@pytest.mark.parametrize("suffix", COMPRESS)
def test_an_empty_file_is_no_archive(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.touch()
    said = f"{path} cannot be read at all: a {suffix} file has more than 0 bytes; copy or write it again"
    assert error_of(read_lines(path)) == said
    with pytest.raises(CorpusError, match="more than 0 bytes"):
        count_lines(path)
    path.write_bytes(COMPRESS[suffix](b""))
    assert (list(read_lines(path)), count_lines(path)) == ([], 0)


@pytest.mark.parametrize("suffix", COMPRESS)
def test_text_that_is_not_compressed_is_named_with_the_command_that_renames_it(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"text\n")
    assert error_of(read_lines(path)) == (
        f"{path}, despite its name, is not compressed with {COMPRESSIONS[suffix].name}; if it is text, rename it: "
        f"mv {path} {tmp_path / 'a'}"
    )


@pytest.mark.parametrize("suffix", COMPRESS)
def test_the_start_of_each_kind_is_recognized(suffix: str) -> None:
    kind = COMPRESSIONS[suffix]
    assert (
        what_else_it_is(COMPRESS[suffix](b"text"), Path("a"))
        == f"is compressed with {kind.name}; convert it: {kind.command} < a > a.txt"
    )


@pytest.mark.parametrize("suffix", COMPRESS)
def test_a_bomb_ends_in_one_line(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(COMPRESS[suffix](bytes(2**24)))
    assert error_of(read_lines(path)).startswith(f"{path}:1: the line has more than {MOST_LINE_BYTES:,} bytes")


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tsv", "a\tA\n"),
        ("jsonl", '{"en": "a", "de": "A"}'),
        ("tmx", '<tmx><tu><tuv lang="en"><seg>a</seg></tuv><tuv lang="de"><seg>A</seg></tuv></tu></tmx>'),
    ],
)
def test_every_format_of_text_may_be_compressed(tmp_path: Path, suffix: str, name: str, text: str) -> None:
    (tmp_path / f"t{suffix}").write_bytes(COMPRESS[suffix](text.encode()))
    assert list(pairs_of({name: f"t{suffix}"}, tmp_path)) == [("a", "A")]


def test_a_missing_file_is_told_of_the_same_one_compressed_otherwise(tmp_path: Path) -> None:
    for name in ("train.en", "train.en.zst", "notes"):
        (tmp_path / name).touch()
    path = tmp_path / "train.en.gz"
    assert error_of(read_lines(path)).startswith(f"there is no file {path}; similar names: train.en, train.en.zst")
