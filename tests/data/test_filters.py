import io
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hostile import TEXT, budget
from translator.config.data import DataConfig
from translator.data.corpora.base import InputFile, SentencePair, Side
from translator.data.filters import Duplicates, Filtered, filtered, listed, make_filters, passed


@dataclass
class Scripted:
    """A corpus of given pairs."""

    given: Sequence[tuple[str, str]]
    description: str = "given"

    def pairs(self) -> Generator[SentencePair, None, None]:
        for pair in self.given:
            yield SentencePair(*pair)

    def inputs(self) -> list[InputFile]:
        return []

    def place(self, number: int, side: Side = "source") -> str:
        return f"t:{number}"


def data_of(**filters: Any) -> DataConfig:
    return DataConfig.model_validate({"train": "t.{lang}", "validation": "t.{lang}", "filters": filters})


def left_out(pairs: Sequence[tuple[str, str]], **filters: Any) -> list[str | None]:
    """The filter that leaves out each pair; None where none does."""
    stream = list(filtered(Scripted(pairs), make_filters(data_of(**filters))))
    assert [(each.number, each.pair) for each in stream] == list(enumerate(pairs, 1))
    return [each.rejected_by for each in stream]


def test_by_default_nothing_is_left_out():
    assert make_filters(data_of()) == []
    assert left_out([("a", "a"), ("a", "a"), ("", "x" * 1000)]) == [None] * 3


@pytest.mark.parametrize(
    ("filters", "passed", "rejected"),
    [
        ({"min_length": 2}, ("a b", " c  d "), ("a b", " c ")),
        ({"max_length": 2}, ("a b", "c"), ("a", "b c d")),
        ({"max_length": 2, "length_unit": "characters"}, ("ab", " b "), ("a b", "b")),
        ({"max_ratio": 2.5}, ("a b", "a b c d e"), ("a b c d e f", "a b")),
        ({"max_ratio": 3, "length_unit": "characters"}, ("ab", "abcdef"), ("ab", "abcdefg")),
        ({"identical": True}, ("a b", "a c"), ("A  b", "a B ")),
        ({"scripts": {"en": "Latin"}}, ("a Я 1", "Я"), ("a Яб", "a")),  # half of the letters, and a third
        ({"scripts": {"de": ["Han", "Hiragana"]}}, ("Я", "日の a"), ("a", "カ")),
        ({"scripts": {"de": ["Hiragana"]}}, ("Я", "あーーー"), ("a", "カカあーーー")),  # ー is of no script by itself
        ({"scripts": {"en": "Latin", "de": "Latin"}}, ("1 2", "…"), ("a", "Я")),
        ({"forbidden": ["</?[a-z]+>", "^#"]}, ("a <b", "a #"), ("a", "b</i>")),
        ({"forbidden": ["</?[a-z]+>", "^#"]}, ("<", ">"), ("#a", "b")),
    ],
)
def test_each_filter_by_hand(filters: dict[str, Any], passed: tuple[str, str], rejected: tuple[str, str]):
    assert left_out([passed, rejected], **filters) == [None, next(iter(filters))]


def test_a_duplicate_is_of_both_sides_but_for_spaces_and_the_first_stays():
    pairs = [("a", "b"), ("a", "c"), (" a ", "b"), ("ab", ""), ("a", "B"), ("a b", "c"), ("a", "b c"), ("a", "b  c")]
    assert left_out(pairs, duplicates=True) == [None, None, "duplicates", None, None, None, None, "duplicates"]


def test_duplicates_are_told_across_corpora():
    filters = make_filters(data_of(duplicates=True))
    streams = [list(passed(Scripted([("a", "b"), ("c", "d")]), filters)) for _ in range(2)]
    assert streams == [[("a", "b"), ("c", "d")], []]


def test_a_part_of_a_corpus_is_filtered_as_in_the_whole():
    pairs = [("a", "b"), ("a", "b"), ("a", "a"), ("c", "d"), ("c", "d")]

    def stream(is_own: Callable[[int], bool]) -> list[Filtered]:
        return list(filtered(Scripted(pairs), make_filters(data_of(duplicates=True, identical=True)), is_own))

    assert stream(lambda number: number % 2 == 1) == stream(lambda _: True)[::2]


def test_the_first_filter_that_rejects_a_pair_counts_it():
    assert left_out([("a", "a")] * 2, identical=True, duplicates=True, min_length=2) == ["min_length"] * 2


def test_pairs_with_a_blank_side_are_not_the_filters_matter():
    assert left_out([("", "a"), ("\u3000", " ")], min_length=2, identical=True, scripts={"de": "Greek"}) == [None] * 2


def test_what_is_left_out_is_listed_by_place_and_filter_on_one_line():
    listing = io.StringIO()
    pairs = [("a", "b"), ("x\ty\u2028z\v", "X y"), ("c", "c")]
    corpus, filters = Scripted(pairs), make_filters(data_of(identical=True, max_ratio=1.2))
    assert list(listed(filtered(corpus, filters), corpus, listing)) == list(filtered(corpus, filters))
    assert listing.getvalue() == "t:2\tmax_ratio\tx y z\tX y\nt:3\tidentical\tc\tc\n"


@budget(60)
@given(pairs=st.lists(st.tuples(TEXT, TEXT), max_size=20))
def test_any_text_can_be_filtered_and_every_pair_is_passed_or_counted(pairs: list[tuple[str, str]]):
    pairs = [tuple(text.encode("utf-8", "replace").decode() for text in pair) for pair in pairs]  # type: ignore[misc]
    filters = {"min_length": 2, "max_length": 3, "max_ratio": 1.5, "identical": True, "duplicates": True}
    names = left_out(pairs, scripts={"en": "Latin"}, forbidden=["a$"], **filters)
    assert len(names) == len(pairs)


def test_as_many_distinct_pairs_are_found_as_there_are_however_the_table_grows():
    seen = Duplicates()
    pairs = [SentencePair(str(i * i % 7919), "x") for i in range(20_000)]
    assert Counter(map(seen, pairs)) == {False: len(set(pairs)), True: 20_000 - len(set(pairs))}
    assert seen._table.itemsize * len(seen._table) <= 24 * max(len(set(pairs)), 1000)
