"""The searches over a real, if tiny, model: its cache is in step with the hypotheses, and limits are kept."""

import dataclasses
import gc
import itertools
import weakref
from collections.abc import Sequence
from typing import cast

import keras
import numpy as np
import pytest
import tensorflow as tf

from translator.config.schema import ModelConfig
from translator.decoding.engines.assembly import NEVER_WRITTEN, SPECIAL_IDS
from translator.decoding.engines.graphs import MOST_GRAPHS
from translator.decoding.engines.transformer import TransformerEngine
from translator.decoding.options import Hypothesis, SearchOptions
from translator.decoding.search.constraints import never
from translator.decoding.search.loop import Decoder, Step, search
from translator.decoding.search.scoring import Scoring
from translator.decoding.search.strategies import Beam, Greedy, Hypotheses
from translator.model.transformer import DecoderStep, Encoded, Transformer
from translator.vocabulary import BOS_ID, EOS_ID, PAD_ID, UNK_ID

V = 9
SOURCE = tf.constant([[4, 5, 6, EOS_ID], [8, EOS_ID, PAD_ID, PAD_ID], [7, 5, EOS_ID, PAD_ID]])
LIMITS = [2 * 4 + 1, 2 * 2 + 1, 2 * 3 + 1]  # max_length_factor · source tokens, EOS included, + max_length_margin


def options_of(beam_size: int) -> SearchOptions:
    return SearchOptions(beam_size, length_penalty=0.6, max_length_factor=2.0, max_length_margin=1)


@pytest.fixture(scope="module")
def model() -> Transformer:
    keras.utils.set_random_seed(1)
    config = ModelConfig(d_model=8, d_ff=8, num_heads=2, encoder_layers=1, decoder_layers=2)
    model = Transformer(config, V, V, max_positions=12)
    rng = np.random.default_rng(3)
    for variable in model.variables:
        variable.assign_add(rng.normal(0.0, 0.4, variable.shape))
    return model


def whole_prefix_search(model: Transformer, beam_size: int) -> Hypotheses:
    """The same search over a step without a cache: its state is the prefix, read anew from the beginning each time."""

    def step(token_ids: tf.Tensor, position: tf.Tensor, encoded: Encoded, prefixes: tf.Tensor):
        prefixes = tf.concat([prefixes, token_ids[:, None, None]], 2)  # [b · W, 1, t + 1]
        memories = tf.nest.map_structure(lambda x: tf.repeat(x, beam_size, 0), encoded)
        states = model.decode(prefixes[:, 0], memories).output[:, -1]
        return Step(model.logits(states), prefixes)

    encoded = model.encode(SOURCE)._replace(weights=())
    prefixes = tf.zeros([len(LIMITS) * beam_size, 1, 0], tf.int32)
    decoder = Decoder(step, encoded, prefixes, tf.TensorShape([None, 1, None]))
    scoring = Scoring(0.6)
    strategy = Greedy(SPECIAL_IDS, scoring) if beam_size == 1 else Beam(beam_size, SPECIAL_IDS, scoring)
    return search(decoder, tf.constant(LIMITS), strategy, [never(NEVER_WRITTEN)])


@pytest.mark.parametrize("beam_size", [1, 3])
def test_search_with_the_cache_equals_search_without_and_batch_mates_change_nothing(model: Transformer, beam_size: int):
    graph = TransformerEngine(model).graph(options_of(beam_size))
    found, expected = graph(SOURCE), whole_prefix_search(model, beam_size)
    np.testing.assert_array_equal(found.ids, expected.ids)
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-4)
    assert found.ids.shape == (3, beam_size, max(LIMITS))
    for row, limit in enumerate(LIMITS):
        assert (found.ids[row, :, limit:].numpy() == PAD_ID).all()
        alone = graph(SOURCE[row : row + 1, : np.count_nonzero(SOURCE[row])])
        np.testing.assert_array_equal(alone.ids[0], found.ids[row, :, :limit])
        np.testing.assert_allclose(alone.scores[0], found.scores[row], rtol=1e-4)


class EndlessModel:
    """Knows no EOS; writes 5, or else 6."""

    logits: tuple[float, ...] = (*(-1e4,) * 5, 2.0, 1.0)

    def encode(self, source_ids: tf.Tensor) -> Encoded:
        return Encoded((), source_ids != PAD_ID, ())

    def empty_cache(self, hypotheses: tf.Tensor, length: int = 0) -> tuple[()]:
        return ()

    def cache_shapes(self) -> tuple[()]:
        return ()

    def output_kernel(self) -> tf.Tensor:
        return tf.zeros([0, 7])

    def decode_step(
        self,
        token_ids: tf.Tensor,
        position: tf.Tensor,
        encoded: Encoded,
        cache: tuple[()],
        output_kernel: tf.Tensor,
        cache_length: int = 0,
    ):
        return DecoderStep(tf.tile([self.logits], [tf.size(token_ids), 1]), cache, ())


@pytest.mark.parametrize("beam_size", [1, 2])
def test_a_translation_without_end_stops_at_factor_times_source_tokens_plus_margin(beam_size: int):
    options = SearchOptions(beam_size, length_penalty=1.0, max_length_factor=1.5, max_length_margin=2)
    engine = TransformerEngine(cast(Transformer, EndlessModel()))
    found = engine.graph(options)(SOURCE)
    # EOS counts among the source tokens: 1.5 · 4 + 2, 1.5 · 2 + 2, and 1.5 · 3 + 2 rounded down.
    assert found.ids[:, 0].numpy().tolist() == [[5] * length + [PAD_ID] * (8 - length) for length in (8, 5, 6)]
    ((first, *_),) = engine.search([[4, 5, 6]], options)
    assert (first.ids, first.ended, first.length) == ((5,) * 8, False, 8)


@pytest.mark.parametrize("beam_size", [1, 3])
def test_no_translation_has_an_unknown_a_padding_or_a_beginning_inside(model: Transformer, beam_size: int):
    table = model.output_embedding.table
    before, graph = table.numpy(), TransformerEngine(model).graph(options_of(beam_size))
    try:
        changed = before.copy()
        changed[[PAD_ID, BOS_ID, UNK_ID]] *= 50.0  # far likelier than all others, or far less likely
        table.assign(changed)
        ids = graph(SOURCE).ids.numpy()
        lengths = (ids != PAD_ID).sum(-1)
    finally:
        table.assign(before)
    assert not np.isin(ids, [BOS_ID, UNK_ID]).any()
    for hypothesis, length in zip(ids.reshape(-1, ids.shape[-1]), lengths.ravel(), strict=True):
        assert PAD_ID not in hypothesis[:length]


@pytest.mark.parametrize("beam_size", [1, 3])
def test_hypotheses_are_the_graphs_without_padding_the_best_first(model: Transformer, beam_size: int):
    engine, options = TransformerEngine(model), options_of(beam_size)
    sources = [[4, 5, 6], [8], [7, 5]]
    found, graph = engine.search(sources, options), engine.graph(options)(SOURCE)
    for row, hypotheses in enumerate(found):
        assert [list(h.ids) for h in hypotheses] == [[i for i in ids if i != PAD_ID] for ids in graph.ids[row].numpy()]
        assert [h.score for h in hypotheses] == sorted(graph.scores[row].numpy().tolist(), reverse=True)
        for h in hypotheses:
            assert h.score == pytest.approx(h.log_prob / h.length**0.6, rel=1e-6)
            assert h.attention is None
    assert engine.search([], options) == []


def test_options_are_compiled_once(model: Transformer):
    engine = TransformerEngine(model)
    assert engine.graph(options_of(2)) is engine.graph(options_of(2)) is not engine.graph(options_of(3))


def test_the_graphs_that_were_used_last_are_kept_and_others_are_freed(model: Transformer):
    engine = TransformerEngine(model)
    used, unused = options_of(2), dataclasses.replace(options_of(1), length_penalty=9.0)
    kept = engine.graph(used)
    engine.search(SOURCES, unused)
    dropped = weakref.ref(engine.graph(unused))
    for number in range(MOST_GRAPHS):
        engine.graph(dataclasses.replace(used, length_penalty=number / 100))
        assert engine.graph(used) is kept
    gc.collect()
    assert dropped() is None


@pytest.mark.parametrize("beam_size", [1, 3])
def test_attention_is_that_of_reading_the_whole_translation_at_once(model: Transformer, beam_size: int):
    sources = [[4, 5, 6], [8], [7, 5]]
    engine, plain = TransformerEngine(model), options_of(beam_size)
    found = engine.search(sources, dataclasses.replace(plain, with_attention=True))
    assert found == engine.search(sources, plain)
    for source, (best, *others) in zip(sources, found, strict=True):
        target_in = [BOS_ID, *best.ids][: best.length]
        states = model.decode(tf.constant([target_in]), model.encode(tf.constant([[*source, EOS_ID]])))
        expected = np.stack([layer.cross_weights[0].numpy().mean(0) for layer in states.layers])
        assert best.attention is not None
        assert best.attention.shape == (2, best.length, len(source) + 1)
        np.testing.assert_allclose(best.attention, expected, atol=1e-6)
        assert all(other.attention is None for other in others)


class DivergedModel(EndlessModel):
    """Says NaN of every token."""

    logits = (np.nan,) * 7


@pytest.mark.parametrize("beam_size", [1, 2])
def test_a_model_that_has_diverged_still_gives_a_hypothesis_for_each_source(beam_size: int):
    found = TransformerEngine(cast(Transformer, DivergedModel())).search([[4, 5], [6]], options_of(beam_size))
    assert [len(hypotheses) for hypotheses in found] == [1, 1]


# Options that need the model


def reading(model: Transformer, source: Sequence[int], best: Hypothesis) -> tuple[np.ndarray, np.ndarray]:
    """What the model says of a hypothesis, read at once: log-probabilities [T, V], last attention [T, S]."""
    target_in = [BOS_ID, *best.ids][: best.length]
    states = model.decode(tf.constant([target_in]), model.encode(tf.constant([[*source, EOS_ID]])))
    logits = model.logits(states.output[0]).numpy()
    logits[:, list(NEVER_WRITTEN)] = -1e9
    return tf.nn.log_softmax(logits).numpy(), states.layers[-1].cross_weights[0].numpy().mean(0)


SOURCES = [[4, 5, 6], [8], [7, 5]]


@pytest.mark.parametrize("beam_size", [1, 3])
def test_log_probabilities_of_tokens_are_those_of_reading_the_translation_at_once(model: Transformer, beam_size: int):
    options = dataclasses.replace(options_of(beam_size), with_token_log_probs=True)
    for source, hypotheses in zip(SOURCES, TransformerEngine(model).search(SOURCES, options), strict=True):
        for each in hypotheses:
            log_probs, _ = reading(model, source, each)
            full = [*each.ids, EOS_ID][: each.length]
            assert each.token_log_probs == pytest.approx(log_probs[range(len(full)), full].tolist(), abs=1e-4)
            assert sum(each.token_log_probs or ()) == pytest.approx(each.log_prob, abs=1e-4)


def test_the_coverage_penalty_is_of_the_mean_of_the_heads_of_the_last_layer(model: Transformer):
    options = dataclasses.replace(options_of(3), coverage_penalty=0.3)
    for source, hypotheses in zip(SOURCES, TransformerEngine(model).search(SOURCES, options), strict=True):
        for each in hypotheses:
            _, attention = reading(model, source, each)
            penalty = 0.3 * np.log(np.minimum(attention.sum(0), 1.0)).sum()
            assert each.score == pytest.approx(each.log_prob / each.length**0.6 + penalty, abs=1e-4)


def texts(found: Sequence[Sequence[Hypothesis]]) -> list[list[tuple[int, ...]]]:
    return [[each.ids for each in hypotheses] for hypotheses in found]


def test_samples_are_of_the_seed_and_the_source_whatever_the_batch(model: Transformer):
    engine = TransformerEngine(model)
    options = dataclasses.replace(options_of(4), sample=True, seed=3, with_token_log_probs=True)
    together = engine.search(SOURCES, options)
    assert texts(together) == texts([engine.search([source], options)[0] for source in SOURCES])
    assert texts(together) == texts(engine.search(SOURCES[::-1], options)[::-1])
    assert texts(together) != texts(engine.search(SOURCES, dataclasses.replace(options, seed=4)))
    assert len(engine._guided) == 1  # another seed needs no other graph
    for source, hypotheses in zip(SOURCES, together, strict=True):
        assert len(hypotheses) == 4
        for each in hypotheses:
            log_probs, _ = reading(model, source, each)
            full = [*each.ids, EOS_ID][: each.length]
            assert each.token_log_probs == pytest.approx(log_probs[range(len(full)), full].tolist(), abs=1e-4)


@pytest.mark.parametrize("beam_size", [1, 3])
def test_translations_begin_with_their_own_prefixes(model: Transformer, beam_size: int):
    engine, prefixes = TransformerEngine(model), [[7, 7, UNK_ID], [], [6]]
    found = engine.search_after(SOURCES, prefixes, options_of(beam_size))
    for prefix, hypotheses in zip(prefixes, found, strict=True):
        assert all(list(each.ids[: len(prefix)]) == prefix for each in hypotheses)
    free = texts(engine.search(SOURCES, options_of(beam_size)))
    assert texts(found)[1] == free[1]
    assert texts(engine.search_after(SOURCES, [[], [], []], options_of(beam_size))) == free


def test_alternatives_are_the_likeliest_tokens_after_the_prefix(model: Transformer):
    options = dataclasses.replace(options_of(3), alternatives=True)
    (found,) = TransformerEngine(model).search_after([SOURCES[0]], [[7]], options)
    log_probs, _ = reading(model, SOURCES[0], Hypothesis((7, 7), 0.0, 0.0))
    firsts = [(*each.ids, EOS_ID)[1] for each in found]
    assert firsts == np.argsort(-log_probs[1])[:3].tolist()


@pytest.mark.parametrize("beam_size", [1, 3])
def test_lengths_keep_to_their_factors(model: Transformer, beam_size: int):
    options = dataclasses.replace(options_of(beam_size), min_length_factor=1.5)
    for source, hypotheses in zip(SOURCES, TransformerEngine(model).search(SOURCES, options), strict=True):
        assert all(each.length >= int(1.5 * (len(source) + 1)) for each in hypotheses)


@pytest.mark.parametrize("beam_size", [1, 3])
def test_no_phrase_and_no_ngram_comes_that_is_forbidden(model: Transformer, beam_size: int):
    options = dataclasses.replace(options_of(beam_size), suppressed=((5,), (6, 7)), no_repeat_ngram_size=2)
    for hypotheses in TransformerEngine(model).search(SOURCES, options):
        for each in hypotheses:
            pairs = list(itertools.pairwise(each.ids))
            assert 5 not in each.ids
            assert (6, 7) not in pairs
            assert len(set(pairs)) == len(pairs)
