"""What of a document is text, format by format; with an engine that gives sentences back nothing changes."""

from pathlib import Path
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.documents.scripted import ENGLISH, Scripted, scripted, unchanged
from translator.cli.document_options import DocumentFormat
from translator.documents import columns, markdown, plain, subtitles
from translator.documents.formats import SUFFIXES, Format, FormatName
from translator.documents.pieces import Document, DocumentError, Skeleton, Slot, raw

LINE_ENDS = ["\n", "\r\n", "\r", "\n\n"]


def documents(*parts: str) -> st.SearchStrategy[str]:
    """Documents of parts that mean something in a format, and of what is between them anywhere."""
    own = [*parts, *LINE_ENDS, " ", "\t", "\u00a0", "\u2028", "\x0c", "A dog. ", "b", "é。", "0", "\0"]
    return st.lists(st.sampled_from(own), max_size=25).map("".join)


def given_back(document: Document, text: str) -> bool:
    """Whether the pieces are those of the text, and the document comes back."""
    assert all(piece != "" for unit in document.units for piece in unit)
    return unchanged(document) == text


@given(documents("long enough that the line has to be wrapped"))
def test_running_text_comes_back(text):
    assert given_back(plain.read(text), text)
    assert given_back(plain.read_lines(text), text)


@given(
    documents(
        *[
            "# ",
            "> ",
            "- ",
            "1. ",
            "    ",
            "```",
            "`",
            "``",
            "*",
            "**",
            "_",
            "~~",
            "[",
            "]",
            "![",
            "](x)",
            "][y]",
            "](<x y> 't')",
        ],
        *[
            "[y]: /z\n",
            "|",
            "|-|-|\n",
            "\\",
            "\\*",
            "&amp;",
            "<b>",
            "</b>",
            "<br>",
            "<http://x>",
            "https://x.y/z",
            "$x$",
            "---",
        ],
        *["===", "  \n", "[^1]", "[ ] ", "<!-- c -->", "<div>", "+++\n", "a_b", "X1"],
    )
)
@example("[<!]()\nr>,")
@example("a\n---\x0c")
@example("# ~~~~")
@example("> `a\n===")
@example("---\ntitle: A dog.\n---\nA dog.")
@example("| a | a |\n|---|---|\n| b \\| c | b |\n")
def test_markdown_comes_back(text):
    assert given_back(markdown.read(text), text)


INLINE = [
    "[",
    "![",
    "]",
    "](x)",
    "][y]",
    "](x 'y')",
    "](",
    ")",
    "$5",
    "$",
    "`",
    "``",
    "<!",
    ">",
    "<!--",
    "-->",
    "\\",
    "*",
]
MORE_INLINE = ["http://a.b", "www.a.b", "<a@b", "<code>", "</code>", "<b title='", "'", "[^1]", "&amp;", " ", "a", "\n"]


@given(st.lists(st.sampled_from(INLINE + MORE_INLINE), max_size=25).map("".join))
@example("[http://a.b][r] c")
@example("see [www.a.org][r]")
@example("Buy [it for US$5](x), not 6$.")
@example("[a [b](c](d))")
def test_the_pieces_of_a_paragraph_are_its_text(text):
    assert raw(markdown._inline(text, {})) == text


@pytest.mark.parametrize(
    ("text", "translated"),
    [
        ("Buy [it for US$5](x), not 6$.", ["Buy ", "it for US$5", ", not 6$."]),
        ("[a [b](x) c](y) d", ["a ", "b", " c", " d"]),
        ("[http://a.b][r] c", [" c"]),
    ],
)
def test_markup_in_the_text_of_a_link_ends_there(text, translated):
    (unit,) = markdown.read(text + "\n\n[r]: /z\n").units
    assert [piece for piece in unit if isinstance(piece, str)] == translated


@pytest.mark.parametrize(
    "text",
    [
        "[" * 10_000 + "]" * 10_000,
        "[a" * 5_000 + "]" * 5_000,
        "[^" * 10_000,
        "<code>" * 5_000,
        "$$a" * 5_000,
        "<!--a" * 2_000 + "b <!--" * 2_000,
        "[a](" + " " * 10_000 + "x",
        "a* " * 5_000,
    ],
)
def test_many_marks_take_no_quadratic_time(text):
    """With quadratic time these would be minutes."""
    assert given_back(markdown.read(text), text)


def test_many_tags_of_a_caption_take_no_quadratic_time():
    text = f"1\n{CAPTION}\n" + "<b>a\n" * 3_000
    assert scripted(subtitles.read_srt(text), Scripted(order=range)) == text


def test_what_would_not_come_back_is_not_translated():
    skeleton = Skeleton("a b", [Slot(0, 1, ["a a"]), Slot(2, 3, ["b"])])
    assert (skeleton.units, skeleton.written([["c"]])) == ([["b"]], "a c")


CAPTION = "00:00:01,000 --> 00:00:02,000"


@given(documents("1\n", CAPTION + "\n", "<i>", "</i>", "{\\an8}", "- ", "&amp;", "<font color=red>"))
def test_subrip_comes_back(text):
    assert given_back(subtitles.read_srt(text), text)


@given(
    documents("id\n", "00:01.000 --> 00:02.000 align:start\n", "<v Bob>", "<c.x>", "</c>", "<00:01.500>", "NOTE b\n")
)
def test_webvtt_comes_back(text):
    text = "WEBVTT\n\n" + text
    assert given_back(subtitles.read_vtt(text), text)


@given(documents("\t\t", "x\ty\tz"))
def test_tab_separated_values_come_back(text):
    rows = text.replace("\n", "\t\t\n").replace("\r", "\t\t\r") + "\t\t"
    assert given_back(columns.read(rows, ["1", "3"]), rows)


def units(document: Document) -> list[str]:
    return [raw(unit) for unit in document.units]


def test_lines_are_one_sentence_where_the_next_word_had_no_room():
    wrapped = "A man in a blue shirt is standing on a ladder\nand cleans a window. He sings.\nThen a dog comes."
    assert units(plain.read(wrapped)) == [wrapped[:76], "Then a dog comes."]
    assert units(plain.read("Eggs\nMilk and bread\nA list.\n\n  Next")) == ["Eggs", "Milk and bread", "A list.", "Next"]
    assert units(plain.read_lines(wrapped)) == wrapped.split("\n")


def test_of_markdown_text_alone_is_translated():
    engine = Scripted(rename=str.upper, order=range)
    page = (
        "---\ntitle: one\n---\n# A *b* c #\n\nD [e](f.g 'h') `i` <j@k.l>\nm **n\no**  \np ![q](r) s[^1].\n\n"
        "> - t u\n>   v\n\n```\nw\n```\n\n    x\n\n<div>\ny\n</div>\n\nz\n===\n\n[aa]\n\n[aa]: bb\n"
    )
    expected = (
        "---\ntitle: one\n---\n# A *B* C #\n\nD [E](f.g 'h') `i` <j@k.l>\nM **N\nO**  \nP ![Q](r) S[^1] .\n\n"
        "> - T U\n>   V\n\n```\nw\n```\n\n    x\n\n<div>\ny\n</div>\n\nZ\n===\n\n[aa]\n\n[aa]: bb\n"
    )
    assert scripted(markdown.read(page), engine) == expected


def test_a_translation_begins_no_block_at_a_line_end():
    page = "aaaa bbbb cccc\ndddd - eeee ffff\n"
    engine = Scripted(order=lambda count: [0, 1, 2, 4, 3, 5, 6])
    assert scripted(markdown.read(page), engine) == "aaaa bbbb cccc - dddd eeee ffff\n"


def test_an_escape_at_a_word_is_markup_and_within_one_a_part_of_it():
    assert scripted(markdown.read("\\*a b\\* c\\_d\n")) == "\\*c\\_d b\\* a\n"


def test_emphasis_of_nothing_is_left_out():
    assert scripted(markdown.read("**a** *b*\n"), Scripted(order=lambda count: [1])) == "*b*\n"


def test_cells_of_tables_are_translated_one_by_one():
    table = "| a b | a b |\n|--|:-:|\n| c \\| d | `e` |\n"
    assert scripted(markdown.read(table)) == "| b a | b a |\n|--|:-:|\n| d \\| c | `e` |\n"


@pytest.mark.parametrize(
    "text", ["2 * 3 * 4", "a_b_c", "*a", "a**", "[ ] a", "[a] (b)", "$5 and $6", "<3", "a & b", "`a"]
)
def test_what_only_looks_like_markup_is_text(text):
    (unit,) = markdown.read(text).units
    assert raw(unit) == text
    assert "".join(piece for piece in unit if isinstance(piece, str)).split() == text.removeprefix("[ ]").split()


def test_captions_are_one_text_but_for_those_of_several_speakers():
    text = f"1\n{CAPTION}\n<i>One two\nthree.</i>\n\nfour\n\n2\n{CAPTION}\n- Five.\n– Six\nseven.\n"
    assert units(subtitles.read_srt(text)) == ["<i>One two\nthree.</i>", "four", "Five.", "Six\nseven."]


def test_notes_styles_and_what_is_no_caption_stay_in_webvtt():
    text = "WEBVTT title\n\nNOTE\nno\n\nSTYLE\n::cue {}\n\nname\n00:01.000 --> 00:02.000\nyes\n\nno\n"
    assert units(subtitles.read_vtt(text)) == ["yes"]


def test_columns_are_named_or_numbered():
    table = "id\ttext\tnote\n1\ta b\tc d\r\n2\t\te f"
    assert scripted(columns.read(table, ["text", "note"])) == "id\ttext\tnote\n1\tb a\td c\r\n2\t\tf e"
    assert units(columns.read(table, ["2"])) == ["text", "a b"]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (["txt"], "--columns 'txt' is not in the first line, which has 'id', 'text'"),
        (["3"], "line 1 has 2 columns; --columns asks for column 3"),
        (["2", "9" * 5000], "--columns 999999999… is not a column number; columns count from 1"),
        (["0"], "--columns are counted from 1 on; found 0"),
    ],
)
def test_a_column_that_is_not_there_is_an_error(wanted, message):
    with pytest.raises(DocumentError) as caught:
        columns.read("id\ttext\n1\ta\n", wanted)
    assert str(caught.value) == message


def test_a_row_that_is_too_short_is_an_error():
    with pytest.raises(DocumentError, match="line 3 has 1 columns; --columns asks for column 2"):
        columns.read("id\ttext\n1\ta\n2\n", ["text"])


def test_the_format_is_that_of_the_suffix_unless_it_is_named():
    assert Format.of(Path("a.MD")).name == "markdown"
    assert Format.of(Path("a.html"), "text").name == "text"
    assert set(SUFFIXES.values()) == set(get_args(FormatName))
    assert set(get_args(FormatName)) == set(get_args(get_args(get_args(DocumentFormat)[0])[0]))


@pytest.mark.parametrize(
    ("path", "wanted", "message"),
    [
        ("a.docx", (), "a.docx: what kind of document is it? Add --document-format text|markdown|html|srt|vtt|tsv|po"),
        ("a.tsv", (), "a.tsv: which columns? Add --columns with their names or numbers, as in --columns 2,3"),
        ("a.md", ("1",), "a.md: --columns is for tab-separated values; this is markdown"),
    ],
)
def test_a_format_that_cannot_be_is_an_error(path, wanted, message):
    with pytest.raises(DocumentError) as caught:
        Format.of(Path(path), columns=wanted)
    assert str(caught.value) == message


def test_a_file_without_its_first_line_is_no_webvtt():
    with pytest.raises(DocumentError, match="line 1: a WebVTT file begins with WEBVTT; found '1'"):
        Format("vtt").read("1\n2", ENGLISH)
