"""Spans that are kept as they are: with translators that lose some, and copy some markers and not others."""

import re
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tokenizers import tokenizer_of
from translator.config.tokenizer import TokenizerConfig
from translator.data.tokenizer import Tokenizer
from translator.decoding.placeholders import Keeper, LostSpans, PatternError

CHARACTERS = " ".join("abcdefghijklmnopqrstuvwxyzABCDEFX0123456789")
TOKENIZER = tokenizer_of([CHARACTERS, "see the page now"], TokenizerConfig(vocabulary_size=50, kind="bpe"))
URL, MAIL = "https://example.org/a?b=c", "jo.doe@mail.example.org"


class Translator:
    """Upper case for lower, but what `keeps` says; notes what it was given."""

    def __init__(self, keeps: str, tokenizer: Tokenizer = TOKENIZER) -> None:
        self.source = self.target = tokenizer
        self.keeps = re.compile(keeps)
        self.given: list[list[str]] = []

    def translate_text(
        self,
        sentences: Sequence[str],
        first_line: int | None = 1,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> list[str]:
        self.given.append(list(sentences))
        return [self.translated(sentence) for sentence in sentences]

    def fingerprint(self) -> dict[str, str]:
        return {"keeps": self.keeps.pattern}

    def translated(self, sentence: str) -> str:
        return " ".join(
            word if self.keeps.search(word) else re.sub("[0-9X.]", "", word).upper() for word in sentence.split()
        )


def keeper_of(keeps: str, *patterns: str) -> tuple[Keeper, Translator]:
    translator = Translator(keeps)
    return Keeper(translator, patterns), translator


@pytest.mark.parametrize(
    ("sentence", "spans"),
    [
        (f"See {URL}.", [URL]),
        (f"(see {URL}), or {MAIL}!", [URL, MAIL]),
        ("www.example.org/ and http://a.b", ["www.example.org/", "http://a.b"]),
        ("http://a.b/x@y.z", ["http://a.b/x@y.z"]),  # not the address inside
        ("{name} has {count} mails", ["{name}", "{count}"]),
        ("nothing at @ all, i.e. no-one.", []),
    ],
)
def test_what_is_kept(sentence: str, spans: list[str]):
    keeper, _ = keeper_of("", "url", "email", r"\{\w+\}", r"z*")
    assert [sentence[start:end] for start, end in keeper.spans(sentence)] == spans


def test_a_span_that_comes_through_is_translated_once():
    keeper, translator = keeper_of("http", "url")
    assert keeper.translate_text([f"see {URL} now", "the page", ""]) == [f"SEE {URL} NOW", "THE PAGE", ""]
    assert len(translator.given) == 1
    assert (keeper.lost.spans, keeper.lost.missing, keeper.lost.warning) == (1, 0, None)


@pytest.mark.parametrize("keeps", [r"^\d+$", r"^X\d$", r"^[A-Z]+X$"])
def test_a_span_that_is_lost_is_put_back_by_a_marker_that_the_model_copies(keeps: str):
    keeper, translator = keeper_of(keeps, "url", "email")
    lines = [f"see {URL} or {MAIL} now", "the page", f"{MAIL} {MAIL}"]
    assert keeper.translate_text(lines) == [f"SEE {URL} OR {MAIL} NOW", "THE PAGE", f"{MAIL} {MAIL}"]
    assert (keeper.lost.spans, keeper.lost.missing) == (4, 0)
    assert all(len(given) == 2 for given in translator.given[1:])


def test_what_no_marker_saves_is_counted_and_named_and_the_first_translation_stays():
    keeper, _ = keeper_of("^$", r"\{\w+\}")
    assert keeper.translate_text(["see {a} {b}", "page"], 7) == ["SEE {A} {B}", "PAGE"]
    assert keeper.lost.warning == "2 of 2 spans to keep are not in the translations as they were; line 7"
    keeper.translate_text(["{c}"] * 6, 20)
    assert (
        keeper.lost.warning
        == "8 of 8 spans to keep are not in the translations as they were; lines 7, 20, 21, 22, 23 and 2 more"
    )


def test_a_span_that_comes_through_changed_or_less_often_is_lost():
    keeper, translator = keeper_of("^$", "[a-z]+1")
    for text, lost in (("ab1", 1), ("ab1 ab1", 0), ("ab1 ab12", 1), ("ab1 xab1", 1), ("ab1, (ab1)", 0)):
        translator.translated = lambda _, text=text: text  # type: ignore[method-assign, misc]
        before = keeper.lost.missing
        keeper.translate_text(["ab1 ab1"])
        assert keeper.lost.missing - before == lost


def test_markers_that_a_sentence_has_or_a_vocabulary_lacks_are_left_out():
    keeper, translator = keeper_of("^$", "url")
    keeper.translate_text([f"101 {URL}", f"see {URL}"])
    assert translator.given[1:] == [["see 101"], ["101 X1", "see X1"], ["101 BAX", "see BAX"]]
    without = Translator("^$", tokenizer_of(["see the page now"], TokenizerConfig(vocabulary_size=16, kind="bpe")))
    keeper = Keeper(without, ["url"])
    assert keeper.translate_text([f"see {URL}"])[0].startswith("SEE ")
    assert (len(without.given), keeper.lost.missing) == (1, 1)


@given(st.lists(st.sampled_from(["see", "{a}", "{X1}", "{101}", "now", "X1", "101"]), max_size=12))
def test_every_span_comes_through_or_is_counted(words: list[str]):
    keeper, _ = keeper_of(r"^\d+$", r"\{\w+\}")
    (text,) = keeper.translate_text([" ".join(words)])
    wanted = [word for word in words if word.startswith("{")]
    assert sum(max(0, wanted.count(span) - text.split().count(span)) for span in set(wanted)) == keeper.lost.missing
    assert len(text.split()) <= len(words)


def test_what_is_no_pattern_is_one_line():
    with pytest.raises(PatternError, match=r"^--keep '\[a' is not a regular expression: .*; url and email are names"):
        Keeper(Translator(""), ["[a"])


def test_lost_spans_of_several_are_one_with_the_first_lines():
    both = LostSpans(5, 2, 2, (9, 40)).and_those(LostSpans(7, 4, 4, (1, 10, 11, 60)))
    assert both == LostSpans(12, 6, 6, (1, 9, 10, 11, 40))
    assert both.warning == (
        "6 of 12 spans to keep are not in the translations as they were; lines 1, 9, 10, 11, 40 and 1 more"
    )
