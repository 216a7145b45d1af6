"""A vocabulary that other text extends: what it has stays, and what comes is what that text needs."""

import random
from typing import Literal

import pytest

from tests.tokenizers import tokenizer_of
from translator.config.tokenizer import TokenizerConfig
from translator.data.extension import Merge, extended, learn_merges, missing_characters, most_frequent
from translator.data.tokenizer import Tokenizer, TokenizerError
from translator.vocabulary import UNK_ID

GENERATOR = random.Random(5)
OLD_WORDS = ["".join(GENERATOR.choices(["ba", "de", "fi", "lo", "mu", "na"], k=k)) for k in (1, 2, 2, 3, 3, 4) * 20]
OLD = [" ".join(GENERATOR.choices(OLD_WORDS, k=6)) + "." for _ in range(300)]
NEW_WORDS = ["denalofi", "mulomulo", "κλμ", "fibade"]
NEW = [" ".join(GENERATOR.choices([*NEW_WORDS, *OLD_WORDS[:20]], k=5)) for _ in range(200)]
SIZE = 60


@pytest.fixture(scope="module", params=["unigram", "bpe"])
def old(request: pytest.FixtureRequest) -> Tokenizer:
    return tokenizer_of(OLD, TokenizerConfig(kind=request.param, vocabulary_size=SIZE), "keep")


@pytest.fixture(scope="module")
def new(old: Tokenizer) -> Tokenizer:
    return extension_of(old, 12)


def extension_of(old: Tokenizer, number: int, texts: list[str] = NEW) -> Tokenizer:
    (new,) = extended([old], [(text, 0) for text in texts], TokenizerConfig(extend_by=number))
    return new


def added(old: Tokenizer, new: Tokenizer) -> list[str]:
    return new.pieces(range(old.vocabulary_size, new.vocabulary_size))


def test_old_subwords_keep_their_ids_and_new_ones_come_after_them(old: Tokenizer, new: Tokenizer):
    assert new.pieces(range(SIZE)) == old.pieces(range(SIZE))
    assert (old.vocabulary_size, new.vocabulary_size) == (SIZE, SIZE + 12)
    assert not set(added(old, new)) & set(old.pieces(range(SIZE)))


def test_missing_characters_come_first_the_most_frequent_before(old: Tokenizer):
    texts = ["ω ba", "ψψ ω ω", "χ"]
    assert missing_characters([old], [(text, 0) for text in texts]) == [("ω", 3), ("ψ", 2), ("χ", 1)]
    assert added(old, extension_of(old, 2, texts)) == ["ω", "ψ"]


def test_new_text_is_known_and_shorter(old: Tokenizer, new: Tokenizer):
    before, after = old.encode(NEW), new.encode(NEW)
    assert any(UNK_ID in ids for ids in before)
    assert not any(UNK_ID in ids for ids in after)
    assert sum(map(len, after)) < sum(map(len, before))
    assert new.decode(after) == NEW
    # Each new subword is used: one that no text has is one for nothing, but for steps on the way to others.
    used = set(new.pieces([id_ for ids in after for id_ in ids]))
    whole = [text for text in added(old, new) if not any(text in other for other in added(old, new) if other != text)]
    assert set(whole) <= used


def test_a_sentence_without_the_characters_of_a_new_subword_is_segmented_as_before(old: Tokenizer, new: Tokenizer):
    words = [word for word in OLD_WORDS if not any(piece in old.normalize(word) for piece in added(old, new))]
    assert len(set(words)) > 10
    untouched = [" ".join(GENERATOR.choices(words, k=6)) for _ in range(100)]
    assert new.encode(untouched) == old.encode(untouched)


def test_byte_pair_encoding_only_merges_what_it_had():
    old = tokenizer_of(OLD, TokenizerConfig(kind="bpe", vocabulary_size=SIZE), "keep")
    new = extension_of(old, 12)
    changed = 0
    for text in OLD:
        (before,), (after,) = old.encode([text]), new.encode([text])
        ends = [{len("".join(tokenizer.pieces(ids[:i]))) for i in range(len(ids) + 1)}
                for tokenizer, ids in ((old, before), (new, after))]  # fmt: skip
        assert ends[1] <= ends[0]
        changed += before != after
    assert changed


def test_unigram_scores_stay_in_their_range_to_which_that_of_unknown_characters_is_relative():
    old = tokenizer_of(OLD, TokenizerConfig(vocabulary_size=SIZE), "keep")
    new = extension_of(old, 12)
    known = [old.score(id_) for id_ in range(4, SIZE)]
    others = [new.score(id_) for id_ in range(SIZE, SIZE + 12)]
    assert min(known) <= min(others)
    assert max(others) <= max(known)


def test_merges_are_the_most_frequent_ones_of_what_those_before_have_left():
    # a b: 5 + 2 = 7; b c: 5; x y: 3. With ab made: ab c: 5, z ab: 2.
    words = {("a", "b", "c"): 5, ("z", "a", "b"): 2, ("x", "y"): 3}
    merges = learn_merges(words, 9, {"zab"})
    assert merges == [Merge("a", "b", 7), Merge("ab", "c", 5), Merge("x", "y", 3)]
    assert learn_merges(words, 1, set()) == merges[:1]


def test_the_most_frequent_words_are_kept_as_far_as_they_fit():
    words = {("a",): 1, ("b", "b"): 5, ("c", "c"): 5, ("d", "d", "d"): 2}
    assert most_frequent(words, 5) == {("b", "b"): 5, ("c", "c"): 5}
    assert most_frequent(words, 7) == {("b", "b"): 5, ("c", "c"): 5, ("d", "d", "d"): 2}


def test_repeated_subwords_are_merged_from_the_left():
    assert learn_merges({("a", "a", "a"): 3, ("a", "a"): 1}, 9, set()) == [Merge("a", "a", 7), Merge("aa", "a", 3)]


def test_digits_and_punctuation_are_not_merged():
    assert learn_merges({("1", "2"): 9, ("a", "."): 9, ("▁", "a"): 2}, 9, set()) == [Merge("▁", "a", 2)]


def test_sides_with_normalizations_of_their_own_are_extended_alike(old: Tokenizer):
    sides = [old.with_normalization("nmt_nfkc_cf"), old]
    source, target = extended(sides, [("ΩΩ BA", 0), ("Ψ", 1)], TokenizerConfig(extend_by=5))
    assert added(old, source) == added(old, target) == ["ω", "Ψ"]
    assert source.decode(source.encode(["Ω BA"])) == ["ω ba"]


def test_a_word_model_is_refused(old: Tokenizer):
    class Words(Tokenizer):
        def __init__(self) -> None:
            super().__init__(old.model)
            self.kind = "word"

    with pytest.raises(TokenizerError, match=r"^tokenizer\.extend_by needs a unigram or BPE model; .* is a word model"):
        extended([Words()], [], TokenizerConfig(extend_by=5))


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_symbols_are_no_characters_that_are_missing(kind: Literal["unigram", "bpe"]):
    base = tokenizer_of(OLD, TokenizerConfig(kind=kind, vocabulary_size=SIZE), "keep").with_symbols(["€"])
    settings = TokenizerConfig(extend_by=3, user_defined_symbols=("€", "<TAG>"))
    texts = [(f"<TAG> {text} €", 0) for text in NEW]
    (new,) = extended([base], texts, settings)
    assert added(base, new) == ["κ", "λ", "μ"]
