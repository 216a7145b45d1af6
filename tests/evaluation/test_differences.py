"""Words of two translations that differ, marked by hand and in any text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.evaluation.differences import marked

MARKS = {"same": "{}", "right": "+{}+", "wrong": "-{}-"}


def shown(text: str, other: str, reference: str, spaceless: bool = False) -> str:
    return "".join(MARKS[piece.mark].format(piece.text) for piece in marked(text, other, reference, spaceless))


@pytest.mark.parametrize(
    ("text", "other", "expected"),
    [
        ("Ein Mann am Strand.", "Ein Mann auf einem Strand.", "Ein Mann -am- Strand."),
        ("Ein Mann auf einem Strand.", "Ein Mann am Strand.", "Ein Mann +auf einem+ Strand."),
        ("Ein Mann auf dem Strand.", "Ein Mann am Strand.", "Ein Mann +auf+ -dem- Strand."),
        ("ein Mann", "Ein Mann", "-ein- Mann"),
        ("Ein Mann am Strand", "Ein Mann am Strand.", "Ein Mann am Strand"),
        ("Ein Mann am Strand.", "", "+Ein Mann+ -am- +Strand.+"),
        ("", "Ein Mann", ""),
        ("  Ein\tMann  ", "Ein Hund", "  Ein\t+Mann+  "),
        ("Eine Frau", "Eine Frau", "Eine Frau"),
    ],
)
def test_words_that_one_alone_has_are_right_if_the_reference_has_them(text: str, other: str, expected: str):
    assert shown(text, other, "Ein Mann auf einem Strand.") == expected


def test_characters_are_words_where_no_spaces_are_written():
    assert shown("私は猫です", "私は鳥です", "私は猫だ", spaceless=True) == "私は+猫+です"


TEXTS = st.text(st.sampled_from("ab .,\t"), max_size=12)


@given(text=TEXTS, other=TEXTS, reference=TEXTS)
def test_the_pieces_are_the_text_and_no_space_at_their_ends_is_marked(text: str, other: str, reference: str):
    pieces = marked(text, other, reference)
    assert "".join(piece.text for piece in pieces) == text
    assert all(piece.text == piece.text.strip() for piece in pieces if piece.mark != "same")
    assert {piece.mark for piece in marked(text, text, reference)} <= {"same"}
