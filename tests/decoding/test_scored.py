"""Given translations: the same numbers as the search has for its own, whatever the length of a pair."""

import itertools
import logging
import math
import random
from collections.abc import Sequence

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.tokenizers import tokenizer_of
from translator.config.schema import ModelConfig
from translator.config.tokenizer import TokenizerConfig
from translator.data.tokenizer import Tokenizer
from translator.decoding.engines.assembly import NEVER_WRITTEN
from translator.decoding.engines.forced import log_probs_of
from translator.decoding.engines.saved_model import SavedModelEngine
from translator.decoding.engines.transformer import TransformerEngine
from translator.decoding.options import Hypothesis, OptionsError, ScoringEngine, SearchOptions
from translator.decoding.pieces import Cutter
from translator.decoding.scored import TOGETHER, Pair, PairCutter, Scored, batches_of
from translator.decoding.translator import Translator
from translator.model.transformer import Transformer
from translator.vocabulary import EOS_ID, UNK_ID

V = 9
SOURCES = [[4, 5, 6], [8], [7, 5], [6] * 7]
WORDS = ["ant", "bear", "cat", "dog", "eel", "fox", "gnu", "hen", "ibis", "jay"]
GENERATOR = random.Random(4)
SENTENCES = [" ".join(GENERATOR.choices(WORDS, k=GENERATOR.randint(1, 8))) + "." for _ in range(80)]


def model_of(seed: int, vocabulary: int = V, d_model: int = 8) -> Transformer:
    keras.utils.set_random_seed(seed)
    config = ModelConfig(d_model=d_model, d_ff=8, num_heads=2, encoder_layers=1, decoder_layers=2)
    model = Transformer(config, vocabulary, vocabulary, max_positions=12)
    rng = np.random.default_rng(seed)
    for variable in model.variables:
        variable.assign_add(rng.normal(0.0, 0.4, variable.shape))
    return model


@pytest.fixture(scope="module")
def engine() -> TransformerEngine:
    return TransformerEngine(model_of(3))


# The engine


@pytest.mark.parametrize("beam_size", [1, 4])
def test_a_hypothesis_has_the_log_probability_that_the_search_gave_it(engine: TransformerEngine, beam_size: int):
    options = SearchOptions(beam_size, length_penalty=0.6, max_length_factor=2.0, max_length_margin=1)
    found = engine.search(SOURCES, options)
    pairs = [(source, hypothesis) for source, each in zip(SOURCES, found, strict=True) for hypothesis in each]
    scores = engine.score([source for source, _ in pairs], [hypothesis.ids for _, hypothesis in pairs])
    assert len({hypothesis.ended for _, hypothesis in pairs}) == min(2, beam_size), "none was cut off, or all were"
    for (_, hypothesis), log_probs in zip(pairs, scores, strict=True):
        assert len(log_probs) == len(hypothesis.ids) + 1
        assert sum(log_probs[: hypothesis.length]) == pytest.approx(hypothesis.log_prob, abs=1e-4)


def test_the_probabilities_of_all_continuations_of_a_prefix_sum_to_one(engine: TransformerEngine):
    written = [token for token in range(V) if token not in {*NEVER_WRITTEN, EOS_ID}]
    scores = engine.score([SOURCES[0]] * len(written), [[4, token] for token in written])
    (ends,) = engine.score([SOURCES[0]], [[4]])
    assert sum(math.exp(log_probs[1]) for log_probs in scores) + math.exp(ends[1]) == pytest.approx(1, abs=1e-5)


def test_batch_mates_change_nothing(engine: TransformerEngine):
    targets = [[5], [4, 6, 8, 7, 5], [], [4] * 9]
    together = engine.score(SOURCES, targets)
    for source, target, log_probs in zip(SOURCES, targets, together, strict=True):
        np.testing.assert_allclose(engine.score([source], [target])[0], log_probs, atol=1e-5)
    assert engine.score([], []) == []


def test_an_unknown_token_has_its_probability_among_all_and_the_others_theirs_without_it():
    logits = tf.math.log([[0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.4]])
    found = log_probs_of(logits, tf.constant([2, 3, 1]), never_written=(0, 1))
    np.testing.assert_allclose(tf.exp(found), [3 / 7, 4 / 7, 0.2], rtol=1e-6)


def test_a_hopeless_token_has_a_finite_log_probability():
    assert log_probs_of(tf.constant([[0.0, 300.0]]), tf.constant([0]), ()).numpy() == pytest.approx(-300)


# Batches and pieces


def test_batches_hold_each_pair_once_and_stay_within_their_positions():
    rng = random.Random(1)
    pairs = [Pair([4] * rng.randint(0, 300), [5] * rng.randint(0, 300)) for _ in range(200)]
    pairs.append(Pair([4] * TOGETHER, [5]))
    batches = list(batches_of(pairs))
    assert sorted(itertools.chain(*batches)) == list(range(len(pairs)))
    for batch in batches:
        longest = [max(len(pairs[i][side]) for i in batch) for side in (0, 1)]
        assert len(batch) == 1 or len(batch) * (sum(longest) + 3) <= TOGETHER
    assert list(batches_of([])) == []


@pytest.mark.parametrize(("source", "target"), [(50, 60), (500, 3), (0, 400), (41, 1), (1000, 1000), (7, 11)])
def test_pieces_hold_all_tokens_of_a_pair_and_fit(source: int, target: int):
    rng = random.Random(source)
    cutter = Cutter(["<pad>", "▁a", "b", ".", ",", "▁C"])
    pair = Pair(rng.choices(range(1, 6), k=source), rng.choices(range(1, 6), k=target))
    pieces = PairCutter(cutter, cutter, 40, 50).cut(pair)
    assert [[token for piece in pieces for token in piece[side]] for side in (0, 1)] == list(pair)
    assert all(len(piece.source) <= 40 and len(piece.target) <= 50 for piece in pieces)
    assert (len(pieces) == 1) == (source <= 40 and target <= 50)


def test_a_long_pair_is_cut_at_the_ends_of_its_sentences():
    cutter = Cutter(["<pad>", "▁dogs", "."])
    pair = Pair([1] * 9 + [2] + [1] * 9 + [2], [1] * 11 + [2] + [1] * 7 + [2])
    pieces = PairCutter(cutter, cutter, 15, 100).cut(pair)
    assert [(len(piece.source), len(piece.target)) for piece in pieces] == [(10, 12), (10, 8)]


# Text


class CountingEngine:
    """Each token has the log-probability −1, and EOS −0.5."""

    def search(self, sources: Sequence[Sequence[int]], options: SearchOptions) -> list[list[Hypothesis]]:
        raise AssertionError("scoring does not search")

    def score(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[list[float]]:
        return [[-1.0] * len(target) + [-0.5] for target in targets]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return tokenizer_of(SENTENCES, TokenizerConfig(vocabulary_size=35))


def translator_of(tokenizer: Tokenizer, engine: object, max_source_tokens: int = 200) -> Translator:
    options = SearchOptions(2, length_penalty=1.0, max_length_factor=1.0, max_length_margin=5)
    return Translator((tokenizer, tokenizer), engine, options, max_source_tokens, 8)  # type: ignore[arg-type]


def test_each_pair_gives_its_score_in_order(tokenizer: Tokenizer):
    scores = translator_of(tokenizer, CountingEngine()).score(SENTENCES[:40], SENTENCES[40:])
    for target, found in zip(SENTENCES[40:], scores, strict=True):
        ids = tokenizer.encode([target])[0]
        assert found.log_prob == -len(ids) - 0.5
        assert found.mean == found.log_prob / (len(ids) + 1)
        assert found.tokens == (*tokenizer.pieces(ids), "</s>")
        assert found.token_log_probs == (-1.0,) * len(ids) + (-0.5,)
        assert found.pieces == 1


def test_a_pair_of_blank_lines_is_certain_and_a_blank_translation_is_the_end_alone(tokenizer: Tokenizer):
    translator = translator_of(tokenizer, TransformerEngine(model_of(1, 35)))
    both, target, source = translator.score(["", "ant bear", " "], [" \t", "", "ant bear"])
    assert both == Scored(0.0, (), (), 0)
    assert (both.mean, target.tokens, target.pieces, source.pieces) == (0.0, ("</s>",), 1, 1)
    assert all(math.isfinite(found.log_prob) and found.log_prob < 0 for found in (target, source))


def test_a_long_pair_is_scored_in_pieces_and_named(tokenizer: Tokenizer, caplog: pytest.LogCaptureFixture):
    long = " ".join(SENTENCES[:30])
    (ids,) = tokenizer.encode([long])
    with caplog.at_level(logging.WARNING):
        short, found = translator_of(tokenizer, CountingEngine(), 100).score(["ant", long], ["ant", long], 7)
    assert short.pieces == 1 < found.pieces
    assert found.log_prob == -len(ids) - 0.5 * found.pieces
    assert [token for token in found.tokens if token != "</s>"] == tokenizer.pieces(ids)
    assert [record.getMessage() for record in caplog.records] == [
        f"line 8 is longer than the model is made for: scored in {found.pieces} pieces"
    ]


def test_a_translation_as_long_as_the_search_may_write_it_is_left_whole(tokenizer: Tokenizer):
    translator = translator_of(tokenizer, CountingEngine(), 20)
    (subword,) = (ids for ids in range(4, 35) if tokenizer.pieces([ids]) == ["▁"])
    cutter = translator._scorer.cutter
    assert len(cutter.cut(Pair([subword], [subword] * 26))) == 1  # 1.0 · (20 + EOS) + 5
    assert len(cutter.cut(Pair([subword], [subword] * 27))) == 2


def test_characters_that_the_vocabulary_lacks_are_scored(tokenizer: Tokenizer):
    assert UNK_ID in tokenizer.encode(["ant ☃"])[0]
    (found,) = translator_of(tokenizer, TransformerEngine(model_of(1, 35))).score(["ant"], ["ant ☃"])
    assert math.isfinite(found.log_prob)


def test_what_cannot_be_scored_is_one_line(tokenizer: Tokenizer):
    translator = translator_of(tokenizer, CountingEngine())
    with pytest.raises(OptionsError, match=r"^1 sources but 2 targets; scoring needs one for each$"):
        translator.score(["ant"], ["ant", "bear"])
    with pytest.raises(TypeError, match="for one sentence, pass"):
        translator.score(["ant"], "ant")
    assert not issubclass(SavedModelEngine, ScoringEngine)
    exported = translator_of(tokenizer, SavedModelEngine.__new__(SavedModelEngine))
    with pytest.raises(OptionsError, match=r"^SavedModelEngine cannot score given translations.*Translator\.load"):
        exported.score(["ant"], ["ant"])


def test_progress_counts_pairs(tokenizer: Tokenizer):
    seen: list[tuple[int, int]] = []
    translator_of(tokenizer, CountingEngine()).score(
        [*SENTENCES[:9], ""], [*SENTENCES[:9], ""], on_progress=lambda done, total: seen.append((done, total))
    )
    assert seen[-1] == (9, 9)
