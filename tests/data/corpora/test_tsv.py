from pathlib import Path

import pytest

from tests.corpora import error_of, pairs_of, write_sides


def test_a_tsv_line_is_source_tab_target(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_bytes(b"a b\tA\r\n\tB\n")
    assert list(pairs_of({"tsv": "t.tsv"}, tmp_path)) == [("a b", "A"), ("", "B")]


def test_a_tsv_is_read_as_a_pair_of_files_is(tmp_path: Path) -> None:
    lines = [("a", "A"), ("", ""), (' "a', '"A ""B""" '), ("", "B"), ("c", "")]
    for end in ("\n", "\r\n"):
        write_sides(tmp_path, *("\ufeff" + "".join(line + end for line in side) for side in zip(*lines, strict=True)))
        tsv = "\ufeff" + "".join((f"{source}\t{target}" if source or target else "") + end for source, target in lines)
        (tmp_path / "t.tsv").write_bytes(tsv.encode())
        assert list(pairs_of({"tsv": "t.tsv"}, tmp_path)) == list(pairs_of("t.{lang}", tmp_path)) == lines


@pytest.mark.parametrize("line", ["", " ", "\t", " \t ", "\t\t\t", "\u3000"])
def test_a_blank_tsv_line_is_a_pair_of_empty_sentences(tmp_path: Path, line: str) -> None:
    (tmp_path / "t.tsv").write_text(f"a\tA\n{line}\nb\tB\n", encoding="utf-8")
    source, blank, target = pairs_of({"tsv": "t.tsv"}, tmp_path)
    assert (source, target) == (("a", "A"), ("b", "B"))
    assert not "".join(blank).strip()


def test_a_tsv_line_without_a_tab_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("a\tA\na b\n")
    assert error_of(pairs_of({"tsv": "t.tsv"}, tmp_path)) == (
        f"{tmp_path / 't.tsv'}:2: a line is source, tab, target; found 0 tabs in 'a b'"
    )


@pytest.mark.parametrize(("line", "tabs"), [("a\tA\t0.9", 2), ("a\tA\t", 2), ("7\ta\t8\tA", 3), ('"a\tb"\tA', 2)])
def test_a_tsv_line_of_more_columns_is_named_for_only_the_user_knows_which_are_meant(
    tmp_path: Path, line: str, tabs: int
) -> None:
    (tmp_path / "t.tsv").write_text(f"a\tA\n{line}\n")
    assert error_of(pairs_of({"tsv": "t.tsv"}, tmp_path)) == (
        f"{tmp_path / 't.tsv'}:2: a line is source, tab, target; found {tabs} tabs in {line!r}; "
        "say which columns are meant, as in `columns: [1, 2]`"
    )


@pytest.mark.parametrize("columns", [[3, 1], {"en": 3, "de": 1}])
def test_columns_choose_the_sides_and_others_are_not_read(tmp_path: Path, columns: object) -> None:
    (tmp_path / "t.tsv").write_text("A\t0.9\ta\tCC-BY\n\nB\t\tb\n")
    assert list(pairs_of({"tsv": "t.tsv", "columns": columns}, tmp_path)) == [("a", "A"), ("", ""), ("b", "B")]


def test_columns_by_language_serve_both_directions(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("a\tA\n")
    corpus = {"tsv": "t.tsv", "columns": {"en": 1, "de": 2}}
    assert list(pairs_of(corpus, tmp_path)) == [("a", "A")]
    assert list(pairs_of(corpus, tmp_path, "de", "en")) == [("A", "a")]


def test_a_tsv_line_that_lacks_a_column_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("a\tA\tx\nb\tB\n")
    assert error_of(pairs_of({"tsv": "t.tsv", "columns": [1, 3]}, tmp_path)) == (
        f"{tmp_path / 't.tsv'}:2: there is no column 3, which columns names; found 1 tabs in 'b\\tB'"
    )
