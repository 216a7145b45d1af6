"""A sentence's translation does not depend on the sentences beside it, nor on their order."""

import keras
import numpy as np
import pytest

from translator.config.schema import ModelConfig
from translator.data.batches import length_sorted
from translator.decoding.engines.transformer import TransformerEngine
from translator.decoding.options import Hypothesis, SearchOptions
from translator.model.transformer import Transformer

V, SENTENCES = 90, 64


@pytest.fixture(scope="module", params=[("pre", "sinusoidal"), ("post", "learned")], ids="-".join)
def engine(request: pytest.FixtureRequest) -> TransformerEngine:
    norm, positions = request.param
    keras.utils.set_random_seed(1)
    config = ModelConfig(
        d_model=32, d_ff=64, num_heads=4, encoder_layers=2, decoder_layers=2, norm=norm, positions=positions
    )
    model = Transformer(config, V, V, max_positions=24)
    rng = np.random.default_rng(2)
    for variable in model.variables:  # initial weights translate all sentences alike
        variable.assign_add(rng.normal(0.0, 0.3, variable.shape))
    return TransformerEngine(model)


@pytest.fixture(scope="module")
def sources() -> list[list[int]]:
    rng = np.random.default_rng(3)
    return [rng.integers(4, V, rng.integers(0, 20)).tolist() for _ in range(SENTENCES)]


@pytest.mark.parametrize("beam_size", [1, 4])
def test_a_sentence_alone_in_a_batch_and_in_a_sorted_one_has_the_same_translation(
    engine: TransformerEngine, sources: list[list[int]], beam_size: int
) -> None:
    options = SearchOptions(beam_size, length_penalty=1.0, max_length_factor=1.0, max_length_margin=5)
    alone = [engine.search([source], options)[0] for source in sources]
    assert len({found[0].ids for found in alone}) > SENTENCES / 2  # the sources matter
    require_equal(engine.search(sources, options), alone)
    for size in (64, 7):
        for batch in length_sorted(sources, size):
            together = engine.search([sources[i] for i in batch], options)
            require_equal(together, [alone[i] for i in batch])


def require_equal(found: list[list[Hypothesis]], expected: list[list[Hypothesis]]) -> None:
    """The same translations, and scores of all hypotheses within 1e-4."""
    assert [best.ids for best, *_ in found] == [best.ids for best, *_ in expected]
    for hypotheses, others in zip(found, expected, strict=True):
        scores, other_scores = ([each.score for each in side] for side in (hypotheses, others))
        np.testing.assert_allclose(scores, other_scores, atol=1e-4)
