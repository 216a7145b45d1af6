"""Pairs of lines from standard input."""

import os

import pytest

from translator.data.corpora.base import CorpusError
from translator.data.paired import tabbed_lines


def given(text: str) -> None:
    reading, writing = os.pipe()
    os.write(writing, text.encode())
    os.close(writing)
    os.dup2(reading, 0)
    os.close(reading)


@pytest.fixture(autouse=True)
def standard_input():
    before = os.dup(0)
    yield
    os.dup2(before, 0)
    os.close(before)


def test_a_tab_stands_between_the_two_sides():
    given("a b\tc\n\t\nd\t\n")
    assert list(tabbed_lines(2, "aligning")) == [[("a b", "c"), ("", "")], [("d", "")]]


@pytest.mark.parametrize(("line", "tabs"), [("a b", 0), ("a\tb\tc", 2)])
def test_another_number_of_tabs_is_an_error_that_names_the_line(line, tabs):
    given(f"a\tb\n{line}\n")
    with pytest.raises(CorpusError, match=f"standard input, line 2: found {tabs} tabs; aligning needs one"):
        list(tabbed_lines(1, "aligning"))
