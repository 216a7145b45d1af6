import random
import threading
import time
import tracemalloc
from pathlib import Path
from typing import Any, Literal

import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st

from translator.config import TokenizerConfig
from translator.data import tokenizer as tokenizer_module
from translator.data.corpus import read_lines
from translator.data.tokenizer import BOS_ID, EOS_ID, PAD_ID, UNK_ID, Tokenizer, TokenizerError, train_tokenizer

Kind = Literal["unigram", "bpe"]

SYLLABLES = [first + vowel + last for first in "bdfglmnst" for vowel in "aeiouü" for last in ("", "n", "r")]
GENERATOR = random.Random(7)
WORDS = ["".join(GENERATOR.choices(SYLLABLES, k=GENERATOR.randint(1, 3))) for _ in range(300)]
SENTENCES = [" ".join(GENERATOR.choices(WORDS, k=6)) + "." for _ in range(500)]
SIZE = 120


def config_of(kind: Kind = "unigram", vocabulary_size: int = SIZE, **settings: Any) -> TokenizerConfig:
    return TokenizerConfig(kind=kind, vocabulary_size=vocabulary_size, **settings)


@pytest.fixture(scope="module", params=["unigram", "bpe"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    return train_tokenizer(SENTENCES, config_of(request.param), seed=1)


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


def test_unknown_characters_are_the_unknown_id(tokenizer: Tokenizer) -> None:
    (ids,) = tokenizer.encode(["fun\0dir犬"])
    assert ids.count(UNK_ID) == 2
    assert tokenizer.decode([ids]) == ["fun ⁇ dir ⁇ "]


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
    assert len(tokenizer.sample(texts, 0.1, 1)) == len(texts)


# Sampling


def test_sampling_depends_on_its_seed_alone(tokenizer: Tokenizer) -> None:
    first, second = tokenizer.sample(SENTENCES, 0.3, 1), tokenizer.sample(SENTENCES, 0.3, 2)
    assert first != second
    tokenizer.sample(SENTENCES[:7], 0.1, 5)
    tokenizer.encode(SENTENCES[:3])
    assert tokenizer.sample(SENTENCES, 0.3, 2) == second
    assert tokenizer.sample(SENTENCES, 0.3, 1) == first
    assert Tokenizer(tokenizer.model).sample(SENTENCES, 0.3, 1) == first


def test_sampling_in_many_threads_is_the_same(tokenizer: Tokenizer) -> None:
    expected = [tokenizer.sample(SENTENCES, 0.3, seed) for seed in range(8)]
    found: dict[int, list[bool]] = {seed: [] for seed in range(8)}

    def sample_often(seed: int) -> None:
        for _ in range(10):
            found[seed].append(tokenizer.sample(SENTENCES, 0.3, seed) == expected[seed])

    threads = [threading.Thread(target=sample_often, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {seed: [True] * 10 for seed in range(8)}


def test_the_seed_that_means_none_to_sentencepiece_is_a_seed(tokenizer: Tokenizer) -> None:
    samples = []
    for before in (1, 2):
        tokenizer.sample(SENTENCES, 0.3, before)
        samples.append(tokenizer.sample(SENTENCES, 0.3, 2**32 - 1))
    assert samples[0] == samples[1]
    assert tokenizer.sample(SENTENCES, 0.3, 2**70) != samples[0]


def test_samples_spell_the_same_sentences(tokenizer: Tokenizer) -> None:
    samples = tokenizer.sample(SENTENCES, 0.3, 1)
    assert samples != tokenizer.encode(SENTENCES)
    assert tokenizer.decode(samples) == SENTENCES


def test_alpha_zero_is_off(tokenizer: Tokenizer) -> None:
    assert tokenizer.sample(SENTENCES, 0.0, 1) == tokenizer.encode(SENTENCES)


@pytest.mark.parametrize(("kind", "more_tokens_at"), [("unigram", 0.01), ("bpe", 0.99)])
def test_alpha_smooths_unigram_and_drops_merges_of_bpe(kind: Kind, more_tokens_at: float) -> None:
    tokenizer = train_tokenizer(SENTENCES, config_of(kind), seed=1)

    def tokens(alpha: float) -> int:
        return sum(map(len, tokenizer.sample(SENTENCES, alpha, 1)))

    assert tokens(more_tokens_at) > tokens(0.5) > tokens(1 - more_tokens_at) > 0
    if kind == "bpe":  # with nearly every merge dropped, a subword is a character
        assert tokens(0.99) / sum(len(sentence) + 1 for sentence in SENTENCES) > 0.98


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


def test_a_model_with_other_special_ids_is_refused(tmp_path: Path) -> None:
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES), model_prefix=str(tmp_path / "other"), vocab_size=SIZE, minloglevel=2
    )
    with pytest.raises(TokenizerError, match=r"has the ids \[-1, 1, 2, 0\] .* needed are \[0, 1, 2, 3\]"):
        Tokenizer.load(tmp_path / "other.model")


# Training


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_training_again_gives_the_same_bytes(kind: Kind) -> None:
    first, again = (train_tokenizer(iter(SENTENCES), config_of(kind), seed=1).model for _ in range(2))
    assert first == again


def test_training_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    sentencepiece.set_min_log_level(0)  # of the process
    train_tokenizer([*SENTENCES, "x" * 10_000, "▅"], config_of(), seed=1)
    with pytest.raises(TokenizerError):
        train_tokenizer(SENTENCES, config_of(vocabulary_size=8000), seed=1)
    assert capfd.readouterr() == ("", "")


def test_blank_lines_teach_nothing() -> None:
    padded = ["", *SENTENCES, " \t", "\u2028"]
    assert train_tokenizer(padded, config_of(), 1).model == train_tokenizer(SENTENCES, config_of(), 1).model


def test_long_lines_teach_by_their_start() -> None:
    long_line = "Q" * tokenizer_module.TRAINING_CHARACTERS + "Z"
    tokenizer = train_tokenizer([*SENTENCES, long_line], config_of(), 1)
    assert UNK_ID not in tokenizer.encode(["Q"])[0]
    assert UNK_ID in tokenizer.encode(["Z"])[0]


def test_halves_of_surrogate_pairs_do_not_stop_training() -> None:
    assert train_tokenizer([*SENTENCES, "fun \ud83d"], config_of(), 1).vocabulary_size == SIZE


def test_a_reservoir_of_everything_is_everything() -> None:
    assert tokenizer_module._reservoir(["a", " ", "b"], 2, random.Random(1)) == ["a", "b"]


def test_a_reservoir_gives_each_sentence_the_same_chance() -> None:
    draws = [tokenizer_module._reservoir("abcde", 2, random.Random(seed)) for seed in range(5000)]
    for sentence in "abcde":  # binomial: mean 2,000, standard deviation 35
        assert abs(sum(sentence in draw for draw in draws) - 2000) < 5 * 35
    assert all(len(set(draw)) == 2 for draw in draws)


def test_the_seed_decides_which_sentences_are_drawn() -> None:
    few = config_of(training_sentences=100)
    first, again, other = (train_tokenizer(SENTENCES, few, seed).model for seed in (1, 1, 2))
    assert first == again != other


def test_memory_does_not_grow_with_the_corpus() -> None:
    tracemalloc.start()
    try:
        tokenizer_module._reservoir(
            (f"{number:0100}" for number in range(50_000)), 100, random.Random(1)
        )  # 7 MB in all
        assert tracemalloc.get_traced_memory()[1] < 500_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_too_large_a_vocabulary_is_told_with_the_largest_that_works(kind: Kind) -> None:
    with pytest.raises(TokenizerError) as caught:
        train_tokenizer(SENTENCES, config_of(kind, 8000), 1)
    message = str(caught.value)
    largest = int(message.rpartition("set it to ")[2].removesuffix(" or less"))
    assert message == (
        "tokenizer.vocabulary_size 8000 is too large for this training corpus, "
        f"which has {largest} subwords to give; set it to {largest} or less"
    )
    assert train_tokenizer(SENTENCES, config_of(kind, largest), 1).vocabulary_size == largest
    with pytest.raises(TokenizerError, match=rf"vocabulary_size {largest + 1} is too large"):
        train_tokenizer(SENTENCES, config_of(kind, largest + 1), 1)


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_too_small_a_vocabulary_is_told_with_the_smallest_that_works(kind: Kind) -> None:
    smallest = len(set("".join(SENTENCES))) + 4  # the space counts, as ▁; and four special ones
    with pytest.raises(TokenizerError) as caught:
        train_tokenizer(SENTENCES, config_of(kind, 16), 1)
    assert str(caught.value) == (
        "tokenizer.vocabulary_size 16 is too small for this training corpus, whose characters alone need "
        f"{smallest}; set it to that or more, or tokenizer.character_coverage below 1"
    )
    assert train_tokenizer(SENTENCES, config_of(kind, smallest), 1).vocabulary_size == smallest


def test_no_text_is_told() -> None:
    with pytest.raises(TokenizerError, match="no text to learn a vocabulary from"):
        train_tokenizer(["", " "], config_of(), 1)


def test_text_of_control_characters_alone_is_told() -> None:
    with pytest.raises(TokenizerError, match="SentencePiece cannot learn a vocabulary from this training corpus: "):
        train_tokenizer(["\x01\x02"], config_of(), 1)


def test_multi30k_takes_seconds(multi30k: Path) -> None:
    sentences = [line for language in ("en", "de") for line in read_lines(multi30k / f"train.{language}.gz")]
    start = time.monotonic()
    tokenizer = train_tokenizer(sentences, TokenizerConfig(), seed=1)
    assert time.monotonic() - start < 30  # 2 to 3 on a quiet core
    assert tokenizer.vocabulary_size == 8000
    normalised = [" ".join(sentence.split()) for sentence in sentences]
    decoded = tokenizer.decode(tokenizer.encode(sentences))
    assert sum(one == other for one, other in zip(decoded, normalised, strict=True)) / len(sentences) > 0.99
