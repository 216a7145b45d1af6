import bz2
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.corpora import error_of
from translator.data.corpora.lines import read_lines


def lines_of(content: bytes) -> list[str]:
    return list(read_lines(Path("a.txt"), io.BytesIO(content)))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@given(
    texts=st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\n")).filter(lambda text: not text.endswith("\r")),
        min_size=1,
    )
)
def test_lines_written_are_the_lines_read(end: str, texts: list[str]) -> None:
    bom = "\ufeff"  # one is dropped, so that a text which starts with one itself keeps it
    assert lines_of((bom + "".join(text + end for text in texts)).encode()) == texts


def test_only_a_line_feed_ends_a_line() -> None:
    text = "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg\rh"
    assert lines_of(f"{text}\n{text}\r\n{text}".encode()) == [text, text, text]


def test_blank_lines_and_outer_spaces_are_kept() -> None:
    assert lines_of(b"\n a \n\n\t\n") == ["", " a ", "", "\t"]


def test_an_empty_file_has_no_lines() -> None:
    assert lines_of(b"") == []


def test_a_byte_order_mark_is_dropped_at_the_start_alone() -> None:
    assert lines_of("\ufeffa\n\ufeffb\n".encode()) == ["a", "\ufeffb"]


def test_a_plain_file_and_its_gzip_give_the_same_lines(tmp_path: Path) -> None:
    content = "Zwei Hunde\nüben.\n".encode()
    (tmp_path / "a").write_bytes(content)
    (tmp_path / "a.gz").write_bytes(gzip.compress(content))
    assert list(read_lines(tmp_path / "a")) == list(read_lines(tmp_path / "a.gz")) == ["Zwei Hunde", "üben."]


def test_a_stream_is_read_in_place_of_the_file_and_left_open() -> None:
    stream = io.BytesIO(b"a\nb\n")
    assert list(read_lines(Path("standard input"), stream)) == ["a", "b"]
    assert not stream.closed


def test_a_byte_that_is_not_utf8_is_named_with_file_line_and_place(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("gut\nü".encode() + b"b\xfcck\n")
    assert error_of(read_lines(path)).startswith(f"{path}:2: byte 4 of the line, 0xfc, is not UTF-8")


def test_a_truncated_gzip_is_named_with_the_line_reached(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"a\nb\n")[:-8])  # the checksum is cut off
    assert error_of(read_lines(path)) == (
        f"{path} cannot be read past line 2: Compressed file ended before the end-of-stream marker was reached"
    )


def test_a_corrupt_gzip_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    content = bytearray(gzip.compress(bytes(range(256)) * 4))
    content[10] ^= 0xFF
    path.write_bytes(content)
    assert error_of(read_lines(path)).startswith(f"{path} cannot be read at all: Error -3 while decompressing data")


def test_a_gz_file_that_is_not_gzip_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(b"text\n")
    assert error_of(read_lines(path)) == (
        f"{path}, despite its name, is not compressed with gzip; if it is text, rename it: mv {path} {tmp_path / 'a'}"
    )
    path.write_bytes(bz2.compress(b"text\n"))
    assert error_of(read_lines(path)) == (
        f"{path}, despite its name, is compressed with bzip2; convert it: bunzip2 -c < {path} > {path}.txt"
    )


def test_an_archive_that_is_none_takes_the_name_of_no_other_file(tmp_path: Path) -> None:
    path = tmp_path / "train.en.gz"
    for name in ("train.en.gz", "train.en", "train-2.en"):
        (tmp_path / name).write_text("text\n")
    assert error_of(read_lines(path)).endswith(f"rename it: mv {path} {tmp_path / 'train-3.en'}")


def test_what_follows_an_archive_is_no_matter_of_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"text\n") + b"garbage")
    assert error_of(read_lines(path)) == f"{path} cannot be read past line 1: Not a gzipped file (b'ga')"


def test_a_file_of_utf16_is_named_with_the_command_that_converts_it(tmp_path: Path) -> None:
    path = tmp_path / "a b.gz"
    path.write_bytes(gzip.compress("Zwei Hunde\n".encode("utf-16")))
    assert error_of(read_lines(path)) == (
        f"{path} is not UTF-8 but UTF-16; convert it: gunzip -c < '{path}' | iconv -f UTF-16 -t UTF-8 > '{path}.txt'"
    )


def test_a_stream_of_utf16_is_named_with_the_command_that_converts_it() -> None:
    stream = io.BytesIO("Zwei Hunde\n".encode("utf-16"))
    assert error_of(read_lines(Path("standard input"), stream)) == (
        "standard input is not UTF-8 but UTF-16; pipe it through: iconv -f UTF-16 -t UTF-8"
    )


def test_a_folder_in_a_files_place_is_named(tmp_path: Path) -> None:
    assert error_of(read_lines(tmp_path)) == f"{tmp_path} is a folder; name a file"


def test_a_missing_file_is_named_with_the_files_near_it(tmp_path: Path) -> None:
    for name in ("train.en.gz", "train.de", "notes"):
        (tmp_path / name).touch()
    path = tmp_path / "train.en"
    assert error_of(read_lines(path)) == f"there is no file {path}; similar names: train.en.gz, train.de"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none" / "train.en"
    assert error_of(read_lines(path)) == f"there is no file {path}; there is no folder {tmp_path / 'none'}"
