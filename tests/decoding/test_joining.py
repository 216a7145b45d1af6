"""What stands between the translations of a sentence's pieces."""

import random

import pytest
import tensorflow as tf

from translator.decoding.joining import gap, joined
from translator.export import graph_pieces


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("我去。", "你来了。", ""), ("他使用 Linux", "很好。", ""), ("很好", "Linux 很好", ""), ("ไทย", "ไทย", ""),
        ("他使用 Linux", "Kernel 很好。", " "), ("共有 12", "34 人", " "), ("价格是 1.", "5 元", " "),
        ("他说：“走。”", "“Linux”", ""), ("“Linux”", "“Kernel”", " "), ("(Linux)", "“好”", ""), ("“", "a", " "),
        ("Linux", "（a）", ""),
        ("ＡＢ", "１２", " "), ("", "a", ""), ("a", "", ""),
    ],
)  # fmt: skip
def test_a_space_stands_only_between_scripts_with_spaces(before: str, after: str, expected: str):
    assert gap(before, after) == expected


@pytest.mark.parametrize(
    ("joiner", "expected"), [(" ", "我去 Linux Kernel"), ("", "我去Linux Kernel"), ("·", "我去·Linux·Kernel")]
)
def test_a_piece_without_text_leaves_nothing_behind(joiner: str, expected: str):
    assert joined(["", "我去", "", "Linux", "Kernel", ""], joiner) == expected
    assert joined(["", ""], joiner) == joined([], joiner) == ""


def test_a_graph_joins_alike():
    rng = random.Random(5)
    characters = "我。ไー\u3000Ａ１！a1.”“」(\né👩"
    texts = ["".join(rng.choices(characters, k=rng.randint(1, 4))) for _ in range(600)]
    sentences = [number for number in range(200) for _ in range(3)]
    found = graph_pieces.with_gaps(tf.constant(texts), tf.constant(sentences)).numpy()
    for first in range(0, 600, 3):
        assert b"".join(found[first : first + 3]).decode() == joined(texts[first : first + 3], "")
    assert graph_pieces.with_gaps(tf.constant([], tf.string), tf.constant([], tf.int32)).shape == [0]


def test_a_graph_knows_the_same_characters():
    characters = [chr(code) for code in range(1, 0x33000) if not 0xD800 <= code < 0xE000]
    texts = tf.constant([text for character in characters for text in ("a", f"{character}a")])
    found = graph_pieces.with_gaps(texts, tf.repeat(tf.range(len(characters)), 2)).numpy()[1::2]
    assert [text.startswith(b" ") for text in found] == [gap("a", f"{each}a") == " " for each in characters]
