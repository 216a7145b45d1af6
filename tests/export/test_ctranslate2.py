"""A model in CTranslate2's format, and CTranslate2 as an engine, compared with the model itself."""

import builtins
import dataclasses
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.inspect.test_alignment import make_run
from translator.config.schema import ModelConfig
from translator.decoding.engines import ctranslate2 as engines
from translator.decoding.engines.ctranslate2 import CTranslate2Engine, CTranslate2Error
from translator.decoding.options import OptionsError, SearchOptions
from translator.decoding.translator import Translator
from translator.evaluation.bootstrap import bleu_difference
from translator.evaluation.scores import corpus_bleu
from translator.export import ctranslate2, formats
from translator.export.comparisons import log_probs
from translator.inspect.alignment import Aligner
from translator.model.build import build_model
from translator.model.transformer import Transformer
from translator.model.weights import get_weights, set_weights
from translator.run_folder import RunFolder

pytest.importorskip("ctranslate2", reason="ctranslate2 is not installed: pip install '.[ctranslate2]'")

FIXTURE = Path(__file__).parents[1] / "fixtures" / "run_folder_0_1.tar.xz"
OPTIONS = SearchOptions(beam_size=1, length_penalty=1.0, max_length_factor=1.5, max_length_margin=5)
VARIANTS = [
    ("pre", "relu", "sinusoidal", "all"),
    ("post", "gelu", "learned", "target"),
    ("pre", "swiglu", "learned", "none"),
    ("post", "relu", "sinusoidal", "none"),
    ("pre", "gelu", "sinusoidal", "target"),
    ("post", "swiglu", "learned", "all"),
]
SHARED = {"encoder": {"key_value_heads": 2}, "decoder": {"key_value_heads": 1}, "cross": {"key_value_heads": 2}}
UNSCALED = {place: {"score": "dot_product", "chunk": 2} for place in ("encoder", "decoder", "cross")}
KINDS: list[tuple[str, dict[str, Any]]] = [
    ("rotary", {}), ("shaw", {}), ("none", {}), ("sinusoidal", SHARED), ("rotary", SHARED), ("learned", UNSCALED),
]  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    with tarfile.open(FIXTURE) as archive:
        archive.extractall(folder, filter="data")
    return folder


def models() -> Iterator[ModelConfig]:
    sizes = {"d_model": 24, "d_ff": 40, "encoder_layers": 2, "decoder_layers": 1, "layer_norm_epsilon": 1e-2}
    names = "norm", "activation", "positions", "tied_embeddings"
    for choices in VARIANTS:
        yield ModelConfig.model_validate(sizes | {"num_heads": 3} | dict(zip(names, choices, strict=True)))
    for positions, attention in KINDS:
        settings = {"num_heads": 4, "decoder_layers": 2, "positions": positions, "attention": attention}
        yield ModelConfig.model_validate(sizes | settings)


def shown(model: ModelConfig) -> str:
    changed = ({"place": place} | each.model_dump(exclude_defaults=True) for place, each in model.attention.in_places())
    parts = "".join(f"-{value}" for each in changed if len(each) > 1 for value in each.values())
    return f"{model.norm}-{model.activation}-{model.positions}-{model.tied_embeddings}{parts}"


@pytest.fixture(scope="module", params=models(), ids=shown)
def both(request, runs: Path) -> tuple[Translator, CTranslate2Engine]:
    """A random model as the run has it, with ε far from the usual, and as CTranslate2 has it."""
    model = request.param
    trained = Translator.load(runs / "default")
    config = RunFolder(runs / "default").load_config().model_copy(update={"model": model})
    keras.utils.set_random_seed(7)
    built = build_model(config, trained.source, trained.target)
    rng = np.random.default_rng(7)
    # Norms and biases too: as they are initialized they would hide that one of them is lost.
    set_weights(
        built.named_weights(),
        {name: a + rng.normal(0, 0.3, a.shape) for name, a in get_weights(built.named_weights()).items()},
        Path("random"),
    )
    translator = Translator.of_model(built, trained.source, trained.target, config, OPTIONS)
    folder = runs / shown(model)
    ctranslate2.write(translator, folder, "float32")
    return translator, CTranslate2Engine.of(folder, translator.source, translator.target)


def random_ids(count: int, longest: int, vocabulary: int, seed: int = 3) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [rng.integers(3, vocabulary, rng.integers(1, longest)).tolist() for _ in range(count)]


def test_given_translations_have_the_models_log_probabilities(both):
    translator, engine = both
    vocabulary = translator.source.vocabulary_size
    sources, targets = random_ids(20, 25, vocabulary), random_ids(20, 25, vocabulary, seed=4)
    ours = log_probs(translator.engine, [(s, t, True) for s, t in zip(sources, targets, strict=True)])
    theirs = np.array(engine.log_probs(sources, targets))
    assert ours.std() > 10  # the pairs differ
    np.testing.assert_allclose(theirs / [len(t) + 1 for t in targets], ours / [len(t) + 1 for t in targets], atol=1e-4)


def test_greedy_search_finds_the_same_with_the_same_scores(both):
    translator, engine = both
    sources = random_ids(30, 25, translator.source.vocabulary_size)
    ours, theirs = (each.search(sources, OPTIONS) for each in (translator.engine, engine))
    assert sum(a[0].ids == b[0].ids for a, b in zip(ours, theirs, strict=True)) >= 29
    for (a, *_), (b, *_) in zip(ours, theirs, strict=True):
        if a.ids == b.ids:
            assert a.ended == b.ended
            assert b.score == pytest.approx(a.score, abs=1e-4)
            assert b.log_prob == pytest.approx(a.log_prob, rel=1e-4)


SUBWORDS = ["<pad>", "<s>", "</s>", "<unk>", *"abcdefgh"]


@pytest.fixture(scope="module", params=[None, 2, 1], ids=lambda shared: f"{shared or 'own'} keys")
def small(request) -> Transformer:
    """A random model of 4 heads, whose cross-attention may share keys."""
    sizes = {"d_model": 16, "d_ff": 8, "num_heads": 4, "encoder_layers": 1, "decoder_layers": 2}
    config = ModelConfig.model_validate({**sizes, "attention": {"cross": {"key_value_heads": request.param}}})
    built, rng = Transformer(config, len(SUBWORDS), len(SUBWORDS), 20), np.random.default_rng(7)
    weights = {name: rng.normal(0, 0.5, a.shape) for name, a in get_weights(built.named_weights()).items()}
    set_weights(built.named_weights(), weights, Path("random"))
    return built


def library_model(model: Transformer, folder: Path, taught_head: tuple[int, int] | None) -> Any:
    folder.mkdir(exist_ok=True)
    ctranslate2.specification(model, SUBWORDS, SUBWORDS, 64, taught_head).save(str(folder))
    return engines.import_ctranslate2().Translator(str(folder), intra_threads=1)


@pytest.mark.parametrize("taught_head", [None, (1, 3), (2, 2), (2, 4)], ids=str)
def test_the_attention_that_it_returns_is_that_of_the_taught_head_or_of_all_of_the_last_layer(
    small, tmp_path, taught_head
):
    model = library_model(small, tmp_path, taught_head)
    (found,) = model.translate_batch(
        [["a", "b", "c", "d"]], beam_size=1, return_attention=True, min_decoding_length=4, max_decoding_length=6
    )
    target = [1, *map(SUBWORDS.index, found.hypotheses[0])]
    states = small.decode(np.array([target], np.int32), small.encode(np.array([[4, 5, 6, 7, 2]], np.int32)))
    layer, head = taught_head or (2, None)
    weights = states.layers[layer - 1].cross_weights.numpy()[0]  # [H, T, S]
    expected = weights.mean(0) if head is None else weights[head - 1]
    rows = len(found.attention[0])
    assert rows >= 4
    np.testing.assert_allclose(found.attention[0], expected[:rows, :4], atol=1e-5)  # without the end of the source


def test_heads_in_another_order_are_the_same_model(small, tmp_path):
    pair = [["a", "b", "c", "d"]], [["e", "h", "f"]]
    plain, *others = (
        library_model(small, tmp_path / str(taught), taught).score_batch(*pair)[0].log_probs
        for taught in (None, (1, 3), (2, 4))
    )
    for other in others:
        np.testing.assert_allclose(other, plain, atol=1e-5)


def test_a_guided_run_is_exported_with_the_head_that_was_taught(tmp_path, monkeypatch):
    monkeypatch.setattr(formats, "check", lambda *_: {})
    monkeypatch.setattr(formats, "model_card", lambda *_: "")
    run = make_run(tmp_path / "run", guided_alignment=0.5, guided_layer=1, guided_head=2)
    formats.export_run(run, tmp_path / "exported", "ctranslate2")
    (direction,) = Aligner.load(run).directions
    translator = direction.translator
    (pieces,) = map(translator.source.pieces, source := translator.source.encode(["ant bear cat."]))
    model = engines.import_ctranslate2().Translator(str(tmp_path / "exported"))
    (found,) = model.translate_batch([pieces], beam_size=1, return_attention=True, max_decoding_length=5)
    target = translator.target.pieces(range(translator.target.vocabulary_size))
    (read,) = direction.reader.read(source, [[*map(target.index, found.hypotheses[0])]], "weights")
    weights = read[0, 1]  # layer 1, head 2
    np.testing.assert_allclose(found.attention[0], weights[: len(found.attention[0]), : len(pieces)], atol=1e-5)


@pytest.fixture(scope="module")
def trained(runs: Path) -> tuple[Translator, CTranslate2Engine]:
    translator = Translator.load(runs / "other")
    ctranslate2.write(translator, runs / "converted", "float32")
    return translator, CTranslate2Engine.of(runs / "converted", translator.source, translator.target)


def test_no_translation_passes_its_own_limit_of_length(trained):
    _, engine = trained
    options = dataclasses.replace(OPTIONS, beam_size=3, max_length_factor=1.0, max_length_margin=1)
    sources = [[5], [5] * 30, [7, 9], [8] * 12]
    found = engine.search(sources, options)
    assert any(h.length == len(s) + 2 for s, row in zip(sources, found, strict=True) for h in row)
    assert all(h.length <= len(s) + 2 for s, row in zip(sources, found, strict=True) for h in row)


def test_the_librarys_own_limits_do_not_bite(trained):
    """It would cut at 1,024 tokens in, and at 256 out."""
    _, engine = trained
    long = random_ids(1, 2, 40)[0] * 1100
    (first, *_), (second, *_) = engine.search(
        [long, [*long[:-1], 9]], dataclasses.replace(OPTIONS, max_length_factor=1.2)
    )
    assert first.log_prob != second.log_prob  # the last token was read
    assert engine.log_probs([long[:20]], [[5] * 400])[0] < engine.log_probs([long[:20]], [[5] * 300])[0]


def test_the_library_is_told_our_limit_of_length(trained, monkeypatch):
    """By default it would stop at 256 tokens out."""
    _, engine = trained
    told = {}

    class Library:
        def translate_batch(self, tokens, **options):
            told.update(options)
            return []

    monkeypatch.setattr(engine, "_model", Library())
    engine._search([[5] * 300], 366, OPTIONS)
    assert (told["max_input_length"], told["max_decoding_length"], told["min_decoding_length"]) == (0, 366, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"repetition_penalty": 1.5},
        {"no_repeat_ngram_size": 2},
        {"suppressed": ((4,), (6, 109))},
        {"beam_size": 3, "stopping": "finished"},
        {"beam_size": 3, "stopping": "finished", "patience": 2.0, "repetition_penalty": 1.5},
    ],
    ids=str,
)
def test_an_option_that_it_has_means_the_same(trained, change):
    translator, engine = trained
    sources = random_ids(12, 20, translator.source.vocabulary_size)
    options = dataclasses.replace(OPTIONS, **change)
    ours, theirs = (each.search(sources, options) for each in (translator.engine, engine))
    assert sum(a[0].ids == b[0].ids for a, b in zip(ours, theirs, strict=True)) >= 11
    plain = translator.engine.search(sources, OPTIONS)
    assert any(a[0].ids != b[0].ids for a, b in zip(ours, plain, strict=True))


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"with_attention": True}, "`with_attention`"),
        ({"min_length_factor": 0.5}, "`min_length_factor`"),
        ({"beam_size": 2, "coverage_penalty": 0.2}, "`coverage_penalty`"),
        ({"beam_size": 2, "stopping": "exact"}, "`stopping` exact"),
    ],
    ids=str,
)
def test_what_it_cannot_do_is_refused(trained, change, name):
    _, engine = trained
    with pytest.raises(OptionsError, match=f"the engine ctranslate2 has no {name}; the engine transformer has it"):
        engine.search([[5]], dataclasses.replace(OPTIONS, **change))


def test_more_tokens_than_it_has_positions_are_refused(trained):
    _, engine = trained
    with pytest.raises(OptionsError, match=r"up to 5,005 tokens are asked for, but .* has 2,048 positions"):
        engine.search([[5] * 4], dataclasses.replace(OPTIONS, max_length_factor=1000.0))


def test_a_setting_that_it_does_not_know_is_refused():
    assert ctranslate2.refusal(ModelConfig()) is None
    assert ctranslate2.refusal(ModelConfig().model_copy(update={"norm": "sandwich"})) == (
        "CTranslate2 has no model.norm sandwich; it has pre, post"
    )


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"positions": "t5"}, "no model.positions t5; it has learned, sinusoidal, rotary, shaw, none"),
        ({"positions": "alibi"}, "no model.positions alibi; .*"),
        (
            {"attention": {"decoder": {"score": "cosine"}}},
            "no model.attention.decoder.score cosine; it has scaled_dot_product, dot_product",
        ),
        ({"attention": {"cross": {"silence": "sink"}}}, "nothing for model.attention.cross.silence sink"),
        ({"attention": {"encoder": {"window": 4}}}, r"nothing for model.attention.encoder.window \[4\]"),
        ({"attention": {"decoder": {"forgetting": True}}}, "nothing for model.attention.decoder.forgetting True"),
    ],
)
def test_a_kind_of_attention_that_it_has_not_is_refused_by_name(settings: dict[str, Any], reason: str):
    assert re.fullmatch(f"CTranslate2 has {reason}", str(ctranslate2.refusal(ModelConfig.model_validate(settings))))


def test_no_window_in_any_layer_is_no_window():
    attention = {"encoder": {"window": [None, None]}}
    config = ModelConfig.model_validate({"encoder_layers": 2, "attention": attention})
    assert ctranslate2.refusal(config) is None


def test_every_setting_of_a_model_is_held_or_must_have_its_default(monkeypatch):
    monkeypatch.setattr(ctranslate2, "HELD", {k: v for k, v in ctranslate2.HELD.items() if k != "dropout"})
    assert ctranslate2.refusal(ModelConfig(dropout=0.25)) == "CTranslate2 has nothing for model.dropout 0.25"


def test_without_the_library_a_line_says_how_to_install_it(monkeypatch):
    load = builtins.__import__

    def missing(name, *arguments, **keywords):
        if name == "ctranslate2":
            raise ImportError("No module named 'ctranslate2'")
        return load(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(CTranslate2Error, match=r"No module named 'ctranslate2'.*pip install '\.\[ctranslate2\]'"):
        engines.import_ctranslate2()


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(CTranslate2Error, match=f"{tmp_path.name} cannot be read as a CTranslate2 model"):
        CTranslate2Engine(tmp_path, ([], []))


REFERENCES = ["the old dog sees the red horse .", "a man rides a blue bike .", "she reads a long book in the sun ."]
WORSE = ["the old dog sees a horse .", "a man rides a blue bike .", "she read the book in sun ."]


def test_the_bootstrap_gives_the_corpus_scores_and_an_interval_around_their_difference():
    found = bleu_difference([REFERENCES], [WORSE], REFERENCES, "en", samples=200)
    assert found.first.value == pytest.approx(corpus_bleu(REFERENCES, REFERENCES, "en"))
    assert found.second.value == pytest.approx(corpus_bleu(WORSE, REFERENCES, "en"))
    assert found.difference.low < found.difference.value == found.second.value - found.first.value < 0
    assert found.difference.high == 0  # only the second sentence, three times, in at least one of forty sets
    assert found == bleu_difference([REFERENCES], [WORSE], REFERENCES, "en", samples=200)


def test_equal_systems_have_no_difference():
    found = bleu_difference([WORSE], [WORSE], REFERENCES, "en", samples=50)
    assert found.first == found.second
    assert found.difference == (0, 0, 0)


def test_a_system_that_was_trained_twice_has_the_mean_of_both_scores():
    one, other = (
        bleu_difference([lines], [lines], REFERENCES, "en", samples=50).first for lines in (WORSE, REFERENCES)
    )
    found = bleu_difference([WORSE, REFERENCES], [REFERENCES, REFERENCES], REFERENCES, "en", samples=50)
    assert found.first.value == pytest.approx((one.value + other.value) / 2)
    assert found.difference.value == pytest.approx((other.value - one.value) / 2)
