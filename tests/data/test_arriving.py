"""Lines as they arrive, through real pipes."""

import contextlib
import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hostile import BYTES, budget, standard_input
from translator.data.arriving import READ_BYTES, arriving_lines
from translator.data.corpora.base import CorpusError
from translator.data.corpora.lines import MOST_LINE_BYTES, read_lines


class Pipe:
    """A named pipe whose lines are grouped, and its other end."""

    def __init__(self, path: Path, most: int) -> None:
        os.mkfifo(path)
        self._end = os.open(path, os.O_RDWR)  # as a reader too, so that opening waits for nobody
        self.groups = arriving_lines(path, most)

    def write(self, content: bytes) -> None:
        assert os.write(self._end, content) == len(content)

    def close(self) -> None:
        os.close(self._end)


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Pipe]:
    pipe = Pipe(tmp_path / "pipe", 3)
    with contextlib.closing(pipe.groups):
        yield pipe


def test_a_line_is_there_before_the_next_is_written(pipe: Pipe):
    pipe.write(b"one\n")
    assert next(pipe.groups) == ["one"]
    pipe.write("zwei\r\n\ndré".encode()[:-1])
    assert next(pipe.groups) == ["zwei", ""]
    pipe.write("é".encode()[1:] + b"i\n1\n2\n3\n4")
    assert next(pipe.groups) == ["dréi", "1", "2"]
    assert next(pipe.groups) == ["3"]
    pipe.close()
    assert next(pipe.groups) == ["4"]
    assert next(pipe.groups, None) is None


def test_a_wrong_byte_is_named_by_its_line_after_the_lines_before_it_are_there(pipe: Pipe):
    pipe.write(b"one\n")
    assert next(pipe.groups) == ["one"]
    pipe.write(b"two\n")
    assert next(pipe.groups) == ["two"]
    pipe.write(b"a\xff\n")
    with pytest.raises(CorpusError, match=r"pipe:3: byte 2 of the line, 0xff, is not UTF-8"):
        next(pipe.groups)


def test_a_line_without_end_is_named(tmp_path: Path):
    with pytest.raises(CorpusError, match=f"^/dev/zero:1: the line has more than {MOST_LINE_BYTES:,} bytes"):
        next(arriving_lines(Path("/dev/zero"), 9))


@pytest.mark.parametrize("name", ["file", "file.gz"])
def test_a_file_comes_in_full_groups(name: str, tmp_path: Path):
    content = "".join(f"{i}\n" for i in range(10)).encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert list(arriving_lines(tmp_path / name, 4)) == [["0", "1", "2", "3"], ["4", "5", "6", "7"], ["8", "9"]]


def test_a_file_as_standard_input_comes_in_full_groups():
    with standard_input("".join(f"{i}\n" for i in range(10)).encode()):
        assert list(arriving_lines(None, 4)) == [["0", "1", "2", "3"], ["4", "5", "6", "7"], ["8", "9"]]


@budget(100)
@given(
    content=BYTES
    | st.lists(st.sampled_from([b"\n", b"\r\n", b"a" * READ_BYTES, b"a" * MOST_LINE_BYTES])).map(b"".join),
    most=st.integers(1, 3),
)
def test_the_lines_are_those_of_a_file(content: bytes, most: int, tmp_path: Path):
    def lines_or_error(groups: Iterator[list[str]]) -> tuple[list[str], str]:
        lines = []
        try:
            for group in groups:
                lines += group
        except CorpusError as error:
            # What it says before the advice, which names the file.
            return [], str(error).split(";")[0].replace(str(tmp_path / "file"), "standard input")
        return lines, ""

    (tmp_path / "file").write_bytes(content)
    expected = lines_or_error([line] for line in read_lines(tmp_path / "file"))
    assert lines_or_error(arriving_lines(tmp_path / "file", most)) == expected
    with standard_input(content):
        assert lines_or_error(arriving_lines(None, most)) == expected
