"""Where long sentences are cut. In examples "|" stands between subwords and "‖" between pieces."""

import random

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from translator.decoding.pieces import Cutter
from translator.export import graph_pieces

WORDS = ["▁a", "▁b", "▁the", "▁Bob", "▁Mr", "▁I", "▁5", "▁", "▁„", "▁(", "▁.", "▁»", "▁Mr."]
PARTS = ["a", "b", "er", "A", "3", "x" * 40, "<unk>", "\u0301", "\u200d", "-"]
MARKS = [
    *".,:;!?…—\"'()”“’«», "[:-1],
    "...",
    '."',
    "?!",
    ".)",
    "।",
    "؟",
    "。",
    "！",
    "，",
    "、",
    "」",
    "「",
    "。」",
    "（",
]
CHARACTERS = ["日", "本語", "の", "ไทย", "ລາວ", "ខ្មែ", "မြန်", "ー", "Ａ"]
BYTES = ["<0xE3>", "<0x81>", "<0xBF>", "<0x41>"]
VOCABULARY = [*WORDS, *PARTS, *MARKS, *CHARACTERS, *BYTES]
IDS = st.lists(st.integers(0, len(VOCABULARY) - 1), max_size=60)


def cut(subwords: str, most: int) -> str:
    tokens = subwords.split("|")
    vocabulary = list(dict.fromkeys(tokens))
    pieces = Cutter(vocabulary).cut([vocabulary.index(token) for token in tokens], most)
    return "‖".join("|".join(vocabulary[i] for i in piece) for piece in pieces)


# By hand


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        # Sentence ends come first, however short the piece or the rest; of several the one nearest to even parts.
        (4, "▁Go|.‖▁We|▁are|▁in|▁it"),
        (6, "▁Go|.|▁We|▁do|.‖▁It|▁is|▁it"),
        (5, "▁It|▁is|▁it|.‖▁Go|."),
        (5, "▁Why|?‖▁We|▁a|,|▁b|▁c"),
        (7, "▁Go|▁on|.‖▁We|▁do|▁it|.|▁So"),
        (8, "▁We|▁do|▁it|.|▁It|▁is|.‖▁It|▁is|.|▁It|▁is|.‖▁It|▁is|.|▁Go"),
        (6, "▁Go|.|”‖▁No|!|)|▁We|▁are"),
        (5, "▁No|!|)‖▁We|▁are|▁in"),
        (6, "▁Go|.”|▁No|?!|“‖▁We|▁are"),
        (4, "▁ja|।|▁ja|؟‖▁na|▁na"),
        # Then clause punctuation.
        (5, "▁we|▁a|,‖▁b|▁c|▁d|▁e"),
        (5, "▁we|▁a|;|”‖▁b|▁c|▁d"),
        # Then spaces; a word that has room is not cut.
        (4, "▁w|or|d‖▁w|or|d|s"),
        (8, "▁a‖▁w|o|r|l|d|l|y|."),
        # In scripts without spaces punctuation needs none behind it.
        (5, "我|去|。‖你|来|了|吗"),
        (5, "我|去|。|」‖你|来|了"),
        (6, "我|去|,‖你|来|了|吗|我|去"),
        (5, "去|。‖2|0|2|3|年"),
        (5, "去|。‖“|你|来|了|吗"),
        (5, "我|，‖他|来|了|了"),
        # Then between characters, but not before what closes or behind what opens.
        (3, "我|去|你‖来|了"),
        (3, "我|去‖你|」|来"),
        (3, "我|去‖（|来|了"),
        (3, "ไทย|ไทย|ไทย‖ไทย|ไทย"),
        (4, "日|本|の‖i|P|h|o"),
        (5, "日|の‖Ａ|Ｂ|Ｃ|Ｄ"),
        # Not within a word or number while there is another place.
        (4, "▁at|▁it‖▁3|.|5|▁km"),
        (4, "▁is‖▁e|.|g|."),
        (4, "▁at|▁it‖▁12|:|30|▁we"),
        # A word that is longer than a piece is cut at the limit, but not within a character.
        (3, "▁a|b|c‖d|e|f‖g|h"),
        (3, "▁a|b|<0x41>‖<0xE3>|<0x81>|<0x82>"),
        (3, "▁a|b‖e|\u0301|c"),
        (3, "▁a|👩‖👩|\u200d|👩"),
        (3, "▁a|<0x41>‖<0xE3>|<0x81>|<0x82>‖<0xE3>|<0x81>|<0x82>"),
        # Not before a mark that tokenized text and French set off.
        (3, "▁Il|▁a‖▁bu|▁?|▁Et"),
    ],
)  # fmt: skip
def test_by_hand(most: int, expected: str):
    assert cut(expected.replace("‖", "|"), most) == expected


@pytest.mark.parametrize(
    ("kept", "most", "expected"),
    [
        ("Mr.", 5, "▁we|▁saw|▁the‖▁Mr|.|▁Smith|▁go"),
        ("Dr. as one subword", 4, "▁we|▁saw|▁the‖▁Dr.|▁Smith|▁go"),
        ("initials", 6, "▁we|▁saw‖▁J|.|▁R|.|▁Smith|▁go"),
        ("U.S.", 6, "▁we|▁saw‖▁U|.|S|.|▁Smith|▁go"),
        ("z.B.", 6, "▁we|▁saw‖▁z|.|B|.|▁Hunde|▁so"),
        ("an ordinal", 5, "▁am|▁Abend|▁des‖▁5|.|▁Mai"),
    ],
)
def test_a_period_of_an_abbreviation_ends_no_sentence(kept: str, most: int, expected: str):
    assert cut(expected.replace("‖", "|"), most) == expected, kept


@pytest.mark.parametrize("word", ["▁it", "▁my", "▁No", "▁Tom", "▁USA", "▁했다", "▁да", "▁2010"])
def test_a_short_word_with_a_vowel_ends_a_sentence(word: str):
    assert cut(f"▁we|▁are|{word}|.|▁Then|▁we|▁go", 6) == f"▁we|▁are|{word}|.‖▁Then|▁we|▁go"


def test_a_period_that_tokenized_text_sets_off_ends_a_sentence():
    assert cut("▁we|▁watch|▁TV|▁.|▁Then|▁we|▁go", 6) == "▁we|▁watch|▁TV|▁.‖▁Then|▁we|▁go"


@pytest.mark.parametrize(
    "expected",
    [
        "▁it|▁is|▁a|,|▁or|▁was|.‖▁we|▁go|▁on|▁so",  # better than a comma
        "▁it|▁was|.‖▁or|▁is|▁a|,|▁we|▁go|▁on|▁so",
        "▁it|.‖▁Or|▁was|.|▁we|▁go|▁on|▁so|▁we",  # worse than one before a capital
    ],
)
def test_a_sentence_end_before_a_word_in_lower_case_is_doubtful(expected: str):
    assert cut(expected.replace("‖", "|"), 8) == expected


@pytest.mark.parametrize(
    ("before", "behind", "sizes"),
    [(4, 19, [12, 11]), (5, 19, [5, 19]), (16, 5, [16, 5]), (17, 4, [11, 10])],
)
def test_clause_punctuation_counts_from_a_quarter_of_the_limit_on_both_sides(
    before: int, behind: int, sizes: list[int]
):
    pieces = Cutter(["▁w", ","]).cut([0] * (before - 1) + [1] + [0] * behind, 20)
    assert [len(piece) for piece in pieces] == sizes


@given(st.integers(0, 200), st.integers(1, 50))
def test_where_all_places_are_alike_there_are_as_few_pieces_as_will_do_alike_in_length(length: int, most: int):
    sizes = [len(piece) for piece in Cutter(["▁a"]).cut([0] * length, most)]
    assert len(sizes) == -(-length // most)
    assert not sizes or max(sizes) - min(sizes) <= 1


def test_a_short_sentence_is_left_whole_and_an_empty_one_has_no_piece():
    assert Cutter(VOCABULARY).cut([3, 1, 2], 3) == [[3, 1, 2]]
    assert Cutter(VOCABULARY).cut([], 3) == []


# In general


@given(IDS, st.integers(1, 30))
def test_pieces_hold_all_tokens_in_order_and_none_is_too_long(ids: list[int], most: int):
    pieces = Cutter(VOCABULARY).cut(ids, most)
    assert [token for piece in pieces for token in piece] == ids
    assert all(1 <= len(piece) <= most for piece in pieces)


@given(st.lists(st.integers(1, 8), min_size=1, max_size=40), st.integers(8, 20))
def test_no_word_is_cut_that_fits_into_a_piece(lengths: list[int], most: int):
    tokens = [token for length in lengths for token in (["▁a"] + ["b"] * 7)[:length]]
    for piece in Cutter(["▁a", "b"]).cut([("▁a", "b").index(token) for token in tokens], most):
        assert piece[0] == 0


@given(st.lists(st.integers(1, 8), min_size=2, max_size=40), st.integers(8, 20))
def test_no_sentence_is_cut_that_fits_into_a_piece(lengths: list[int], most: int):
    ids = [token for length in lengths for token in [0] * (length - 1) + [1]]
    assert all(piece[-1] == 1 for piece in Cutter(["▁A", "▁Cold."]).cut(ids, most))


# In a graph


@pytest.mark.parametrize("most", [1, 3, 8, 17])
def test_a_graph_cuts_as_python_does(most: int):
    rng, cutter = random.Random(most), Cutter(VOCABULARY)
    # Of a few subwords each, so that the same ones meet often.
    few = [rng.choices(range(len(VOCABULARY)), k=5) for _ in range(500)]
    sentences = [[], *[rng.choices(ids, k=rng.randrange(50)) for ids in few], []]

    @tf.function(input_signature=[tf.RaggedTensorSpec([None, None], tf.int32)])
    def cut_all(ids: tf.RaggedTensor) -> tuple[tf.RaggedTensor, tf.Tensor]:
        return graph_pieces.cut(ids, cutter, most)

    pieces, origins = cut_all(tf.ragged.constant(sentences, tf.int32))
    expected = [(i, piece) for i, ids in enumerate(sentences) for piece in cutter.cut(ids, most)]
    assert list(zip(origins.numpy().tolist(), pieces.to_list(), strict=True)) == expected
    for count in range(3):
        pieces, origins = cut_all(tf.ragged.constant([[]] * count, tf.int32, ragged_rank=1))
        assert (pieces.to_list(), origins.numpy().tolist()) == ([], [])
