import random
import time
import tracemalloc
from pathlib import Path
from typing import Any, Literal

import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tokenizers import tokenizer_of
from translator.config.tokenizer import Normalization, TokenizerConfig
from translator.data import learning
from translator.data.corpora.lines import read_lines
from translator.data.tags import with_tags
from translator.data.tokenizer import Tokenizer, TokenizerError
from translator.vocabulary import BOS_ID, EOS_ID, PAD_ID, UNK_ID

Kind = Literal["unigram", "bpe"]

SYLLABLES = [first + vowel + last for first in "bdfglmnst" for vowel in "aeiouü" for last in ("", "n", "r")]
GENERATOR = random.Random(7)
WORDS = ["".join(GENERATOR.choices(SYLLABLES, k=GENERATOR.randint(1, 3))) for _ in range(300)]
SENTENCES = [" ".join(GENERATOR.choices(WORDS, k=6)) + "." for _ in range(500)]
SIZE = 120


def texts(*sentences: str) -> list[tuple[str, Normalization]]:
    return [(sentence, "keep") for sentence in sentences]


def config_of(kind: Kind = "unigram", vocabulary_size: int = SIZE, **settings: Any) -> TokenizerConfig:
    return TokenizerConfig(kind=kind, vocabulary_size=vocabulary_size, **settings)


@pytest.fixture(scope="module", params=["unigram", "bpe"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    return tokenizer_of(SENTENCES, config_of(request.param))


# Encoding and decoding


def test_decoding_undoes_encoding(tokenizer: Tokenizer) -> None:
    assert tokenizer.decode(tokenizer.encode(SENTENCES)) == SENTENCES


def test_every_id_is_below_the_vocabulary_size_and_none_is_special(tokenizer: Tokenizer) -> None:
    ids = {piece for row in tokenizer.encode(SENTENCES) for piece in row}
    assert tokenizer.vocabulary_size == SIZE
    assert ids <= set(range(UNK_ID + 1, SIZE))


def test_pieces_spell_the_sentence(tokenizer: Tokenizer) -> None:
    (ids,) = tokenizer.encode(["fün dir."])
    assert "".join(tokenizer.pieces(ids)) == "▁fün▁dir."


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        ("  fun \t dir  ", "fun dir"),
        ("fun\u2028dir\u200bso", "fun dir so"),
        ("fu\u0308n", "fün"),
        ("ﬁn ｄｉｒ", "fin dir"),
        ("f\x08un", "fun"),
        ("f\ud800un", "f un"),
        ("", ""),
        (" \n", ""),
    ],
)
def test_text_comes_back_normalised(tokenizer: Tokenizer, text: str, normalised: str) -> None:
    assert tokenizer.encode([text]) == tokenizer.encode([normalised])
    assert tokenizer.decode(tokenizer.encode([text])) == [normalised]


@pytest.fixture(scope="module")
def keeping(tokenizer: Tokenizer) -> Tokenizer:
    kind: Kind = "unigram" if tokenizer.kind == "unigram" else "bpe"
    return tokenizer_of([*SENTENCES, *ODD], config_of(kind), "keep")


ODD = [
    "1½ m²",
    "ﬁn ｄｉｒ？",
    "e\u0301 é",
    "ça va\u00a0?",
    "می\u200cخواهم",
    "…\u00ad\u2060\ufeff",
    "\U0001f469\u200d\U0001f680",
]


@pytest.mark.parametrize("text", ODD)
def test_keep_keeps_every_character(keeping: Tokenizer, text: str) -> None:
    assert keeping.decode(keeping.encode([text])) == [text]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("  fun   dir ", "fun dir"),
        ("fun\tdir\u2028lo\u0085nu\r", "fun dir lo nu"),
        ("f\x07un\x7f\x9f dir\x01", "fun dir"),
    ],
)
def test_keep_trims_spaces_and_drops_control_characters(keeping: Tokenizer, text: str, kept: str) -> None:
    assert keeping.decode(keeping.encode([text])) == [kept]


def test_another_normalisation_leaves_the_subwords(keeping: Tokenizer) -> None:
    plain = keeping.with_normalization("nmt_nfkc")
    ids = range(keeping.vocabulary_size)
    assert plain.pieces(ids) == keeping.pieces(ids)
    assert plain.decode(plain.encode(["ﬁ\u00a0m…"])) == ["fi m..."]
    assert plain.with_normalization("keep").model == keeping.model
    small = keeping.with_normalization("nmt_nfkc_cf")
    assert small.encode(["FÜN"]) == small.encode(["fün"])


@pytest.fixture(scope="module")
def bytewise() -> Tokenizer:
    return tokenizer_of(SENTENCES, config_of(vocabulary_size=SIZE + 256, byte_fallback=True), "keep")


@given(text=st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="▁ \u2028\u2029"), max_size=20))
def test_with_byte_fallback_any_text_comes_back(bytewise: Tokenizer, text: str) -> None:
    (ids,) = bytewise.encode([text])
    assert UNK_ID not in ids
    assert bytewise.decode([ids]) == [text]


def test_bytes_that_are_no_characters_come_back_as_replacement_characters(bytewise: Tokenizer) -> None:
    (ids,) = bytewise.encode(["犬"])
    assert bytewise.pieces(ids[1:]) == ["<0xE7>", "<0x8A>", "<0xAC>"]
    assert bytewise.decode([ids[1:3], ids[3:], [*ids[1:3], *bytewise.encode(["fun"])[0]]]) == [
        "\ufffd\ufffd", "\ufffd", "\ufffd\ufffd fun",
    ]  # fmt: skip


@pytest.mark.parametrize("character", ["\r", "\n", "\t", "\0", "\x7f", "\x85", "\u2028", "\u2029"])
def test_what_is_decoded_is_one_line_without_control_characters(bytewise: Tokenizer, character: str) -> None:
    vocabulary = bytewise.pieces(range(bytewise.vocabulary_size))
    spelled = [vocabulary.index(f"<0x{byte:02X}>") for byte in f" a{character} b ".encode()]
    assert bytewise.decode([spelled]) == ["a b"]


def test_repeated_spaces_are_decoded_as_one_and_trimmed(tokenizer: Tokenizer) -> None:
    space = tokenizer.pieces(range(tokenizer.vocabulary_size)).index("▁")
    (ids,) = tokenizer.encode(["fün dir."])
    assert tokenizer.decode([[space, space, *ids, space, space]]) == ["fün dir."]


def test_unknown_characters_are_the_unknown_id(tokenizer: Tokenizer) -> None:
    (ids,) = tokenizer.encode(["fun\0dir犬"])
    assert ids.count(UNK_ID) == 2
    assert tokenizer.decode([ids]) == ["fun ⁇ dir ⁇"]


def test_what_is_unknown_can_be_written_as_it_was(tokenizer: Tokenizer) -> None:
    text = "犬 fun\0dir犬犬."
    (ids,) = tokenizer.encode([text])
    unknown = tokenizer.unknown(text)
    assert unknown == ("犬", "\0", "犬犬")
    assert tokenizer.decode([ids, ids], [unknown, ()]) == ["犬 fun dir犬犬.", "⁇ fun ⁇ dir ⁇ ."]
    assert [piece for piece in tokenizer.pieces(ids, unknown) if piece in unknown] == list(unknown)
    assert tokenizer.unknown("fun dir") == ()


def test_markers_in_a_text_are_text(tokenizer: Tokenizer) -> None:
    for marker in ("<s>", "</s>", "<pad>"):
        assert not {PAD_ID, BOS_ID, EOS_ID} & set(tokenizer.encode([marker])[0])


def test_special_ids_spell_nothing(tokenizer: Tokenizer) -> None:
    (ids,) = tokenizer.encode(["fun dir"])
    assert tokenizer.decode([[BOS_ID, *ids, EOS_ID, PAD_ID, PAD_ID], []]) == ["fun dir", ""]


@settings(max_examples=200)
@given(texts=st.lists(st.text(st.characters(exclude_categories=())), max_size=5))
def test_any_text_gives_one_row_of_ids_and_one_text_back(tokenizer: Tokenizer, texts: list[str]) -> None:
    ids = tokenizer.encode(texts)
    assert len(ids) == len(texts) == len(tokenizer.decode(ids))
    assert all(UNK_ID <= piece < tokenizer.vocabulary_size for row in ids for piece in row)


# Segmentations of words


def segmentations(tokenizer: Tokenizer, word: str, most: int) -> list[tuple[float, list[int]]]:
    (plain,) = tokenizer.encode([word])
    if tokenizer.kind == "unigram":
        return next(tokenizer.likeliest([plain], most))
    generator = random.Random(word)
    skips = [[int(generator.random() < 0.3) for _ in range(len(word) + 1)] for _ in range(most - 1)]
    return [(0.0, plain), *((0.0, tokenizer.with_dropout(plain, of_draw)) for of_draw in skips)]


def test_segmentations_spell_the_word_and_begin_with_the_plain_one(tokenizer: Tokenizer) -> None:
    assert max(len({tuple(ids) for _, ids in segmentations(tokenizer, word, 20)}) for word in WORDS[:50]) > 1
    for word in WORDS[:50]:
        found = segmentations(tokenizer, word, 20)
        assert found[0] == (0.0, tokenizer.encode([word])[0])
        assert tokenizer.decode([ids for _, ids in found]) == [word] * len(found)


def test_gaps_of_a_unigram_model_are_those_of_log_probabilities() -> None:
    tokenizer = tokenizer_of(SENTENCES, config_of("unigram"))
    processor = sentencepiece.SentencePieceProcessor(model_proto=tokenizer.model)
    found = segmentations(tokenizer, WORDS[0], 10)
    scores = [sum(processor.get_score(piece) for piece in ids) for _, ids in found]
    assert [gap for gap, _ in found] == pytest.approx([scores[0] - score for score in scores])
    assert scores == sorted(scores, reverse=True)


def test_bpe_without_dropout_gives_the_plain_segmentation() -> None:
    tokenizer = tokenizer_of(SENTENCES, config_of("bpe"))
    for (plain,) in (tokenizer.encode([word]) for word in WORDS):
        assert tokenizer.with_dropout(plain, [0] * 100) == plain


def test_merges_passed_over_give_way_to_the_next_best() -> None:
    # Merges are learned in the order ▁a, ab, bc: by how often the pairs stand there.
    texts = ["a"] * 50 + ["xab", "yab"] * 15 + ["xbc", "ybc"] * 10
    tokenizer = tokenizer_of(texts, TokenizerConfig(kind="bpe", vocabulary_size=16))
    pieces = tokenizer.pieces(range(tokenizer.vocabulary_size))
    assert [piece for piece in pieces if piece in ("▁a", "ab", "bc")] == ["▁a", "ab", "bc"]
    (plain,) = tokenizer.encode(["abc"])
    assert tokenizer.pieces(tokenizer.with_dropout(plain, [0, 9])) == ["▁a", "b", "c"]
    assert tokenizer.pieces(tokenizer.with_dropout(plain, [1, 9])) == ["▁", "ab", "c"]
    assert tokenizer.pieces(tokenizer.with_dropout(plain, [2, 9])) == ["▁", "a", "bc"]
    assert tokenizer.pieces(tokenizer.with_dropout(plain, [2, 0])) == ["▁a", "bc"]
    assert tokenizer.pieces(tokenizer.with_dropout(plain, [3])) == ["▁", "a", "b", "c"]


def test_a_part_of_a_word_has_segmentations_without_a_space_before_it() -> None:
    tokenizer = tokenizer_of(SENTENCES, config_of("unigram"))
    inner = tokenizer.encode(["".join(WORDS[:2])])[0][1:]
    assert not tokenizer.pieces(inner)[0].startswith("▁")
    for _, ids in next(tokenizer.likeliest([inner], 20)):
        assert "".join(tokenizer.pieces(ids)) == "".join(tokenizer.pieces(inner))


def test_a_word_with_an_unknown_character_has_its_plain_segmentation_alone(tokenizer: Tokenizer) -> None:
    (plain,) = tokenizer.encode(["fun犬dir"])
    assert all(ids == plain for _, ids in segmentations(tokenizer, "fun犬dir", 10))


# Files


def test_a_saved_tokenizer_loads_as_the_same(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path / "tokenizer.model")
    loaded = Tokenizer.load(tmp_path / "tokenizer.model")
    assert loaded.model == tokenizer.model
    assert loaded.encode(SENTENCES) == tokenizer.encode(SENTENCES)


def test_a_missing_tokenizer_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none.model"
    with pytest.raises(TokenizerError) as caught:
        Tokenizer.load(path)
    assert str(caught.value) == f"the tokenizer {path} cannot be read: No such file or directory"


@pytest.mark.parametrize("kept", [0, 100])
def test_a_broken_tokenizer_is_named(tokenizer: Tokenizer, tmp_path: Path, kept: int) -> None:
    path = tmp_path / "broken.model"
    path.write_bytes(tokenizer.model[:kept])
    with pytest.raises(TokenizerError) as caught:
        Tokenizer.load(path)
    assert str(caught.value).startswith(f"{path}: these {kept} bytes are not a SentencePiece model: ")


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_any_sentencepiece_model_can_be_adopted(tmp_path: Path, kind: Kind) -> None:
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES), model_prefix=str(tmp_path / "other"), vocab_size=SIZE, model_type=kind,
        minloglevel=2,
    )  # fmt: skip
    other = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "other.model"))
    adopted = Tokenizer.adopt(tmp_path / "other.model")
    assert adopted.vocabulary_size == SIZE + 1  # with padding, which that model lacks
    assert adopted.pieces(range(4)) == ["<pad>", "<s>", "</s>", "<unk>"]
    assert [adopted.pieces(ids) for ids in adopted.encode(SENTENCES)] == other.encode(SENTENCES, out_type=str)
    assert Tokenizer(adopted.model).encode(SENTENCES) == adopted.encode(SENTENCES)


def test_an_adopted_model_of_ours_is_the_same(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path / "ours.model")
    assert Tokenizer.adopt(tmp_path / "ours.model").encode(SENTENCES) == tokenizer.encode(SENTENCES)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "these .* bytes are not"),
        (b"a b", "is not a Sentence"),
    ],
)
def test_what_cannot_be_adopted_is_named(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "x.model"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TokenizerError, match=rf"^tokenizer\.model: {path}:? {said}"):
        Tokenizer.adopt(path)


def test_a_model_with_other_special_ids_is_refused(tmp_path: Path) -> None:
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES), model_prefix=str(tmp_path / "other"), vocab_size=SIZE, minloglevel=2
    )
    with pytest.raises(TokenizerError, match=r"has the ids \[-1, 1, 2, 0\] .* expected \[0, 1, 2, 3\]"):
        Tokenizer.load(tmp_path / "other.model")


# Training


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_training_again_gives_the_same_bytes(kind: Kind) -> None:
    first, again = (tokenizer_of(iter(SENTENCES), config_of(kind)).model for _ in range(2))
    assert first == again


def test_training_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    sentencepiece.set_min_log_level(0)  # of the process
    tokenizer_of([*SENTENCES, "x" * 10_000, "▅"], config_of())
    with pytest.raises(TokenizerError):
        tokenizer_of(SENTENCES, config_of(vocabulary_size=8000))
    assert capfd.readouterr() == ("", "")


def test_blank_lines_teach_nothing() -> None:
    padded = ["", *SENTENCES, " \t", "\u2028"]
    assert tokenizer_of(padded, config_of()).model == tokenizer_of(SENTENCES, config_of()).model


def test_long_lines_teach_by_their_start() -> None:
    long_line = "Q" * learning.TRAINING_CHARACTERS + "Z"
    tokenizer = tokenizer_of([*SENTENCES, long_line], config_of())
    assert UNK_ID not in tokenizer.encode(["Q"])[0]
    assert UNK_ID in tokenizer.encode(["Z"])[0]


def test_halves_of_surrogate_pairs_do_not_stop_training() -> None:
    assert tokenizer_of([*SENTENCES, "fun \ud83d"], config_of()).vocabulary_size == SIZE


def test_a_reservoir_of_everything_is_everything() -> None:
    assert learning.reservoir(texts("a", " ", "b"), 2, random.Random(1)) == texts("a", "b")


def test_a_reservoir_gives_each_sentence_the_same_chance() -> None:
    draws = [[text for text, _ in learning.reservoir(texts(*"abcde"), 2, random.Random(seed))] for seed in range(5000)]
    for sentence in "abcde":  # binomial: mean 2,000, standard deviation 35
        assert abs(sum(sentence in draw for draw in draws) - 2000) < 5 * 35
    assert all(len(set(draw)) == 2 for draw in draws)


def test_the_seed_decides_which_sentences_are_drawn() -> None:
    first, again, other = (
        tokenizer_of(SENTENCES, config_of(training_sentences=100, seed=seed)).model for seed in (1, 1, 2)
    )
    assert first == again != other


def test_memory_does_not_grow_with_the_corpus() -> None:
    tracemalloc.start()
    try:
        learning.reservoir(
            ((f"{number:0100}", "keep") for number in range(50_000)), 100, random.Random(1)
        )  # 7 MB in all
        assert tracemalloc.get_traced_memory()[1] < 500_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_too_large_a_vocabulary_is_told_with_the_largest_that_works(kind: Kind) -> None:
    with pytest.raises(TokenizerError) as caught:
        tokenizer_of(SENTENCES, config_of(kind, 8000))
    message = str(caught.value)
    largest = int(message.rpartition("set it to ")[2].removesuffix(" or less"))
    assert message == (
        "tokenizer.vocabulary_size 8000 is too large for this training corpus, "
        f"which gives at most {largest} subwords; set it to {largest} or less"
    )
    assert tokenizer_of(SENTENCES, config_of(kind, largest)).vocabulary_size == largest
    with pytest.raises(TokenizerError, match=rf"vocabulary_size {largest + 1} is too large"):
        tokenizer_of(SENTENCES, config_of(kind, largest + 1))


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_too_small_a_vocabulary_is_told_with_the_smallest_that_works(kind: Kind) -> None:
    smallest = len(set("".join(SENTENCES))) + 4  # the space counts, as ▁; and four special ones
    with pytest.raises(TokenizerError) as caught:
        tokenizer_of(SENTENCES, config_of(kind, 16))
    assert str(caught.value) == (
        "tokenizer.vocabulary_size 16 is too small for this training corpus, whose characters alone need "
        f"{smallest}; set it to that or more, or tokenizer.character_coverage below 1"
    )
    assert tokenizer_of(SENTENCES, config_of(kind, smallest)).vocabulary_size == smallest


def test_no_text_is_told() -> None:
    with pytest.raises(TokenizerError, match="no text to learn a vocabulary from"):
        tokenizer_of(["", " "], config_of())


def test_text_of_control_characters_alone_is_told() -> None:
    with pytest.raises(TokenizerError, match="SentencePiece cannot learn a vocabulary from this training corpus: "):
        tokenizer_of(["\x01\x02"], config_of())


def test_multi30k_takes_seconds(multi30k: Path) -> None:
    sentences = [line for language in ("en", "de") for line in read_lines(multi30k / f"train.{language}.gz")]
    start = time.monotonic()
    tokenizer = tokenizer_of(sentences, TokenizerConfig())
    assert time.monotonic() - start < 30  # 2 to 3 on a quiet core
    assert tokenizer.vocabulary_size == 8000
    normalised = [" ".join(sentence.split()) for sentence in sentences]
    decoded = tokenizer.decode(tokenizer.encode(sentences))
    assert sum(one == other for one, other in zip(decoded, normalised, strict=True)) / len(sentences) > 0.99


def test_a_tokenizer_keeps_its_prefix_whatever_is_changed():
    tokenizer = tokenizer_of(SENTENCES, config_of()).with_prefix((5,))
    changed = [
        tokenizer.with_normalization("nfkc"),
        tokenizer.with_subwords({"x": -9.0}),
        tokenizer.with_symbols(["#"]),
        with_tags(tokenizer, ["fr"]),
    ]
    assert [each.prefix for each in changed] == [(5,)] * 4
    assert [each.vocabulary_size - SIZE for each in changed] == [0, 1, 1, 1]
