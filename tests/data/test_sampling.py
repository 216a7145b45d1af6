import itertools
import math
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sentencepiece
from sentencepiece import sentencepiece_model_pb2

from tests.tokenizers import tokenizer_of
from translator.config.tokenizer import TokenizerConfig
from translator.data import segmentations
from translator.data.likeliest import NBEST, Likeliest
from translator.data.sampling import Drawn, Sampling
from translator.data.store import Sequences
from translator.data.tokenizer import Tokenizer, TokenizerError
from translator.data.units import Splitter, split
from translator.vocabulary import UNK_ID

RNG = random.Random(5)
SYLLABLES = ["haus", "boot", "baum", "kind", "mann", "frau", "see", "berg", "rot", "blau"]
WORDS = ["".join(RNG.choices(SYLLABLES, k=RNG.randint(1, 3))) for _ in range(60)]
SENTENCES = [" ".join(RNG.choices(WORDS, k=RNG.randint(1, 6))) for _ in range(80)]
ENDLESS = 10**6  # tokens that no sentence has


@pytest.fixture(scope="module", params=["unigram", "bpe"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    return tokenizer_of(SENTENCES, TokenizerConfig(kind=request.param, vocabulary_size=50))


@pytest.fixture(scope="module")
def unigram() -> Tokenizer:
    return tokenizer_of(SENTENCES, TokenizerConfig(vocabulary_size=50))


def plain(tokenizer: Tokenizer, sentences: list[str] = SENTENCES) -> tuple[Sequences, Sequences]:
    ids = tokenizer.encode(sentences)
    return Sequences.of(ids), Sequences.of(ids[::-1])


def draw(sampling: Sampling, seed: int = 1, epoch: int = 0, sentences: list[str] = SENTENCES) -> Drawn:
    sides = plain(sampling.tokenizers[0], sentences)
    return sampling.draw(sides, (seed, epoch), np.arange(len(sentences)), (ENDLESS, ENDLESS))


def lists(sequences: Sequences) -> list[list[int]]:
    return [ids.tolist() for ids in sequences]


def adopted(folder: Path, sentences: list[str] = SENTENCES, **options: Any) -> Tokenizer:
    """Of a SentencePiece model that has been trained with some options."""
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences), model_prefix=str(folder / "spm"), minloglevel=2, **options
    )
    return Tokenizer.adopt(folder / "spm.model")


def test_samples_spell_the_same_sentences(tokenizer: Tokenizer):
    drawn = draw(Sampling((tokenizer, tokenizer), 0.3))
    assert tokenizer.decode(lists(drawn.source)) == SENTENCES
    assert tokenizer.decode(lists(drawn.target)) == SENTENCES[::-1]
    assert lists(drawn.source) != tokenizer.encode(SENTENCES)
    assert drawn.plain == 0


def test_a_sample_depends_on_seed_epoch_and_row_alone(tokenizer: Tokenizer):
    sampling = Sampling((tokenizer, tokenizer), 0.3)
    whole = draw(sampling, 1, 0)
    assert lists(draw(sampling, 2, 0).source) != lists(whole.source) != lists(draw(sampling, 1, 1).source)
    rows = np.array([70, 3, 41])
    sides = plain(tokenizer)
    part = sampling.draw((sides[0].take(rows), sides[1].take(rows)), (1, 0), rows, (ENDLESS, ENDLESS))
    assert lists(part.source) == lists(whole.source.take(rows))
    assert lists(part.target) == lists(whole.target.take(rows))
    again = Sampling((Tokenizer(tokenizer.model), tokenizer), 0.3)
    assert lists(draw(again, 1, 0).source) == lists(whole.source)


def test_samples_are_the_same_in_another_process(tokenizer: Tokenizer, tmp_path: Path):
    # A resumed run is another process.
    tokenizer.save(tmp_path / "model")
    script = f"""
import numpy as np
from pathlib import Path
from translator.data.sampling import Sampling
from translator.data.store import Sequences
from translator.data.tokenizer import Tokenizer
tokenizer = Tokenizer.load(Path({str(tmp_path / "model")!r}))
ids = tokenizer.encode({SENTENCES!r})
sides = Sequences.of(ids), Sequences.of(ids[::-1])
drawn = Sampling((tokenizer, tokenizer), 0.3).draw(sides, (7, 2), np.arange(len(ids)), ({ENDLESS}, {ENDLESS}))
print([ids.tolist() for ids in drawn.source])
"""
    other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == str(lists(draw(Sampling((tokenizer, tokenizer), 0.3), 7, 2).source))


def test_forgotten_words_change_nothing(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch):
    expected = draw(Sampling((tokenizer, tokenizer), 0.3))
    monkeypatch.setattr(segmentations, "MOST_BYTES", 20_000)
    sampling = Sampling((tokenizer, tokenizer), 0.3)
    for _ in range(2):
        assert lists(draw(sampling).source) == lists(expected.source)
        assert lists(draw(sampling, sentences=SENTENCES[:9]).source) == lists(expected.source)[:9]


@pytest.mark.parametrize("alpha", [0.1, 0.5])
def test_a_sentence_takes_its_64_likeliest_segmentations_by_their_probability(unigram: Tokenizer, alpha: float):
    # SentencePiece's own n-best list is the oracle, for a sentence with more segmentations than that.
    sentence, draws = max(SENTENCES, key=len), 20_000
    processor = sentencepiece.SentencePieceProcessor(model_proto=unigram.model)
    best = processor.nbest_encode(sentence, nbest_size=NBEST)
    assert len(best) == NBEST
    weights = np.array([math.exp(alpha * sum(processor.get_score(piece) for piece in ids)) for ids in best])
    expected = {tuple(ids): weight for ids, weight in zip(best, weights / weights.sum(), strict=True)}
    drawn = draw(Sampling((unigram, unigram), alpha), sentences=[sentence] * draws)
    found = Counter(map(tuple, lists(drawn.source)))
    assert found.keys() <= expected.keys()
    for ids, probability in expected.items():
        deviation = math.sqrt(draws * probability * (1 - probability))
        assert abs(found[ids] - draws * probability) < 5 * deviation + 1


def test_every_sentence_has_the_n_best_list_of_sentencepiece(unigram: Tokenizer):
    assert_n_best_lists(unigram, SENTENCES)


def assert_n_best_lists(unigram: Tokenizer, sentences: list[str]) -> None:
    processor = sentencepiece.SentencePieceProcessor(model_proto=unigram.model)
    sampling = Sampling((unigram, unigram), 0.2)
    units = split(sampling._splitters, plain(unigram, sentences))
    likeliest = Likeliest(sampling.tokenizers, sampling._remembered, units, 0.01)
    for weights_to, sentence in zip(likeliest._cumulative, sentences, strict=False):
        scores = [
            sum(processor.get_score(id_) for id_ in ids) for ids in processor.nbest_encode(sentence, nbest_size=NBEST)
        ]
        weights = np.diff(weights_to, prepend=0.0)
        gaps = -np.log(weights[weights > 0]) / 0.01
        assert gaps == pytest.approx(scores[0] - np.array(scores), rel=1e-4, abs=1e-2)


def test_bpe_dropout_gives_more_subwords_the_more_it_drops():
    tokenizer = tokenizer_of(SENTENCES, TokenizerConfig(kind="bpe", vocabulary_size=50))
    tokens = [len(draw(Sampling((tokenizer, tokenizer), alpha)).source.ids) for alpha in (0.01, 0.3, 0.99)]
    assert tokens == sorted(tokens)
    assert tokens[2] / sum(len(sentence) + 1 for sentence in SENTENCES) > 0.95  # nearly a subword for a character


def test_words_of_a_bpe_model_are_drawn_one_by_one():
    tokenizer = tokenizer_of(SENTENCES, TokenizerConfig(kind="bpe", vocabulary_size=50))
    drawn = draw(Sampling((tokenizer, tokenizer), 0.4), sentences=["hausboot hausboot"] * 200)
    halves = [(tuple(ids[: len(ids) // 2]), tuple(ids[len(ids) // 2 :])) for ids in lists(drawn.source)]
    assert sum(one != other for one, other in halves) > 50


def test_a_draw_that_is_too_long_is_drawn_again_then_plain(tokenizer: Tokenizer):
    sampling = Sampling((tokenizer, tokenizer), 0.01 if tokenizer.kind == "unigram" else 0.05)
    sentences = [sentence for sentence in SENTENCES if len(tokenizer.encode([sentence])[0]) == 10] * 10
    (source, target), rows = plain(tokenizer, sentences), np.arange(len(sentences) or 1)
    tight = sampling.draw((source, target), (1, 0), rows, (10, ENDLESS))
    free = draw(sampling, sentences=sentences)
    assert tight.source.lengths.max() == 10 < free.source.lengths.max()
    fitted = rows[free.source.lengths <= 10]
    assert lists(tight.source.take(fitted)) == lists(free.source.take(fitted))
    assert lists(tight.target) == lists(free.target)
    assert 0 < tight.plain < len(sentences) - len(fitted)  # some fitted when drawn again


def test_an_unknown_character_stays_and_what_is_beside_it_is_drawn(tokenizer: Tokenizer):
    drawn = draw(Sampling((tokenizer, tokenizer), 0.1), sentences=["犬hausboot kindmannfrau"] * 50)
    (plain,) = tokenizer.encode(["犬hausboot"])
    assert plain.count(UNK_ID) == 1
    assert all(ids[:2] == plain[:2] and ids.count(UNK_ID) == 1 for ids in lists(drawn.source))
    assert len({tuple(ids[2:]) for ids in lists(drawn.source)}) > 1


def test_text_without_spaces_falls_apart_where_no_subword_holds_both_characters(tokenizer: Tokenizer):
    sentences = ["".join(RNG.choices(SYLLABLES, k=12)) for _ in range(20)]
    sides = plain(tokenizer, sentences)
    splitter = Splitter(tokenizer)
    pieces = tokenizer.pieces(range(UNK_ID + 1, tokenizer.vocabulary_size))
    for ids, begins in zip(sides[0], np.split(splitter.begins(sides[0]), sides[0].offsets[1:-1]), strict=True):
        texts = tokenizer.pieces(ids.tolist())
        expected = [not any(a[-1] + b[0] in piece for piece in pieces) for a, b in itertools.pairwise(texts)]
        assert begins.tolist() == [True, *expected]
    units = split((splitter, splitter), sides)
    assert len(units.keys) > 4 * len(sentences)
    drawn = draw(Sampling((tokenizer, tokenizer), 0.1), sentences=sentences)
    assert tokenizer.decode(lists(drawn.source)) == sentences
    assert lists(drawn.source) != tokenizer.encode(sentences)


def test_text_without_spaces_has_the_n_best_list_of_sentencepiece(unigram: Tokenizer):
    assert_n_best_lists(unigram, ["".join(RNG.choices(SYLLABLES, k=7)) for _ in range(20)])


def test_subwords_may_have_a_space_inside(tmp_path: Path):
    sentences = [*SENTENCES, *["haus boot haus boot"] * 200]
    tokenizer = adopted(tmp_path, sentences, vocab_size=60, split_by_whitespace=False)
    assert any("▁" in piece[1:] for piece in tokenizer.pieces(range(tokenizer.vocabulary_size)))
    drawn = draw(Sampling((tokenizer, tokenizer), 0.1))
    assert tokenizer.decode(lists(drawn.source)) == SENTENCES


@pytest.mark.parametrize("kind", ["word", "char"])
def test_a_model_whose_sentences_have_one_segmentation_is_refused(kind: str, tmp_path: Path):
    tokenizer = adopted(tmp_path, model_type=kind, vocab_size=20, use_all_vocab=kind == "char")
    with pytest.raises(
        TokenizerError, match=rf"^tokenizer\.sampling_alpha needs .* tokenizer\.model is a {kind} model"
    ):
        Sampling((tokenizer, tokenizer), 0.3)


def test_no_draw_has_unknown_subwords_where_the_plain_segmentation_has_none(tmp_path: Path):
    # A BPE model with merges of characters that are no subwords themselves.
    adopted(tmp_path, model_type="bpe", vocab_size=60)
    model = sentencepiece_model_pb2.ModelProto.FromString((tmp_path / "spm.model").read_bytes())
    kept = [piece for piece in model.pieces if piece.piece not in ("h", "b", "m")]
    del model.pieces[:]
    model.pieces.extend(kept)
    (tmp_path / "spm.model").write_bytes(model.SerializeToString())
    tokenizer = Tokenizer.adopt(tmp_path / "spm.model")
    sentences = [sentence for sentence in SENTENCES if UNK_ID not in tokenizer.encode([sentence])[0]]
    assert any("haus" in sentence for sentence in sentences)
    drawn = draw(Sampling((tokenizer, tokenizer), 0.3), sentences=sentences)
    assert tokenizer.decode(lists(drawn.source)) == sentences
    assert lists(drawn.source) != tokenizer.encode(sentences)


def test_models_of_two_kinds_are_refused(unigram: Tokenizer):
    bpe = tokenizer_of(SENTENCES, TokenizerConfig(kind="bpe", vocabulary_size=50))
    with pytest.raises(TokenizerError, match=r"^tokenizer\.sampling_alpha means one thing for a unigram model and"):
        Sampling((unigram, bpe), 0.1)
