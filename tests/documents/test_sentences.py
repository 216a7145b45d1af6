"""Texts in sentences."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.documents.sentences import sentence_spans


@pytest.mark.parametrize(
    ("language", "text", "sentences"),
    [
        ("en", "A man. A dog.", ["A man.", "A dog."]),
        ("en", "Is it? Yes! “No.” He left…", ["Is it?", "Yes!", "“No.”", "He left…"]),
        ("en_US", "one line\nanother line\n\n  a third", ["one line", "another line", "a third"]),
        ("en", "Mr. Smith met J. Doe, e.g. in St. James.", ["Mr. Smith met J. Doe, e.g. in St. James."]),
        ("deu", "Er kam z. B. am 3. Mai um 3.30 Uhr", ["Er kam z. B. am 3. Mai um 3.30 Uhr"]),
        ("zh", "他来了。她走了！", ["他来了。", "她走了！"]),
        ("no-such", "One. Two.", ["One.", "Two."]),
        ("en", " \t\n", []),
        ("en", "", []),
    ],
)
def test_a_text_is_split_at_ends_of_sentences_and_lines(language: str, text: str, sentences: list[str]):
    assert [text[start:end] for start, end in sentence_spans(text, language)] == sentences


@given(
    st.text(st.sampled_from("aB. !?\n\t。「」'\u2028\u00a0é\U0001f468\ud800"), max_size=40),
    st.sampled_from(["en", "de", "zh", "hi", "xx"]),
)
def test_nothing_but_space_is_between_sentences(text: str, language: str):
    spans = sentence_spans(text, language)
    places = [place for span in [(0, 0), *spans, (len(text), len(text))] for place in span]
    assert places == sorted(places)
    assert all(not text[end:start].strip() for end, start in zip(places[1::2], places[2::2], strict=False))
    assert all(text[start:end] == text[start:end].strip() != "" for start, end in spans)
