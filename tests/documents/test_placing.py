"""Where markup goes in a translation."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.documents.scripted import Pages, Scripted, scripted, unchanged
from translator.data.alignment import Alignment
from translator.documents.pieces import Break, Close, Kept, Markup, Open, Piece, Point, Space, raw
from translator.documents.placing import Sentence, placed
from translator.documents.units import KINDS, Unit, occurrences
from translator.languages import LanguagePair

B, _B = Open("<b>"), Close("</b>")


def test_markup_goes_where_its_words_go():
    assert scripted(Pages([["an ", B, "old dog", _B, " sleeps"]])) == "sleeps <b>dog old</b> an"


def test_nested_markup_stays_nested():
    assert scripted(Pages([["a ", B, "b ", Open("<i>"), "c", Close("</i>"), _B, " d"]])) == "d <b><i>c</i> b</b> a"


def aligned(pieces: list[Piece], translation: str, links: str) -> str:
    unit = Unit.of(pieces, "en")
    pairs = frozenset((int(i), int(j)) for i, j in (link.split("-") for link in links.split()))
    alignment = Alignment(tuple(unit.text.split()), tuple(translation.split()), pairs)
    return raw(placed(unit, [Sentence(translation, alignment)], LanguagePair("en", "en")))


def test_markup_of_words_that_are_apart_encloses_the_most_of_them_in_a_row():
    pieces: list[Piece] = ["x ", B, "b c d", _B]
    assert aligned(pieces, "B X Y C D", "0-1 0-2 1-0 2-3 3-4") == "B X Y <b>C D</b>"
    assert aligned(pieces, "B C X D", "0-2 1-0 2-1 3-3") == "<b>B C</b> X D"
    assert aligned(pieces, "B C Y D", "1-0 2-1 3-3") == "<b>B C Y D</b>"  # Y belongs to no other word


def test_a_word_of_two_is_enclosed_only_if_there_is_no_other():
    pieces: list[Piece] = ["the ", B, "house", _B, " door"]
    assert aligned(pieces, "die Haustür", "0-0 1-1 2-1") == "die <b>Haustür</b>"
    assert aligned(pieces, "das Haus der Tür", "0-0 1-1 1-2 2-2 2-3") == "das <b>Haus</b> der Tür"


def test_markup_of_a_word_without_a_translation_encloses_the_word_that_stands_there():
    engine = Scripted(order=lambda count: [0, 2])
    assert scripted(Pages([["a ", B, "b", _B, " c"]]), engine) == "a <b>c</b>"
    assert scripted(Pages([["a ", B, "b", _B, Open("<i>"), " c", Close("</i>")]]), engine) == "<b>a</b><i> c</i>"


def test_markup_of_a_word_without_a_translation_is_empty_if_no_word_is_free():
    engine = Scripted(order=lambda count: [1])
    assert scripted(Pages([[B, "a", _B, Open("<i>"), " b", Close("</i>")]]), engine) == "<b></b><i>b</i>"


def test_a_point_stays_at_the_word_that_it_touches():
    note = Point("[1]")
    assert scripted(Pages([["a b", note, " c"]])) == "c b[1] a"
    assert scripted(Pages([["a ", note, "b c"]])) == "c [1]b a"


def test_what_is_kept_is_a_marker_for_the_engine_and_comes_back_from_wherever_that_went():
    engine = Scripted()
    assert (
        scripted(Pages([["call ", Kept("`f(x)`"), " or ", Kept("`g.h`"), " now"]]), engine)
        == "now `g.h` or `f(x)` call"
    )
    assert engine.translated == ["call X1 or X2 now"]


def test_what_is_kept_comes_back_by_its_alignment_if_the_marker_is_not_copied():
    engine = Scripted(rename=lambda word: word.replace("X1", "what"))
    assert scripted(Pages([["call ", Kept("`f`"), " now"]]), engine) == "now `f` call"


def test_what_is_kept_comes_back_if_nothing_stands_for_it():
    engine = Scripted(order=lambda count: [0, 2])
    assert scripted(Pages([["call ", Kept("`f`"), " now"]]), engine) == "call `f` now"


def test_a_marker_that_comes_twice_gives_way_once():
    engine = Scripted(order=lambda count: [1, 0, 1])
    assert scripted(Pages([["call ", Kept("`f`")]]), engine) == "`f` call"


@pytest.mark.parametrize("text", ["X1", "X1 BAX", "see X2 or BAX1"])
def test_a_text_with_markers_of_its_own_keeps_them(text):
    assert scripted(Pages([[text, " and ", Kept("`f`")]]), Scripted(order=range)) == f"{text} and `f`"


def test_a_sentence_ends_at_a_break():
    engine = Scripted()
    assert scripted(Pages([["a b", Break("<br>"), "c d"]]), engine) == "b a<br>d c"
    assert engine.translated == ["a b", "c d"]


def test_line_ends_within_a_sentence_stay_in_proportion():
    # 19 characters, the line end at the 9th; of the spaces of the translation, the one at 9 is the nearest.
    assert scripted(Pages([["aaaa bbbb", Space("\n> "), "cccc dddd"]])) == "dddd cccc\n> bbbb aaaa"


def test_sentences_of_figures_and_of_what_is_kept_are_not_translated():
    engine = Scripted()
    document = Pages([["12:30"], [Kept("`f`"), " – ", Kept("`g`")], ["a b"]])
    assert scripted(document, engine) == "12:30\n`f` – `g`\nb a"
    assert engine.translated == ["a b"]


@pytest.mark.parametrize(
    ("languages", "source", "translations", "expected"),
    [
        (("en", "zh"), "One. Two.\tThree.", "一。 二。 三。", "一。二。\t三。"),
        (("en", "zh"), "Linux! Kernel!", "Linux Kernel", "Linux Kernel"),
        (("zh", "en"), "一。二。", "One. Two.", "One. Two."),
    ],
)
def test_the_space_between_sentences_is_that_of_the_target_language(languages, source, translations, expected):
    unit = Unit.of([source], languages[0])
    assert raw(placed(unit, [Sentence(each) for each in translations.split()], LanguagePair(*languages))) == expected


# Unequal pieces, so that each can be told from any other in what comes out.
texts = st.text(st.sampled_from("ab. !\n\t\u00a0\u2028X1é。A"), min_size=1, max_size=8)


@st.composite
def marked_up(draw, most: int = 6) -> list[Piece]:
    count = iter(range(1000))

    def pieces(depth: int) -> list[Piece]:
        found: list[Piece] = []
        for _ in range(draw(st.integers(0, most if depth < 2 else 1))):
            kind = draw(st.sampled_from([str, str, Open, Point, Kept, Space, Break]))
            name = next(count)
            if kind is str:
                found.append(draw(texts))
            elif kind is Open:
                found += [Open(f"<{name}>"), *pieces(depth + 1), Close(f"</{name}>")]
            else:
                found.append(kind(f"<{kind.__name__} {name}>"))
        return found

    return pieces(0)


@given(marked_up())
def test_an_engine_that_gives_sentences_back_changes_nothing(pieces):
    assert unchanged(Pages([pieces])) == raw(pieces)


@given(marked_up(), st.integers(0, 2**32))
def test_all_markup_comes_out_once_and_nested_whatever_the_translation_and_its_alignment(pieces, seed):
    unit = Unit.of(pieces, "en")
    draw = random.Random(seed)
    sentences = [any_translation(unit.text[start:end], unit, draw) for start, end in unit.sentences]
    found = placed(unit, sentences, LanguagePair("en", "en"))
    markup, expected = ([each for each in of if isinstance(each, Markup)] for of in (found, pieces))
    spaces = [each for each in expected if isinstance(each, Space)]
    assert sorted(map(id, markup)) == sorted(id(each) for each in expected if each not in spaces or each in markup)
    inside: list[str] = []
    for each in markup:
        if isinstance(each, Open):
            inside.append(each.what)
        elif isinstance(each, Close):
            assert inside.pop() == each.what.replace("/", "")
    assert not inside


def any_translation(sentence: str, unit: Unit, draw: random.Random) -> Sentence:
    """Words in any number and order, with markers or without, and any links."""
    source = tuple(sentence.split())
    target = tuple(draw.choice([*source, "X1", "X2", "x", "y."]) for _ in range(draw.randrange(6)))
    links = [(i, j) for i in range(len(source)) for j in range(len(target)) if draw.random() < 0.3]
    return Sentence(" ".join(target), Alignment(source, target, frozenset(links)) if draw.random() < 0.9 else None)


@given(st.sampled_from(KINDS), st.lists(st.sampled_from(["X", "1", "2", "BA", "AX", "B", "\u0661", " "])).map("".join))
def test_a_marker_is_where_it_stands_by_itself_and_not_the_beginning_of_another(kind, text):
    markers = [kind(i) for i in range(25)]

    def stands(marker: str, at: int) -> bool:
        end = at + len(marker)
        return text[at:end] == marker and not (marker[-1].isdigit() and text[end : end + 1].isdecimal())

    expected = {marker: [(at, at + len(marker)) for at in range(len(text)) if stands(marker, at)] for marker in markers}
    assert occurrences(text, markers) == expected
