import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.corpora import data_of, error_of, pairs_of
from tests.hostile import BYTES, budget, clear_errors
from translator.data.corpora.base import CorpusError
from translator.data.corpora.formats import open_corpus


def write(folder: Path, *lines: Any) -> None:
    (folder / "t.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_texts_stand_under_the_codes_of_the_languages_in_both_directions(tmp_path: Path) -> None:
    write(tmp_path, {"en": "a", "de": "Ä", "id": 1}, {"de": "B", "en": ""})
    assert list(pairs_of({"jsonl": "t.jsonl"}, tmp_path)) == [("a", "Ä"), ("", "B")]
    assert list(pairs_of({"jsonl": "t.jsonl"}, tmp_path, "de", "en")) == [("Ä", "a"), ("B", "")]


@pytest.mark.parametrize("columns", [["x.en", "x.de"], {"de": "x.de", "en": "x.en"}])
def test_columns_name_keys_inside_one_another(tmp_path: Path, columns: Any) -> None:
    write(tmp_path, {"x": {"en": "a", "de": "A"}}, {"x.en": "b", "x": {"de": "B"}})
    assert list(pairs_of({"jsonl": "t.jsonl", "columns": columns}, tmp_path)) == [("a", "A"), ("b", "B")]


def test_line_breaks_in_a_text_become_spaces_and_other_text_stays(tmp_path: Path) -> None:
    write(tmp_path, {"en": " a \r\n\n b\n", "de": " c\u2028 d "})
    assert list(pairs_of({"jsonl": "t.jsonl"}, tmp_path)) == [("a b", " c\u2028 d ")]


def test_a_blank_line_is_a_pair_of_empty_sentences_so_that_places_are_lines(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"en": "a", "de": "A"}\n\n{"en": "b", "de": "B"}\n')
    assert list(pairs_of({"jsonl": "t.jsonl"}, tmp_path)) == [("a", "A"), ("", ""), ("b", "B")]
    data = data_of({"jsonl": "t.jsonl"}, tmp_path)
    assert open_corpus(data.train[0], data).place(3) == f"{tmp_path / 't.jsonl'}:3"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"en": "a"}', "there is no key de; the keys are 'en'. Name the two that are meant, as in `columns: {en: "),
        ('{"en": "a", "de": 3}', "de is not text; found 3"),
        ('{"en": "a", "de": null}', "de is not text; found None"),
        ('["a", "b"]', "a line is an object, as in"),
        ('{"en": "a", "de": "b"', "the line is not JSON: Expecting ',' delimiter; found "),
        ("[" * 100_000, "the line is nested too deeply"),
        ('{"en": ' + "1" * 10_000 + "}", "the line is not JSON: a number is too long"),
        (r'{"en": "a", "de": "\ud800"}', r"de has half of a surrogate pair, which is not text; found '\ud800'"),
    ],
)
def test_a_line_without_two_texts_is_named(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "t.jsonl").write_text(f'{{"en": "a", "de": "A"}}\n{line}\n')
    assert error_of(pairs_of({"jsonl": "t.jsonl"}, tmp_path)).startswith(f"{tmp_path / 't.jsonl'}:2: {message}")


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(st.characters(), max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["en", "de", "x", "\n"]), inner),
    max_leaves=8,
)


@budget(100)
@given(content=BYTES | st.lists(JSON, max_size=4).map(lambda lines: "\n".join(map(json.dumps, lines)).encode()))
def test_any_file_is_pairs_of_lines_or_one_line_that_names_it(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(content)
    with clear_errors(CorpusError, path):
        for pair in pairs_of({"jsonl": path.name}, tmp_path):
            assert not {"\n", "\r"} & set("".join(pair).encode().decode())
