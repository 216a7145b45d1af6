"""Building blocks of pages: text stays text, and a page needs nothing but itself."""

import re
from html.parser import HTMLParser

import pytest

from translator.data.corpora.base import SentencePair
from translator.evaluation.bootstrap import Difference
from translator.evaluation.comparison import System, compare
from translator.evaluation.differences import Piece
from translator.evaluation.references import TestSet
from translator.report.comparison_page import MOST_SENTENCES, comparison_page
from translator.report.markup import Markup, gain, interval_plot, joined, marked_text, page, table, tag

VOID = {"meta"}
NASTY = "<script>alert('&')</script>"


class Balanced(HTMLParser):
    """The elements of a page and its text; every element must be closed, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.seen.append(name)
        self.links += [str(value) for key, value in attributes if key in ("href", "src", "srcset", "action")]
        assert not any(key.startswith("on") for key, _ in attributes)
        if name not in VOID:
            self.open.append(name)

    def handle_endtag(self, name: str) -> None:
        assert self.open.pop() == name

    def handle_data(self, data: str) -> None:
        self.text += data


def test_text_is_escaped_and_markup_is_not():
    assert tag("p", NASTY, tag("b", "&")) == (
        "<p>&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/script&gt;<b>&amp;</b></p>"
    )
    assert joined(["<", Markup("<br>")]) == "&lt;<br>"


def test_attributes_are_escaped_and_left_out_where_there_is_none():
    assert tag("a", class_='"', lang=None, stroke_width=2) == '<a class="&quot;" stroke-width="2"></a>'


def test_marked_words_are_said_too():
    found = marked_text([Piece("a ", "same"), Piece("<b>", "right"), Piece("c", "wrong")])
    assert found == (
        'a <mark class="right"><span class="spoken">right: </span>&lt;b&gt;</mark>'
        '<mark class="wrong"><span class="spoken">wrong: </span>c</mark>'
    )


def test_a_row_without_a_heading_goes_on_with_the_row_before():
    found = table(["", "n"], [["a", "1"], ["", "2"]])
    assert '<tr><th scope="row">a</th><td class="figure">1</td></tr>' in found
    assert '<tr class="goes-on"><td></td><td class="figure">2</td></tr>' in found


@pytest.mark.parametrize(
    ("value", "higher_is_better", "expected"),
    [
        (1.0, True, '<span class="good">+1.0</span>'), (-1.0, True, '<span class="bad">−1.0</span>'),
        (-1.0, False, '<span class="good">−1.0</span>'), (0.04, True, "<span>=</span>"),
    ],
)  # fmt: skip
def test_a_gain_is_colored_by_which_side_is_good(value: float, higher_is_better: bool, expected: str):
    assert gain(value, 1, higher_is_better) == expected


@pytest.mark.parametrize(
    ("higher_is_better", "kind", "ends", "at"),
    [(True, "good", {"88.0", "120.0"}, "96.0"), (False, "bad", {"72.0", "40.0"}, "64.0")],
)
def test_a_plot_has_the_better_side_on_the_right(higher_is_better: bool, kind: str, ends: set[str], at: str):
    # 160 wide for -10 to 10: 8 for each point, from 80 in the middle.
    found = interval_plot(Difference(2, 1, 5, 0.01), 10, higher_is_better)
    assert f'class="plot {kind}"' in found
    line = re.search(r'x1="([\d.]+)" x2="([\d.]+)" y1="9.0" y2="9.0" class="interval"', found)
    assert line
    assert set(line.groups()) == ends
    assert f'cx="{at}"' in found
    assert 'class="plot unsure"' in interval_plot(Difference(2, -1, 5, 0.2), 10)


def test_a_page_opens_from_disk_and_runs_nothing():
    found = Balanced(page(NASTY, tag("h1", NASTY)))
    assert {"script", "link", "img", "iframe"} & set(found.seen) == set()
    assert found.text.count(NASTY) == 2


def test_the_page_of_a_comparison_has_any_text_as_it_stands_and_is_small():
    pairs = [SentencePair(f"{NASTY} {i}", f"der Hund {i} {NASTY}") for i in range(300)]
    systems = [
        System(NASTY, [f"der Hund {i}" for i in range(300)]),
        System("B&B", [f"der Hund {i} {NASTY}" if i % 2 else f"die Katze {i}" for i in range(300)]),
    ]
    text = comparison_page(compare(systems, TestSet(pairs), ("en", "de"), notes=["<i>noted</i>"]))
    found = Balanced(text)
    assert {"script", "link", "img", "iframe"} & set(found.seen) == set()
    assert found.links == []
    assert "://" not in text
    assert found.seen.count("article") == 2 * MOST_SENTENCES
    assert "<i>noted</i>" in found.text
    assert f"B&B compared with {NASTY}" in found.text
    assert len(text) < 500_000
