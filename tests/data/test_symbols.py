"""User-defined symbols: one subword wherever they stand, in every library that splits text with the model."""

import itertools
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sentencepiece

from translator.config.load import load_config
from translator.config.schema import ConfigError
from translator.config.tokenizer import Normalization, TokenizerConfig
from translator.data.learning import train_tokenizer
from translator.data.sampling import Sampling
from translator.data.store import Sequences
from translator.data.tokenizer import Tokenizer, TokenizerError
from translator.export import tokenizer_json
from translator.vocabulary import UNK_ID

# One that case folding changes, one that NFKC changes, one of two frequent words, one character, one that is quoted
# in a list between commas, and one that begins as another does.
SYMBOLS = ("<2DE>", "＜x＞", "hausboot", "#", 'a,"b', "<2DE>x")
RNG = random.Random(3)
SYLLABLES = ["haus", "boot", "baum", "kind", "mann", "frau", "see", "berg", "x", "ein"]
WORDS = ["".join(RNG.choices(SYLLABLES, k=RNG.randint(1, 3))) for _ in range(60)]
SENTENCES = [" ".join(RNG.choices([*WORDS, *SYMBOLS], k=RNG.randint(2, 7))) for _ in range(300)]
# What is spelled as it is by every normalization.
PLACES = [
    "<2DE> haus boot", "haus<2DE>boot", "<2DE><2DE>", "hausbootboot haus", "ein#kind #", 'a,"b a,"ba', "<2DE>x<2DE> x",
    "see ＜x＞see", "#",
]  # fmt: skip


def learned(kind: str, normalization: Normalization = "keep", **settings: Any) -> Tokenizer:
    settings = {"vocabulary_size": 80 + 256 * bool(settings.get("byte_fallback")), **settings}
    config = TokenizerConfig.model_validate({"kind": kind, "user_defined_symbols": SYMBOLS, **settings})
    texts: list[tuple[str, Normalization]] = [(sentence, normalization) for sentence in SENTENCES]
    return train_tokenizer(texts, config).with_normalization(normalization)


@pytest.fixture(scope="module", params=itertools.product(["unigram", "bpe"], [False, True]), ids=str)
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    kind, byte_fallback = request.param
    return learned(kind, byte_fallback=byte_fallback)


def symbols_in(sentence: str) -> list[str]:
    """The symbols of a sentence from left to right, the longest first where two begin."""
    found, at = [], 0
    while at < len(sentence):
        here = max((s for s in SYMBOLS if sentence.startswith(s, at)), key=len, default="")
        found += [here] if here else []
        at += len(here) or 1
    return found


def those_of(tokenizer: Tokenizer, ids: list[int]) -> list[str]:
    return [piece for piece in tokenizer.pieces(ids) if piece in SYMBOLS]


def test_a_symbol_is_one_subword_and_comes_back_as_text(tokenizer: Tokenizer):
    assert tuple(tokenizer.symbols) == SYMBOLS
    for sentence, ids in zip(PLACES, tokenizer.encode(PLACES), strict=True):
        assert those_of(tokenizer, ids) == symbols_in(sentence)
        assert tokenizer.decode([ids]) == [sentence]


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
@pytest.mark.parametrize("normalization", ["nmt_nfkc", "nfkc_cf", "nmt_nfkc_cf"])
def test_normalization_leaves_symbols_as_they_are(kind: str, normalization: Normalization):
    tokenizer = learned(kind, normalization)
    ids = tokenizer.encode(["<2DE> ＜x＞ see"])
    assert tokenizer.pieces(ids[0]) == ["▁", "<2DE>", "▁", "＜x＞", "▁see"]
    assert tokenizer.decode(ids) == ["<2DE> ＜x＞ see"]


def test_symbols_of_the_corpus_teach_no_other_subword(tokenizer: Tokenizer):
    others = set(tokenizer.pieces(range(tokenizer.vocabulary_size))) - set(SYMBOLS)
    assert not [piece for piece in others if "2" in piece and not piece.startswith("<0x")]


def test_no_sample_breaks_a_symbol_up(tokenizer: Tokenizer):
    sentences = [*PLACES, *SENTENCES[:40]]
    plain = Sequences.of(tokenizer.encode(sentences))
    seen: set[tuple[int, ...]] = set()
    for epoch in range(10):
        drawn = Sampling((tokenizer, tokenizer), 0.4).draw(
            (plain, plain), (1, epoch), np.arange(len(sentences)), (10**6, 10**6)
        )
        ids = [row.tolist() for row in drawn.source]
        assert tokenizer.decode(ids) == sentences
        assert [those_of(tokenizer, row) for row in ids] == [symbols_in(sentence) for sentence in sentences]
        seen.update(tuple(row) for row in ids)
    assert len(seen) > len(sentences)


@pytest.mark.parametrize("normalization", ["keep", "nmt_nfkc"])
def test_tensorflow_text_gives_the_same_ids(tokenizer: Tokenizer, normalization: Normalization):
    tf_text = pytest.importorskip("tensorflow_text")
    ours = tokenizer.with_normalization(normalization)
    theirs = tf_text.SentencepieceTokenizer(ours.model)
    assert theirs.tokenize(PLACES + SENTENCES).to_list() == ours.encode(PLACES + SENTENCES)
    assert [text.decode() for text in theirs.detokenize(theirs.tokenize(PLACES)).numpy()] == PLACES


@pytest.mark.parametrize("normalization", ["keep", "nmt_nfkc"])
def test_hugging_faces_library_gives_the_same_ids_and_texts(tokenizer: Tokenizer, normalization: Normalization):
    library = pytest.importorskip("tokenizers", reason="tokenizers is not installed: pip install '.[huggingface]'")
    ours = tokenizer.with_normalization(normalization)
    assert tokenizer_json.refusal(ours) is None
    theirs = library.Tokenizer.from_str(tokenizer_json.converted(ours).decode())
    texts = [*PLACES, *SENTENCES, " #", "#  ", "  <2DE>  see ", "＜x＞ ＜y＞ ﬁ#ﬁ", "<2D <2DE"]
    ids = ours.encode(texts)
    assert [found.ids for found in theirs.encode_batch(texts)] == [[*row, 2] for row in ids]
    known = [row for row in ids if UNK_ID not in row]
    assert theirs.decode_batch(known) == ours.decode(known)


@pytest.mark.parametrize("symbols", [("kl", "lm"), ("kk",)])
def test_symbols_that_overlap_have_no_tokenizer_json(tokenizer: Tokenizer, symbols: tuple[str, ...]):
    reason = tokenizer_json.refusal(tokenizer.with_symbols(symbols))
    assert reason is not None
    assert reason.endswith(f": {symbols[0]}, {symbols[-1]}")


def test_an_existing_model_keeps_its_ids_and_gets_the_symbols_at_its_end(tmp_path: Path):
    words = (" ".join(RNG.choices(WORDS, k=5)) for _ in range(300))
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=words, model_prefix=str(tmp_path / "spm"), vocab_size=60, minloglevel=2
    )
    adopted = Tokenizer.adopt(tmp_path / "spm.model")
    known = next(piece for piece in adopted.pieces(range(10, 60)) if len(piece) > 1 and "▁" not in piece)
    tokenizer = adopted.with_symbols(["<new>", known])
    assert tokenizer.symbols == {known: adopted.pieces(range(60)).index(known), "<new>": adopted.vocabulary_size}
    assert tokenizer.pieces(range(adopted.vocabulary_size)) == adopted.pieces(range(adopted.vocabulary_size))
    (ids,) = tokenizer.encode([f"haus<new>{known}boot"])
    assert [piece for piece in tokenizer.pieces(ids) if piece in tokenizer.symbols] == ["<new>", known]
    assert tokenizer.decode([ids]) == [f"haus<new>{known}boot"]


def test_a_special_subword_of_an_existing_model_is_no_symbol(tokenizer: Tokenizer):
    with pytest.raises(TokenizerError, match="the symbol '<unk>' is one of the model's special subwords"):
        tokenizer.with_symbols(["<unk>"])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ('["<a>", "<b>", "<a>"]', "the symbol '<a>' is there twice"),
        ('[""]', "a symbol has at least one character; found an empty one"),
        ('["<a b>"]', "the symbol '<a b>' has a space or ▁, which SentencePiece writes for one"),
        ('["▁a"]', "the symbol '▁a' has a space or ▁"),
        ('["</s>"]', "the symbol '</s>' is how SentencePiece writes a subword of its own; take another"),
        ('["<0x0A>"]', "the symbol '<0x0A>' is how SentencePiece writes a subword of its own"),
        ('["a\\u0007"]', "the symbol 'a\\x07' has a control character"),
        (
            str([f"<{n}>" for n in range(7996)]),
            "vocabulary_size 8000 has no room for text: 7996 user_defined_symbols and what else is reserved make 8000",
        ),
    ],
)
def test_nonsense_is_one_line_with_what_was_found(given: str, message: str):
    with pytest.raises(ConfigError) as raised:
        load_config(
            Path("configs/quickstart.yaml"),
            ["tokenizer.vocabulary_size=8000", f"tokenizer.user_defined_symbols={given}"],
        )
    (line,) = str(raised.value).splitlines()
    assert message in line
