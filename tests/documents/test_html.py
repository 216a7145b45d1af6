"""Pages: what of them is text, and the tree that comes back."""

from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree

from tests.documents.scripted import ENGLISH, Scripted, scripted, unchanged
from translator.documents.html import HtmlDocument
from translator.documents.pieces import DocumentError
from translator.languages import LanguagePair

GERMAN = LanguagePair("en", "de")


def shouted(page: str, languages: LanguagePair = ENGLISH) -> str:
    """With words in capitals, in the same order."""
    return scripted(HtmlDocument(page, languages), Scripted(rename=str.upper, order=range), languages)


def reversed_words(page: str) -> str:
    return scripted(HtmlDocument(page, ENGLISH))


def test_inline_elements_go_with_their_words_and_blocks_stay():
    page = "<div>a <b class=x>b c</b> d<p>e <a href='f?g=1&amp;h'>i <i>j</i></a></p>k l</div>"
    expected = '<div>d <b class="x">c b</b> a<p><a href="f?g=1&amp;h"><i>j</i> i</a> e</p>l k</div>'
    assert reversed_words(page) == expected


def test_what_is_no_text_stays():
    page = (
        "<p>a <code>b c</code> d</p><pre>e f</pre><script>g = '<p>h'</script><style>i j</style>"
        '<p translate="no">k l</p><p class="notranslate">m</p><p lang="fr">n o</p><textarea>p q</textarea>'
        "<p>r <span translate='no'>s t</span> u<!-- v --></p><svg><text>w x</text></svg>"
    )
    expected = (
        "<p>A <code>b c</code> D</p><pre>e f</pre><script>g = '<p>h'</script><style>i j</style>"
        '<p translate="no">k l</p><p class="notranslate">m</p><p lang="fr">n o</p><textarea>p q</textarea>'
        '<p>R <span translate="no">s t</span> U<!-- v --></p><svg><text>w x</text></svg>'
    )
    assert shouted(page) == expected


def test_attributes_that_are_read_are_translated():
    page = (
        '<p title="a">b<img src="c" alt="d &amp; e"></p><input type="submit" value="f"><input type="text" value="g" '
        'placeholder="h"><code title="i">j</code>'
    )
    expected = (
        '<p title="A">B<img src="c" alt="D &amp; E"></p><input type="submit" value="F"><input type="text" value="g" '
        'placeholder="H"><code title="i">j</code>'
    )
    assert shouted(page) == expected


def test_head_and_language_of_a_page_are_those_of_the_translation():
    page = (
        '<!DOCTYPE html>\n<html lang="en-GB"><head><title>a b</title><meta name="description" content="c">'
        '<meta name="viewport" content="d"></head><body><p lang="en">e</p></body></html>'
    )
    expected = (
        '<!DOCTYPE html>\n<html lang="de"><head><title>A B</title><meta name="description" content="C">'
        '<meta name="viewport" content="d"></head><body><p lang="de">E</p></body></html>'
    )
    assert shouted(page, GERMAN) == expected


def test_a_sentence_ends_at_a_line_break():
    assert reversed_words("<p>a b<br>c <b>d</b></p>") == "<p>b a<br><b>d</b> c</p>"


def test_a_part_of_a_page_stays_a_part():
    assert shouted(" a <b>b</b> &lt; c\n") == " A <b>B</b> &lt; C\n"
    assert shouted("a<p>b") == "A<p>B</p>"
    assert shouted("") == ""
    assert shouted("<!-- a -->") == "<!-- a -->"


def test_a_second_time_changes_nothing():
    page = "<!DOCTYPE html>\n<html lang='en'><head><title>A</title><body><p>b<p>c &copy; <b>d</b><br/>e<ul><li>f</ul>\n"
    once = unchanged(HtmlDocument(page, ENGLISH))
    assert once != page
    assert unchanged(HtmlDocument(once, ENGLISH)) == once


def test_a_page_is_written_as_often_as_wanted():
    document = HtmlDocument("<p>a <b>b <i>c</i></b> d</p>", ENGLISH)
    units = document.units
    assert document.written(units) == document.written(units) == "<p>a <b>b <i>c</i></b> d</p>"


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<html><body><p>a</p></body></html><p>b</p> c", "<html><body><p>A</p><p>B</p> C</body></html>"),
        (
            "<html><body>a</body></html>\n<script>x</script><!-- c -->",
            "<html><body>A<script>x</script><!-- c --></body></html>",
        ),
        ("<html><body>a</body></html><!-- b -->", "<html><body>A</body></html><!-- b -->"),
        ("a</body> b <i>c</i></html><p>d</p><html><body> e", "A B <i>C</i><p>D</p> E"),
        ("<html></html>a", "<html>A</html>"),
    ],
)
def test_what_follows_the_end_of_a_page_is_of_the_page(page, expected):
    assert shouted(page) == expected


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("\f<p>a\vb\f</p>", " <p>A B </p>"),
        ("\x01<p>a&#12;</p>", "\ufffd<p>A\ufffd</p>"),
        ("&#1;</body>", "\ufffd"),
        ("\ud800 a", "\ufffd A"),
    ],
)
def test_control_characters_are_spaces_or_replaced(page, expected):
    assert shouted(page) == expected


@pytest.mark.parametrize(
    ("page", "line"),
    [('<?xml version="1.0"?>\n<html><body>a', 1), ("<p>a\n<?php b ?>", 2), ("a <?= $b ?>", 1), ("a <? b", 1)],
)
def test_instructions_of_other_languages_are_an_error(page, line):
    with pytest.raises(DocumentError) as caught:
        HtmlDocument(page, ENGLISH)
    assert str(caught.value) == f"line {line}: <? is of XML or PHP; translate the HTML that it becomes"


def test_instructions_in_comments_are_comments():
    assert shouted("<!-- <?php ?> -->a") == "<!-- <?php ?> -->A"


def test_comments_before_a_page_are_read_in_one_pass():
    page = "<!---->" * 2000
    assert shouted(page + "x") == page + "X"
    assert shouted(page + "<html><body>x") == page + "<html><body>X</body></html>"
    assert shouted("<!-- <html>") == unchanged(HtmlDocument("<!-- <html>", ENGLISH))


def test_what_is_nested_too_deep_stays():
    page = "a b " + "<b>c d " * 99 + "<i>e f</i>" + "</b>" * 99
    assert reversed_words(page).count("<i>f e</i>") == 1
    page = "a b " + "<b>c d " * 1000 + "<i>e f</i>" + "</b>" * 1000
    assert "<b>c d " * 900 + "<i>e f</i>" in reversed_words(page)


PARTS = [
    *[
        "<p>",
        "</p>",
        "<div>",
        "</div>",
        "<b>",
        "</b>",
        "<i title='A dog'>",
        "</i>",
        "<br>",
        "<img src=x alt='A cat.'>",
        "<code>",
    ],
    *[
        "</code>",
        "<ul><li>",
        "</ul>",
        "<table><tr><td>",
        "</table>",
        "<pre>",
        "</pre>",
        "<!-- c -->",
        "<span lang=fr>",
        "</span>",
    ],
    *[
        "<script>1 < 2</script>",
        "&amp;",
        "&lt;",
        "&nbsp;",
        " ",
        "\n",
        "\t",
        "A dog. ",
        "b",
        "é",
        "<a href='?x&y'>",
        "</a>",
        "<x-y>",
    ],
]


@given(st.sampled_from(["", "<!DOCTYPE html><html lang=en><body>"]), st.lists(st.sampled_from(PARTS), max_size=25))
@example("", ["<b>", "<p>", "b"])
def test_with_sentences_given_back_a_page_is_what_lxml_makes_of_it(start, parts):
    page = start + "".join(parts)
    parser = etree.HTMLParser(encoding="utf-8", default_doctype=False)
    tree = etree.fromstring((page if start else f"<html><body>{page}</body></html>").encode(), parser)
    expected = etree.tostring(tree.getroottree(), method="html", encoding="unicode")
    found = unchanged(HtmlDocument(page, ENGLISH))
    assert (found if start else f"<html><body>{found}</body></html>") == expected


@given(st.lists(st.sampled_from(PARTS), max_size=25))
def test_every_element_comes_out_once(parts):
    page = "".join(parts)
    found = reversed_words(page)

    def elements(text: str) -> list[str]:
        tree = etree.fromstring(f"<html><body>{text}</body></html>".encode(), etree.HTMLParser(encoding="utf-8"))
        return sorted(f"{each.tag} {sorted(each.attrib)}" for each in tree.iter())

    assert elements(found) == elements(page)


class Text(HTMLParser):
    """The text of a page, without white space."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found = ""
        self.feed(page)
        self.close()

    def handle_data(self, data: str) -> None:
        self.found += "".join(data.split())


ENDS = ["</body>", "</html>", "<html lang=en>", "<body class=x>", "<head>", "</head>"]


@given(st.sampled_from(["", "<!DOCTYPE html><html><body>"]), st.lists(st.sampled_from([*PARTS, *ENDS]), max_size=25))
def test_no_text_is_lost(start, parts):
    page = start + "".join(parts)
    assert Text(unchanged(HtmlDocument(page, ENGLISH))).found == Text(page).found
