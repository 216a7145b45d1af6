"""Attribution of a model's margins against passes through the model, and of texts: words, contrasts, the command."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.command_line import command
from tests.inspect.test_alignment import make_run
from translator.config.schema import ModelConfig
from translator.decoding.options import OptionsError
from translator.inspect.attribution import margins as margins_module
from translator.inspect.attribution.attributor import AttributionOptions, Attributor, Contrast
from translator.inspect.attribution.margins import ANY_OTHER, ModelMargins, Presence, Questions
from translator.inspect.attribution.methods import METHODS, at_ends
from translator.model.attention.context import Context
from translator.model.transformer import Transformer

SOURCE, TARGET = np.array([5, 6, 7, 2], np.int32), np.array([1, 8, 9], np.int32)
CHOSEN = np.array([8, 9, 2], np.int32)
EVERY = Questions(np.arange(3, dtype=np.int32), CHOSEN, np.full(3, ANY_OTHER, np.int32))
TOKENS = len(SOURCE) + len(TARGET)


@pytest.fixture(scope="module")
def model() -> Transformer:
    keras.utils.set_random_seed(3)
    config = ModelConfig(d_model=8, d_ff=8, num_heads=2, encoder_layers=2, decoder_layers=2, dropout=0.0)
    return Transformer(config, 12, 12, 20)


@pytest.fixture(scope="module")
def of_model(model) -> ModelMargins:
    return ModelMargins(model)


@pytest.fixture(scope="module")
def attributor(tmp_path_factory) -> Attributor:
    return Attributor.load(make_run(tmp_path_factory.mktemp("runs") / "run"))


def log_odds(logits: np.ndarray) -> np.ndarray:
    """Of the chosen tokens, from [1, T, V] in float64."""
    probabilities = np.exp(logits.astype(float)) / np.exp(logits.astype(float)).sum(-1, keepdims=True)
    chosen = probabilities[0, np.arange(3), CHOSEN]
    return np.log(chosen / (1 - chosen))


def test_the_margin_with_all_tokens_is_the_log_odds_of_a_plain_pass(model, of_model):
    everything, _ = at_ends(of_model.of(SOURCE, TARGET, EVERY), TOKENS, 3)
    expected = log_odds(model(SOURCE[None], TARGET[None]).numpy())
    np.testing.assert_allclose(everything, expected, atol=1e-5)


def test_erasure_is_the_difference_to_a_pass_with_one_embedding_zero(model, of_model):
    found = METHODS["erasure"](of_model.of(SOURCE, TARGET, EVERY), TOKENS, 3, 1)
    plain = log_odds(model(SOURCE[None], TARGET[None]).numpy())
    for j in range(TOKENS):
        source, target = (np.ones([1, len(ids), 1], np.float32) for ids in (SOURCE, TARGET))
        if j < len(SOURCE):
            source[0, j] = 0
        else:
            target[0, j - len(SOURCE)] = 0
        contexts = [Context(tf.range(n), tf.range(n), tf.ones([1, n], tf.bool)) for n in (len(SOURCE), len(TARGET))]
        encoded = model.encode_vectors(model.source_embedding(SOURCE[None]) * source, contexts[0])
        states = model.decode_vectors(model.target_embedding(TARGET[None]) * target, contexts[1], encoded).output
        np.testing.assert_allclose(found[:, j], plain - log_odds(model.logits(states[0]).numpy()[None]), atol=1e-5)


def test_integrated_gradients_sum_to_what_all_tokens_change(of_model):
    margins = of_model.of(SOURCE, TARGET, EVERY)
    found = METHODS["integrated"](margins, TOKENS, 3, 200)
    everything, nothing = at_ends(margins, TOKENS, 3)
    assert found.dtype == np.float32
    assert np.abs(everything - nothing).max() > 0.5
    np.testing.assert_allclose(found.sum(1), everything - nothing, atol=0.01)


def test_gradient_times_input_is_the_slope_at_all_tokens(of_model):
    margins = of_model.of(SOURCE, TARGET, EVERY)
    found = METHODS["gradient"](margins, TOKENS, 3, 1)
    small = 0.01
    for j in range(TOKENS):
        step = small * np.eye(TOKENS, dtype=np.float32)[j]
        up, down = margins(
            Presence(tf.constant([1 + step, 1 - step]), tf.ones([2, TOKENS])), tf.constant([[0, 1, 2]] * 2)
        ).numpy()
        np.testing.assert_allclose(found[:, j], (up - down) / (2 * small), atol=0.02)


def test_without_the_values_of_the_source_nothing_depends_on_the_source(of_model):
    values = np.ones([1, TOKENS], np.float32)
    values[:, : len(SOURCE)] = 0
    one, other = (
        of_model.of(source, TARGET, EVERY)(
            Presence(tf.ones([1, TOKENS]), tf.constant(values)), tf.constant([[0, 1, 2]])
        )
        for source in (SOURCE, np.array([9, 4, 10, 2], np.int32))
    )
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_padding_whose_values_are_zeroed_changes_nothing(of_model):
    padded = np.array([*SOURCE, 0, 0], np.int32)
    found = METHODS["value-zeroing"](of_model.of(padded, TARGET, EVERY), TOKENS + 2, 3, 1)
    np.testing.assert_allclose(found[:, 4:6], 0, atol=1e-6)
    alone = METHODS["value-zeroing"](of_model.of(SOURCE, TARGET, EVERY), TOKENS, 3, 1)
    np.testing.assert_allclose(np.delete(found, [4, 5], 1), alone, atol=1e-5)
    assert np.abs(alone[:, :5]).min() > 1e-4


@pytest.mark.parametrize("method", list(METHODS))
def test_how_many_variants_are_read_together_changes_nothing(of_model, method, monkeypatch):
    expected = METHODS[method](of_model.of(SOURCE, TARGET, EVERY), TOKENS, 3, 2)
    monkeypatch.setattr(margins_module, "TOGETHER", 2 * TOKENS)
    np.testing.assert_allclose(METHODS[method](of_model.of(SOURCE, TARGET, EVERY), TOKENS, 3, 2), expected, atol=1e-5)


def test_scores_are_merged_to_words_by_sums_over_what_is_read_and_means_over_what_is_written(attributor):
    text = "bearant cat"
    tokens, words = (attributor.attribute(text, text, AttributionOptions(words=merged)) for merged in (False, True))
    n = len(tokens.source) - 1 - len(attributor.translator.source.encode(["cat"])[0])  # subwords of the first word
    assert n > 1
    assert words.source == ("bearant", "cat", "</s>") == words.target
    assert words.prefix == ("<s>", "bearant", "cat")
    np.testing.assert_allclose(words.source_scores[0, 0], tokens.source_scores[:n, :n].sum(1).mean(), rtol=1e-4)
    np.testing.assert_allclose(words.prefix_scores[0, 1], tokens.prefix_scores[:n, 1 : n + 1].sum(1).mean(), rtol=1e-4)
    np.testing.assert_allclose(words.source_scores[-1, -1], tokens.source_scores[-1, -1], rtol=1e-4)
    np.testing.assert_allclose(words.margins[0], tokens.margins[:n].mean(), rtol=1e-4)


def test_arrays_are_float32_and_shares_are_those_of_the_scores(attributor):
    found = attributor.attribute("ant bear cat.", "cat ant", AttributionOptions("integrated", words=False, steps=4))
    R, S, T = (len(each) for each in (found.target, found.source, found.prefix))
    assert (found.source_scores.shape, found.prefix_scores.shape) == ((R, S), (R, T))
    arrays = found.source_scores, found.prefix_scores, found.source_share, found.margins, found.baselines
    assert {each.dtype for each in arrays} == {np.dtype(np.float32)}
    assert not np.triu(found.prefix_scores, 1).any()
    of_source, of_prefix = (np.abs(each).sum(1) for each in arrays[:2])
    np.testing.assert_allclose(found.source_share, of_source / (of_source + of_prefix), rtol=1e-4)


def test_a_contrast_asks_about_the_first_subword_that_differs(attributor):
    options = AttributionOptions("erasure", Contrast("cat", 2), words=False)
    found = attributor.attribute("ant bear", "ant bear cat", options)
    ids, other = attributor.translator.target.encode(["ant bear cat", "ant cat cat"])
    place = next(i for i, (a, b) in enumerate(zip(ids, other, strict=False)) if a != b)
    assert [*found.target, found.instead] == attributor.translator.target.pieces([ids[place], other[place]])
    assert len(found.prefix) == place + 1
    model = attributor.margins.model
    source = np.array([[*attributor.translator.source.encode(["ant bear"])[0], 2]], np.int32)
    logits = model(source, np.array([[1, *ids[:place]]], np.int32)).numpy()[0, -1]
    np.testing.assert_allclose(found.margins, [logits[ids[place]] - logits[other[place]]], atol=1e-4)
    merged = attributor.attribute("ant bear", "ant bear cat", options._replace(words=True))
    assert (merged.target, merged.instead) == (("bear",), "cat")


def test_a_contrast_with_the_other_word_first_is_the_opposite(attributor):
    there, back = (
        attributor.attribute("ant bear", text, AttributionOptions("gradient", Contrast(instead, 1)))
        for text, instead in (("ant cat", "cat"), ("cat cat", "ant"))
    )
    np.testing.assert_allclose(there.source_scores, -back.source_scores, atol=1e-5)
    np.testing.assert_allclose(there.margins, -back.margins, atol=1e-5)


def test_without_a_translation_the_runs_own_is_explained(attributor):
    (own,) = attributor.translator.translate_text(["ant bear"])
    assert attributor.attribute("ant bear").json() == attributor.attribute("ant bear", own).json()


@pytest.mark.parametrize(
    ("pair", "contrast", "said"),
    [
        (("", ""), None, "there is nothing to explain"),
        (("ant " * 50, None), None, "the sentence has .* tokens; this model reads at most 30 at once"),
        (("ant", "ant " * 120), None, "the translation has .* tokens; this model reads at most .* at once"),
        (("ant", "bear cat"), Contrast("ant", 3), "there is no word 3: the translation has 2"),
        (("ant", "bear cat"), Contrast("cat", 2), '"cat" is what stands there: word 2 of the translation is "cat"'),
    ],
)
def test_what_cannot_be_explained_is_said_and_nothing_is_translated(attributor, pair, contrast, said, monkeypatch):
    monkeypatch.setattr(attributor.translator, "translate_text", lambda *_: pytest.fail("translated"))
    with pytest.raises(OptionsError, match=said):
        attributor.attribute(*pair, AttributionOptions(contrast=contrast))


@pytest.fixture
def call(attributor, monkeypatch, capsys):
    monkeypatch.setattr(Attributor, "load", lambda run, checkpoint, *_: attributor)

    def called(*arguments: object) -> tuple[int, list[str], str]:
        code, out, err = command(monkeypatch, capsys, "attribute", "run", *map(str, arguments))
        return code, out.splitlines(), " ".join(err.split())

    return called


def test_the_command_prints_what_python_gives(attributor, call):
    options = AttributionOptions("integrated", Contrast("cat", 2), words=False, steps=3)
    expected = attributor.attribute("ant bear.", "bear ant", options)
    arguments = "--method=integrated", "--instead=cat", "--at=2", "--tokens", "--steps=3", "--format=json"
    code, out, _ = call("ant bear.", "--target", "bear ant", *arguments)
    assert (code, out) == (0, [expected.json()])
    document = json.loads(out[0])
    assert np.array(document["source_scores"]).shape == (len(document["target"]), len(document["source"]))
    code, out, _ = call("ant bear.", "--target", "bear ant")
    assert (code, out) == (0, attributor.attribute("ant bear.", "bear ant").table().splitlines())
    assert [line.split()[0] for line in out] == ["margin", "bear", "ant", "</s>"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ant", "--instead=cat"], "--instead and --at go together"),
        (["ant", "--steps=8"], "--steps goes with --method integrated"),
        ([" "], "there is nothing to explain"),
    ],
)
def test_a_mistake_is_said_before_anything_is_loaded(call, monkeypatch, arguments, said):
    monkeypatch.setattr(Attributor, "load", lambda *_: pytest.fail("loaded"))
    code, _, err = call(*arguments)
    assert code == 2
    assert said in err
