import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.corpora import data_of, error_of, pairs_of
from tests.hostile import BYTES, budget, clear_errors
from translator.data.corpora.base import CorpusError, SentencePair
from translator.data.corpora.formats import open_corpus
from translator.data.corpora.lines import MOST_LINE_BYTES


def unit(*variants: tuple[str, str]) -> str:
    inside = "".join(f'<tuv xml:lang="{code}"><seg>{segment}</seg></tuv>' for code, segment in variants)
    return f"<tu>{inside}</tu>\n"


def tmx(*units: str, head: str = "") -> str:
    return (
        f'<?xml version="1.0"?>\n{head}<tmx version="1.4"><header srclang="en"/><body>\n{"".join(units)}</body></tmx>'
    )


def read(folder: Path, content: str | bytes, source: str = "en", target: str = "de") -> Iterator[SentencePair]:
    (folder / "t.tmx").write_bytes(content.encode() if isinstance(content, str) else content)
    return pairs_of({"tmx": "t.tmx"}, folder, source, target)


def test_units_are_pairs_in_both_directions_and_those_of_other_languages_are_passed_over(tmp_path: Path) -> None:
    content = tmx(unit(("en", "a"), ("de", "A")), unit(("fr", "x"), ("en", "b")), unit(("de", "C"), ("en", "c")))
    assert list(read(tmp_path, content)) == [("a", "A"), ("c", "C")]
    assert list(read(tmp_path, content, "de", "en")) == [("A", "a"), ("C", "c")]


@pytest.mark.parametrize(
    ("codes", "found"),
    [
        (["EN-US", "de_AT"], "ab"),
        (["eng", "ger"], "ab"),
        (["en-GB", "en", "de"], "bc"),  # the very code before another of the language
        (["en-GB", "en-US", "de"], "ac"),  # of equals the first
        (["en", "de-DE", "de-AT"], "ab"),
    ],
)
def test_a_variant_is_of_a_language_by_its_primary_subtag(tmp_path: Path, codes: list[str], found: str) -> None:
    content = tmx(unit(*zip(codes, "abc", strict=False)))
    assert list(read(tmp_path, content)) == [tuple(found)]


def test_two_forms_of_one_language_are_told_apart_by_all_subtags(tmp_path: Path) -> None:
    content = tmx(unit(("zh", "a"), ("zh-Hans", "b"), ("zh-Hant", "c")), unit(("zh", "a"), ("zh-Hans", "b")))
    assert list(read(tmp_path, content, "zh-Hant", "zh_hans")) == [("c", "b")]


def test_an_empty_variant_goes_behind_another_that_fits_as_well(tmp_path: Path) -> None:
    content = tmx(unit(("en", "a"), ("de", " "), ("de", "A")), unit(("en", "b"), ("de", "")))
    assert list(read(tmp_path, content)) == [("a", "A"), ("b", "")]


def test_old_files_have_the_language_without_its_prefix(tmp_path: Path) -> None:
    content = unit(("en", "a"), ("de", "A")).replace("xml:lang", "lang")
    assert list(read(tmp_path, tmx(content))) == [("a", "A")]


def test_codes_of_the_document_are_left_out_and_highlighted_text_is_not(tmp_path: Path) -> None:
    segment = (
        'A <bpt i="1">&lt;b&gt;<sub>s</sub></bpt><hi>big</hi><ept i="1">&lt;/b&gt;</ept> d<it>i</it>o<ph/>g<ut>u</ut>'
    )
    assert list(read(tmp_path, tmx(unit(("en", segment), ("de", "&amp; <![CDATA[<b>]]>&#xe4;"))))) == [
        ("A big dog", "& <b>ä")
    ]


def test_a_segment_of_several_lines_is_one_line(tmp_path: Path) -> None:
    content = tmx(unit(("en", "\n   a\n   b\n"), ("de", " A ")))
    assert list(read(tmp_path, content)) == [("a b", " A ")]


def test_notes_outside_of_segments_are_no_text(tmp_path: Path) -> None:
    content = unit(("en", "a"), ("de", "A")).replace("<tuv", "<note>n</note><tuv").replace("<seg", "<prop>p</prop><seg")
    assert list(read(tmp_path, tmx(content))) == [("a", "A")]


def test_a_pair_has_the_line_of_its_unit(tmp_path: Path) -> None:
    list(
        read(tmp_path, tmx(unit(("en", "a"), ("de", "A")), unit(("fr", "x")), "\n\n" + unit(("en", "b"), ("de", "B"))))
    )
    data = data_of({"tmx": "t.tmx"}, tmp_path)
    corpus = open_corpus(data.train[0], data)
    assert [corpus.place(number) for number in (2, 1)] == [f"{tmp_path / 't.tmx'}:{line}" for line in (7, 3)]


def test_the_line_of_a_pair_is_known_though_the_file_ends_badly(tmp_path: Path) -> None:
    """So that a trouble before the end is named, and `pairs` takes what stands before it."""
    units = tmx(*[unit(("en", f"a{n}"), ("de", "A")) for n in range(3000)])
    (tmp_path / "t.tmx").write_text(units.replace("a2999", "&amp"))
    data = data_of({"tmx": "t.tmx", "pairs": 2}, tmp_path)
    corpus = open_corpus(data.train[0], data)
    assert [corpus.place(number) for number in (2, 1)] == [f"{tmp_path / 't.tmx'}:{line}" for line in (4, 3)]
    assert len(list(corpus.pairs())) == 2
    assert corpus.place(2) == f"{tmp_path / 't.tmx'}:4"


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16", "ISO-8859-1"])
def test_the_file_says_its_encoding(tmp_path: Path, encoding: str) -> None:
    content = tmx(unit(("en", "é"), ("de", "ü"))).replace("?>", f' encoding="{encoding}"?>')
    assert list(read(tmp_path, content.encode(encoding))) == [("é", "ü")]


def test_the_usual_declaration_of_a_document_type_is_not_fetched(tmp_path: Path) -> None:
    head = '<!DOCTYPE tmx SYSTEM "http://192.0.2.1/tmx14.dtd">\n'
    assert list(read(tmp_path, tmx(unit(("en", "a"), ("de", "A")), head=head))) == [("a", "A")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (tmx(head='<!DOCTYPE t [<!ENTITY x "y">]>\n'), ":2: the entity x is declared, which is refused"),
        (tmx(head='<!DOCTYPE t [<!ENTITY % x SYSTEM "file:///etc/passwd">]>'), ":2: the entity x is declared"),
        (tmx(unit(("en", "&x;")), head='<!DOCTYPE t SYSTEM "d">\n'), ":4: the entity &x; has no meaning in this file"),
        (tmx(unit(("en", "&x;"))), ":3: not well-formed XML: undefined entity"),
        (tmx(unit(("en", "a"))).replace("</tuv>", ""), ":3: not well-formed XML: mismatched tag"),
        ("<tmx>\n<body>", ":2: not well-formed XML: no element found"),
        ("", ":1: not well-formed XML: no element found"),
        ("<tmx>" * 2000, ":1: more than 1,000 elements are nested"),
        ("a text", ":1: not well-formed XML: syntax error"),
        ('<?xml version="1.0" encoding="idna"?><tmx/>', ":1: not well-formed XML: "),
        (f"<tmx {'a' * 2 * MOST_LINE_BYTES}", ":1: a tag or a comment has more than 1,048,576 bytes"),
        (f"<tmx><!--{'a' * 2 * MOST_LINE_BYTES}", ":1: a tag or a comment has more than 1,048,576 bytes"),
        (tmx(unit(("en", "a" * 2 * MOST_LINE_BYTES))), ":3: the segment has more than 1,048,576 characters"),
        (tmx(unit(("fr", "a"), ("en", "b"))), " has no unit with both en and de (data.source, data.target); its langu"),
        (tmx(unit(("", "a"), ("", "b"))), " has no unit with both en and de (data.source, data.target); its variants"),
        ("PK\3\4", " is a ZIP archive; unpack it: unzip "),
    ],
)
def test_a_file_that_is_no_tmx_is_one_line_with_its_place(tmp_path: Path, content: str, message: str) -> None:
    assert error_of(read(tmp_path, content)).startswith(f"{tmp_path / 't.tmx'}{message}")


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    (tmp_path / "t.tmx").write_text(tmp := tmx(unit(("en", "a " * 50), ("de", "A " * 50)) * 8_000))
    assert len(tmp) > 2_000_000
    pairs = pairs_of({"tmx": "t.tmx"}, tmp_path)
    next(pairs)
    tracemalloc.start()
    try:
        assert sum(1 for _ in pairs) == 7_999
        assert tracemalloc.get_traced_memory()[1] < 500_000
    finally:
        tracemalloc.stop()


SEGMENT = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cn"]), max_size=8)


@budget(60)
@given(pairs=st.lists(st.tuples(SEGMENT, SEGMENT), max_size=5))
def test_what_is_written_is_read_back(pairs: list[tuple[str, str]], tmp_path: Path) -> None:
    content = tmx(*(unit(("en", escape(one)), ("de", escape(other))) for one, other in pairs))
    assert list(read(tmp_path, content)) == pairs


@budget(100)
@given(
    content=BYTES,
    start=st.sampled_from(["", "<tmx>", "<tmx><tu>", '<tmx><tu><tuv lang="en"><seg>', "<!DOCTYPE t ["]),
)
def test_any_file_is_pairs_or_one_line_that_names_it(content: bytes, start: str, tmp_path: Path) -> None:
    with clear_errors(CorpusError, tmp_path / "t.tmx"):
        list(read(tmp_path, start.encode() + content))
