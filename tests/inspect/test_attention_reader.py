"""What heads look at, read off a model: against the model's own numbers, and merged to words by hand."""

import math
from pathlib import Path

import numpy as np
import pytest

from tests.inspect.test_alignment import make_run
from translator.decoding.options import OptionsError
from translator.inspect.attention import KINDS, Maps
from translator.inspect.attention_reader import AttentionReader, Axis, merged
from translator.inspect.readings import Reader


@pytest.fixture(scope="module")
def reader(tmp_path_factory) -> AttentionReader:
    return AttentionReader.load(make_run(tmp_path_factory.mktemp("runs") / "run"))


def test_every_place_has_the_weights_of_each_layer_and_head_of_each_position(reader):
    read = reader.read("ant bear cat.", "cat ant.")
    for view in ("tokens", "words"):
        for kind, layers in zip(KINDS, (1, 2, 2), strict=True):
            maps = read.views[view][kind]
            assert maps.weights.shape == (layers, 2, len(maps.rows), len(maps.columns))
            np.testing.assert_allclose(maps.weights.sum(-1), 1, atol=1e-5)


def test_positions_are_named_by_what_they_are_and_rows_by_what_is_written(reader):
    words = reader.read("ant bear cat.", "cat ant.").views["words"]
    assert words["encoder"].rows == words["encoder"].columns == ("ant", "bear", "cat", ".", "</s>")
    assert words["cross"].columns == words["encoder"].columns
    assert words["cross"].rows == words["decoder"].rows == ("cat", "ant", ".", "</s>")
    assert words["decoder"].columns == ("<s>", "cat", "ant", ".")


def test_rows_can_be_named_by_what_is_read_with_the_same_weights_of_tokens(reader):
    written, read = (reader.read("ant bear", "cat ant", where).views for where in ("written", "read"))
    assert read["words"]["cross"].rows == ("<s>", "cat", "ant")
    for kind in KINDS:
        np.testing.assert_array_equal(written["tokens"][kind].weights, read["tokens"][kind].weights)


def test_what_is_written_looks_at_nothing_after_it(reader):
    weights = reader.read("ant", "ant bear cat.").views["tokens"]["decoder"].weights
    assert not np.triu(weights, 1).any()


def test_the_weights_of_tokens_are_those_that_alignment_reads(reader):
    ids = reader.translator.source.encode(["ant bear cat."]), reader.translator.target.encode(["cat ant."])
    (expected,) = Reader(reader.translator.transformer.model).read(*ids, "weights")
    found = reader.read("ant bear cat.", "cat ant.").views["tokens"]["cross"].weights
    np.testing.assert_allclose(found, expected[:, :-1], atol=1e-6)


def test_a_word_is_looked_at_by_the_sum_of_its_subwords_and_looks_by_their_mean():
    members = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    axis = Axis(("a", "b", "c"), ("ab", "c"), members)
    weights = np.array([[0.1, 0.2, 0.7], [0.5, 0.1, 0.4], [0.0, 1.0, 0.0]], np.float32)[None, None]
    expected = np.array([[0.45, 0.55], [1, 0]])
    np.testing.assert_allclose(merged(weights, axis, axis).weights[0, 0], expected, atol=1e-6)


def test_a_subword_of_two_words_is_shared_between_them():
    axis = Axis(("ab",), ("a", "b"), np.array([[0.5, 0.5]], np.float32)).with_end("</s>")
    weights = np.array([[0.6, 0.4], [0.2, 0.8]], np.float32)[None, None]
    found = merged(weights, axis, axis)
    assert found.columns == ("a", "b", "</s>")
    expected = np.array([[0.3, 0.3, 0.4], [0.3, 0.3, 0.4], [0.1, 0.1, 0.8]])
    np.testing.assert_allclose(found.weights[0, 0], expected, atol=1e-6)


def test_without_a_translation_the_one_that_is_found_is_read(reader):
    (found,) = reader.translator.translate_text(["ant bear"])
    assert reader.read("ant bear").target == found


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        (" ", None, "the sentence is blank; there is nothing to look at"),
        ("ant " * 31, None, "the sentence has .* tokens; this model reads at most 30 at once"),
        ("ant", "ant " * 120, "the translation has .* tokens; this model reads at most .* at once"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_line_and_nothing_is_translated(reader, source, target, message, monkeypatch):
    monkeypatch.setattr(reader.translator, "translate_text", lambda *_: pytest.fail("translated"))
    with pytest.raises(OptionsError, match=message):
        reader.read(source, target)


def test_an_engine_without_a_model_is_refused(reader):
    with pytest.raises(OptionsError, match="MbrEngine has no model to look into"):
        AttentionReader(reader.translator.with_mbr(), ("en", "de"))


def test_translations_carry_the_mean_of_heads_of_each_layer_when_asked(reader, tmp_path: Path):
    translator = reader.translator
    assert translator.translate(["ant bear"])[0].attention is None
    (found,) = translator.translate(["ant bear"], attention=True)
    assert found.attention is not None
    (piece,), (weights,) = found.pieces, found.attention
    assert weights.shape == (2, piece.best.length, len(piece.source_ids) + 1)
    if piece.best.ended:
        (read,) = Reader(reader.translator.transformer.model).read([piece.source_ids], [piece.best.ids], "weights")
        np.testing.assert_allclose(weights, read[:, -1], atol=1e-4)


def maps_of(*rows: list[float]) -> Maps:
    weights = np.array(rows, np.float32)[None, None]
    return Maps(("r",) * len(rows), ("c",) * len(rows[0]), weights)


def test_entropy_is_0_for_one_position_and_the_logarithm_of_their_number_for_all():
    assert maps_of([0, 1, 0]).entropies == pytest.approx(0, abs=1e-9)
    assert maps_of([0.25] * 4).entropies == pytest.approx(math.log(4))
    assert maps_of([1, 0], [0.5, 0.5]).entropies == pytest.approx(math.log(2) / 2)
    assert maps_of([0.5, -0.5]).entropies == pytest.approx(math.log(2))


def test_a_map_is_a_head_or_a_mean():
    weights = np.arange(8, dtype=np.float32).reshape(2, 2, 1, 2)
    maps = Maps(("r",), ("a", "b"), weights)
    assert maps.map(2, 1).tolist() == [[4, 5]]
    assert maps.map(layer=2).tolist() == [[5, 6]]
    assert maps.map(head=1).tolist() == [[2, 3]]
    assert maps.map().tolist() == [[3, 4]]
    for layer, head in ((3, None), (None, 0), (1, 3)):
        with pytest.raises(OptionsError, match=r"there is no (layer|head) \d: counted from 1, the last one is 2"):
            maps.map(layer, head)
