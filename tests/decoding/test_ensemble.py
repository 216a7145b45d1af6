"""Several models as one: the mean of their probabilities at each step."""

import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf

from tests.decoding.test_scored import SOURCES, V, model_of
from translator.decoding.engines.assembly import NEVER_WRITTEN
from translator.decoding.engines.ensemble import EnsembleEngine, log_mean_probabilities
from translator.decoding.engines.transformer import TransformerEngine
from translator.decoding.options import OptionsError, SearchOptions
from translator.vocabulary import EOS_ID

OPTIONS = SearchOptions(3, length_penalty=0.6, max_length_factor=2.0, max_length_margin=1)


def test_probabilities_are_averaged():
    logits = [tf.math.log([[0.1, 0.9]]) + 7.0, tf.math.log([[0.5, 0.5]])]
    np.testing.assert_allclose(tf.exp(log_mean_probabilities(logits)), [[0.3, 0.7]], rtol=1e-6)


@pytest.mark.parametrize("beam_size", [1, 3])
@pytest.mark.parametrize("members", [1, 2, 3])
def test_an_ensemble_of_a_model_with_itself_is_the_model(beam_size: int, members: int):
    model, options = model_of(3), dataclasses.replace(OPTIONS, beam_size=beam_size)
    alone, ensemble = TransformerEngine(model), EnsembleEngine([model] * members)
    expected, found = alone.search(SOURCES, options), ensemble.search(SOURCES, options)
    for a, b in zip(itertools.chain(*expected), itertools.chain(*found), strict=True):
        assert a.ids == b.ids
        assert (a.score, a.log_prob) == pytest.approx((b.score, b.log_prob), abs=1e-5)
    targets = [[4, 5], [], [7], [8] * 9]
    for scored, same in zip(alone.score(SOURCES, targets), ensemble.score(SOURCES, targets), strict=True):
        np.testing.assert_allclose(scored, same, atol=1e-5)


def test_an_ensembles_hypotheses_are_the_best_of_all_by_the_mean_of_its_models_probabilities():
    """A beam as wide as all prefixes, of models of different sizes, against every translation there is."""
    models = [model_of(5), model_of(6, d_model=4)]
    options = SearchOptions(36, length_penalty=0.0, max_length_factor=0.0, max_length_margin=2)
    found = EnsembleEngine(models).search([[4, 5, 6]], options)[0]
    written = [token for token in range(V) if token not in {*NEVER_WRITTEN, EOS_ID}]
    source = tf.constant([[4, 5, 6, EOS_ID]])

    def next_probabilities(prefix: list[int]) -> np.ndarray:
        mean = np.mean([tf.nn.softmax(model(source, tf.constant([prefix]))[0, -1]) for model in models], 0)
        mean[list(NEVER_WRITTEN)] = 0.0
        return mean / mean.sum()

    first = next_probabilities([1])
    probabilities: dict[tuple[int, ...], float] = {(): first[EOS_ID]}
    for token in written:
        second = next_probabilities([1, token])
        probabilities[(token,)] = first[token] * second[EOS_ID]
        probabilities |= {(token, other): first[token] * second[other] for other in written}
    best = sorted(probabilities, key=lambda ids: -probabilities[ids])[: len(found)]
    assert [hypothesis.ids for hypothesis in found] == best
    np.testing.assert_allclose([np.exp(each.log_prob) for each in found], [probabilities[ids] for ids in best], 1e-4)


def test_a_hypothesis_of_an_ensemble_has_the_score_that_its_search_gave_it():
    engine = EnsembleEngine([model_of(5), model_of(6, d_model=4)])
    for source, hypotheses in zip(SOURCES, engine.search(SOURCES, OPTIONS), strict=True):
        for hypothesis in hypotheses:
            (log_probs,) = engine.score([source], [hypothesis.ids])
            assert sum(log_probs[: hypothesis.length]) == pytest.approx(hypothesis.log_prob, abs=1e-4)


def test_attention_has_the_layers_of_all_models():
    models = [model_of(5), model_of(6, d_model=4)]
    found = EnsembleEngine(models).search(SOURCES, dataclasses.replace(OPTIONS, with_attention=True))
    for source, (best, *_) in zip(SOURCES, found, strict=True):
        assert best.attention is not None
        assert best.attention.shape == (4, best.length, len(source) + 1)
        np.testing.assert_allclose(best.attention.sum(-1), 1.0, rtol=1e-5)


def test_models_of_other_vocabularies_are_refused():
    with pytest.raises(OptionsError, match=r"need one vocabulary; these have \[9, 10\] target subwords$"):
        EnsembleEngine([model_of(1), model_of(1, vocabulary=10)])
