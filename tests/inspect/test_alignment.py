"""Readings against NumPy, and alignments of pairs: in order, whatever the batch and the length."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.command_line import command
from tests.tokenizers import tokenizer_of
from translator.cli import align as align_module
from translator.config.load import save_config
from translator.config.schema import Config, ModelConfig
from translator.config.tokenizer import TokenizerConfig
from translator.data.words import words_of
from translator.decoding import scored
from translator.decoding.options import OptionsError
from translator.decoding.translator import Translator
from translator.inspect.alignment import Aligner, AlignmentOptions
from translator.inspect.readings import Reader
from translator.inspect.word_weights import Reading
from translator.model.build import build_model
from translator.model.transformer import Transformer
from translator.model.weights import get_weights, write_weights
from translator.run_folder import RunError, RunFolder

SOURCES = ["ant bear cat.", "bear", "", "cat ant ant bear.", "ant", "bear, cat"]
TARGETS = ["cat ant.", "ant bear ant", "", "bear", "", "cat, bear"]


def make_run(folder: Path, languages: tuple[str, str] = ("en", "de"), max_tokens: int = 30, **train: object) -> Path:
    """A run with random weights, far from equal attention."""
    corpus = {"grammar": "train", "pairs": 10}
    config = Config.model_validate(
        {
            "data": {"train": corpus, "validation": corpus, "max_tokens": max_tokens},
            "model": {"d_model": 8, "d_ff": 4, "num_heads": 2, "encoder_layers": 1, "decoder_layers": 2},
            "train": {"max_steps": 1, "warmup_steps": 0, **train},
        }
    )
    data = config.data.model_copy(update=dict(zip(("source", "target"), languages, strict=True)))
    config = config.model_copy(update={"data": data})
    run = RunFolder(folder)
    folder.mkdir()
    save_config(config, run.config)
    tokenizer = tokenizer_of(SOURCES, TokenizerConfig(vocabulary_size=20, kind="bpe"))
    tokenizer.save(folder / "tokenizer.model")
    keras.utils.set_random_seed(len(languages[0]) + max_tokens)
    model = build_model(config, tokenizer, tokenizer)
    weights = {name: 4 * value for name, value in get_weights(model.named_weights()).items()}
    write_weights(weights, run.model)
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("runs")
    return make_run(folder / "there"), make_run(folder / "back", ("de", "en"))


@pytest.fixture(scope="module")
def aligner(runs) -> Aligner:
    return Aligner.load(*runs)


@pytest.fixture(scope="module")
def model() -> Transformer:
    keras.utils.set_random_seed(3)
    config = ModelConfig(d_model=8, d_ff=8, num_heads=2, encoder_layers=2, decoder_layers=2, dropout=0.0)
    return Transformer(config, 12, 12, 20)


IDS = [[5, 6, 7], [8, 9]], [[4, 5], [6, 7, 8, 9]]


def numpy_states(model):
    """Weights of all layers and values of the decoder's memories, of the first pair alone."""
    source, target = np.array([[*IDS[0][0], 2]], np.int32), np.array([[1, *IDS[1][0]]], np.int32)
    encoded = model.encode(source)
    states = model.decode(target, encoded)
    return (
        [each.numpy()[0].astype(float) for each in encoded.weights],
        [layer.self_weights.numpy()[0].astype(float) for layer in states.layers],
        [layer.cross_weights.numpy()[0].astype(float) for layer in states.layers],
        [memory.values.numpy()[0].astype(float) for memory in encoded.memories],
    )


def test_weights_are_those_of_each_head_and_their_mean(model):
    _, _, cross, _ = numpy_states(model)
    found = Reader(model).read(*IDS, "weights")[0]
    assert found.shape == (2, 3, 3, 4)
    np.testing.assert_allclose(found[:, :2], cross, atol=1e-6)
    np.testing.assert_allclose(found[:, 2], np.mean(cross, 1), atol=1e-6)


def test_norms_are_the_lengths_of_what_each_position_adds(model):
    _, _, cross, values = numpy_states(model)
    found = Reader(model).read(*IDS, "norms")[0]
    for layer in range(2):
        kernel = model.decoder_layers[layer].cross_attention.output_projection.kernel.numpy().reshape(2, 4, 8)
        for t in range(3):
            for s in range(4):
                added = [cross[layer][h, t, s] * values[layer][h, s] @ kernel[h] for h in range(2)]
                expected = [*map(np.linalg.norm, added), np.linalg.norm(sum(added))]
                np.testing.assert_allclose(found[layer, :, t, s], expected, atol=1e-5)


def test_a_rollout_multiplies_mean_weights_with_half_of_the_input_through_all_layers(model):
    encoder, self_weights, cross, _ = numpy_states(model)
    source = np.eye(4)
    for weights in encoder:
        source = 0.5 * source + 0.5 * weights.mean(0) @ source
    target = np.zeros([3, 4])
    for own, other in zip(self_weights, cross, strict=True):
        target = 0.5 * target + 0.5 * own.mean(0) @ target
        target = 0.5 * target + 0.5 * other.mean(0) @ source
    np.testing.assert_allclose(Reader(model).read(*IDS, "rollout")[0][0, 0], target, atol=1e-6)


def test_norms_of_heads_that_share_keys_are_of_the_shared_values():
    """With one value for all heads, ‖α f(x)‖ is |α| times the length of that value under each head's output."""
    keras.utils.set_random_seed(3)
    sizes = {"d_model": 8, "d_ff": 8, "num_heads": 2, "encoder_layers": 1, "decoder_layers": 1, "dropout": 0.0}
    model = Transformer(
        ModelConfig.model_validate({**sizes, "attention": {"cross": {"key_value_heads": 1}}}), 12, 12, 20
    )
    _, _, ((first, second),), (values,) = numpy_states(model)
    assert values.shape == (1, 4, 4)  # [G, S, K]
    kernel = model.decoder_layers[0].cross_attention.output_projection.kernel.numpy().reshape(2, 4, 8)
    found = Reader(model).read(*IDS, "norms")[0][0]
    added = values[0] @ kernel  # [H, S, D]
    np.testing.assert_allclose(found[0], first * np.linalg.norm(added[0], axis=-1), atol=1e-5)
    np.testing.assert_allclose(found[1], second * np.linalg.norm(added[1], axis=-1), atol=1e-5)
    together = first[..., None] * added[0] + second[..., None] * added[1]
    np.testing.assert_allclose(found[2], np.linalg.norm(together, axis=-1), atol=1e-5)


@pytest.mark.parametrize(("silence", "method"), [("sink", "weights"), ("null_key", "norms")])
def test_attention_in_chunks_and_to_silence_reads_as_attention_that_is_whole(silence, method):
    sizes = {"d_model": 8, "d_ff": 8, "num_heads": 2, "encoder_layers": 1, "decoder_layers": 2, "dropout": 0.0}
    found = []
    for chunk in (None, 2):
        keras.utils.set_random_seed(3)
        cross = {"silence": silence, "chunk": chunk}
        model = Transformer(ModelConfig.model_validate({**sizes, "attention": {"cross": cross}}), 12, 12, 20)
        found.append(Reader(model).read(*IDS, method))
    for whole, chunked in zip(*found, strict=True):
        np.testing.assert_allclose(chunked, whole, atol=1e-5)
    if method == "weights":  # a part of each row is silence's, which is no position
        assert found[0][0].shape == (2, 3, 3, 4)
        assert (found[0][0].sum(-1) < 0.999).all()


@pytest.mark.parametrize("method", ["weights", "norms", "rollout"])
def test_a_pair_reads_alike_alone_and_beside_a_longer_one(model, method):
    reader = Reader(model)
    together = reader.read(*IDS, method)
    for i in range(2):
        (alone,) = reader.read(IDS[0][i : i + 1], IDS[1][i : i + 1], method)
        np.testing.assert_allclose(together[i], alone, atol=1e-5)


def test_as_many_alignments_come_back_in_order_with_the_words_of_each_pair(aligner):
    found = aligner.align(SOURCES, TARGETS)
    assert [each.source for each in found][:2] == [("ant", "bear", "cat", "."), ("bear",)]
    assert [each.target for each in found][:2] == [("cat", "ant", "."), ("ant", "bear", "ant")]
    for each in found:
        assert all(i < len(each.source) and j < len(each.target) for i, j in each.links)
    assert not found[2].links
    assert not found[4].links


def test_batches_change_no_alignment(aligner, monkeypatch):
    expected = aligner.align(SOURCES, TARGETS)
    monkeypatch.setattr(scored, "TOGETHER", 1)
    seen: list[tuple[int, int]] = []
    assert aligner.align(SOURCES, TARGETS, on_progress=lambda *done: seen.append(done)) == expected
    assert seen[-5:] == [(i, 5) for i in range(1, 6)]


def test_a_pair_that_is_too_long_for_the_model_is_aligned_in_pieces(tmp_path):
    short = Aligner.load(make_run(tmp_path / "short", max_tokens=6))
    text = " ".join(["ant bear cat."] * 12)
    (found,) = short.align([text], [text])
    assert len(found.source) == len(found.target) == 48
    joined = {j for _, j in found.links}
    assert len(joined) > 36  # words of all pieces
    assert max(abs(i - j) for i, j in found.links) <= 8  # none reaches beyond its piece


def test_subwords_are_summed_over_a_source_word_and_averaged_over_a_target_word(runs):
    direction = Aligner.load(runs[0]).directions[0]
    sides = [("bearant cat", words_of("bearant cat"))]
    (read,) = direction.weights(sides, sides, "weights", lambda read: read, lambda *_: None)
    ids = direction.translator.source.encode(["bearant cat"])
    (rows,) = direction.reader.read(ids, ids, "weights")
    n = len(ids[0]) - len(direction.translator.source.encode(["cat"])[0])  # subwords of the first word
    assert n > 1
    np.testing.assert_allclose(read[0][..., 0, 0], rows[..., :n, :n].sum(-1).mean(-1), atol=1e-5)
    np.testing.assert_allclose(read[1][..., 0, 0], rows[..., 1 : n + 1, :n].sum(-1).mean(-1), atol=1e-5)
    np.testing.assert_allclose(read[0][..., 0, -1], rows[..., :n, -1].mean(-1), atol=1e-5)


def test_layers_and_heads_that_are_not_there_are_named(aligner):
    for reading, said in (
        (Reading(layer=3), "there is no layer 3: counted from 1, the last one is 2"),
        (Reading(layer=1, head=0), "there is no head 0: counted from 1, the last one is 2"),
        (Reading("rollout", layer=1), "a rollout goes through all layers"),
    ):
        with pytest.raises(OptionsError, match=said):
            aligner.align(SOURCES, TARGETS, AlignmentOptions(reading))
    with pytest.raises(OptionsError, match="6 sources but 5 targets"):
        aligner.align(SOURCES, TARGETS[:5])


def test_a_reverse_run_must_go_back(runs):
    with pytest.raises(RunError, match="translates from en to de; --reverse needs a run from de to en"):
        Aligner.load(runs[0], runs[0])


@pytest.mark.parametrize(("layer", "read"), [(None, 2), (1, 1)])
def test_a_guided_run_is_aligned_by_the_head_that_was_taught(tmp_path, layer, read):
    run = make_run(tmp_path / "run", guided_alignment=0.5, guided_layer=layer, guided_head=2)
    aligner = Aligner.load(run)
    assert aligner.directions[0].reading == Reading("weights", read, 2, "read")
    chosen = AlignmentOptions(Reading("weights", read, 2, "read"))
    assert aligner.align(SOURCES, TARGETS) == aligner.align(SOURCES, TARGETS, chosen)


@pytest.fixture
def call(monkeypatch, capsys):
    def called(*arguments: object) -> tuple[int, list[str], str]:
        code, out, err = command(monkeypatch, capsys, "align", *map(str, arguments))
        return code, out.splitlines(), err

    return called


@pytest.fixture
def files(tmp_path) -> tuple[Path, Path]:
    paths = tmp_path / "source", tmp_path / "target"
    for path, lines in zip(paths, (SOURCES, TARGETS), strict=True):
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return paths


def test_the_command_writes_a_line_for_each_pair(runs, aligner, call, files, monkeypatch):
    monkeypatch.setattr(align_module, "LINES_TOGETHER", 4)
    expected = aligner.align(SOURCES, TARGETS)
    both = "--source", files[0], "--target", files[1]
    code, out, _ = call(runs[0], *both, "--reverse", runs[1], "--format", "json")
    assert (code, out) == (0, [each.line("json") for each in expected])
    assert json.loads(out[0])["source"] == ["ant", "bear", "cat", "."]
    one = Aligner.load(runs[0]).align(SOURCES, TARGETS, AlignmentOptions(Reading("weights", 2, 1, "read"), "none"))
    options = ["--method=weights", "--layer=2", "--head=1", "--where=read", "--symmetrize=none", "--format=talp"]
    code, out, _ = call(runs[0], *both, *options)
    assert (code, out) == (0, [each.line("talp") for each in one])


def test_files_of_different_lengths_are_named(runs, call, files, tmp_path):
    (tmp_path / "short").write_text("ant\n")
    code, _, err = call(runs[0], "--source", files[0], "--target", tmp_path / "short")
    assert code == 2
    assert "aligning needs one target line" in " ".join(err.split())


def test_what_does_not_go_together_is_one_line(runs, call, files, tmp_path, monkeypatch):
    monkeypatch.setattr(Translator, "load", lambda *_, **__: pytest.fail("loaded"))
    for arguments, said in (
        (("--source", files[0]), "--source and --target go together"),
        (("--source", files[0], "--target", files[1], "--independent"), "--independent needs --reverse"),
        (("--source", files[0], "--target", files[1], "--layer", "9"), "there is no layer 9"),
        (("--reverse", runs[1], "--head", "3"), "there is no head 3"),
        (("--method", "rollout", "--layer", "1"), "--method rollout goes through all layers"),
    ):
        code, _, err = call(runs[0], *arguments)
        assert code == 2
        assert said in " ".join(err.split())
        assert "Traceback" not in err
