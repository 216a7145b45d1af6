"""Texts in sentences, and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.serve.texts import Text


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("A man. A dog.", ["A man.", "A dog."]),
        ("Is it? Yes! “No.” He left…", ["Is it?", "Yes!", "“No.”", "He left…"]),
        ("one line\nanother line\n\n  a third", ["one line", "another line", "a third"]),
        ("Mr. Smith met J. Doe, e.g. Dr. Who.", ["Mr. Smith met J. Doe, e.g. Dr. Who."]),
        ("am 3. Mai um 3.30 Uhr", ["am 3. Mai um 3.30 Uhr"]),
        ("visit example.com. now", ["visit example.com. now"]),
        ("他来了。她走了！", ["他来了。", "她走了！"]),
        (" \t\n", []),
        ("", []),
    ],
)
def test_texts_are_split_at_ends_of_lines_and_sentences(text: str, sentences: list[str]):
    assert Text.of(text).sentences == sentences


@given(st.text(alphabet=st.sampled_from("aB. !?\n\t。「」'\u2028é"), max_size=40))
def test_with_its_own_sentences_a_text_comes_back(text: str):
    found = Text.of(text)
    assert "".join(a + b for a, b in zip(found.gaps, [*found.sentences, ""], strict=True)) == text
    assert all(each == each.strip() != "" for each in found.sentences)


def test_the_space_between_sentences_is_that_of_the_target_language():
    assert Text.of("One. Two.\n Three.").joined(["一。", "二。", "三。"], "") == "一。二。\n 三。"
    assert Text.of("一。二。").joined(["One.", "Two."]) == "One. Two."
