import dataclasses
import itertools
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.command_line import command
from tests.hostile import anew
from translator.config.load import save_config
from translator.config.schema import Config
from translator.data.prepare import prepare_tokenizers
from translator.decoding.options import OptionsError
from translator.decoding.translator import Translator
from translator.export.comparisons import ExportError
from translator.export.formats import export_run
from translator.model.build import build_model
from translator.model.weights import get_weights, write_weights
from translator.run_folder import RunError, RunFolder

ROOT = Path(__file__).parents[1]

# What a process knows that has TensorFlow and tensorflow_text, and nothing of ours; sentences come as JSON.
FRESH_PROCESS = """
import json, sys
import tensorflow as tf, tensorflow_text
module = tf.saved_model.load(sys.argv[1])
sentences = json.load(sys.stdin)

def texts(tensor):
    return [text.decode() for text in tensor.numpy()]

json.dump({
    "together": texts(module.translate(tf.constant(sentences))),
    "one by one": [texts(module.translate(tf.constant([sentence])))[0] for sentence in sentences],
    "served": texts(module.signatures["serving_default"](sentences=tf.constant(sentences))["translations"]),
    "none": texts(module.translate(tf.constant([], tf.string))),
    "blank": texts(module.translate(tf.constant([""]))),
    "ours": [name for name in sys.modules if name.split(".")[0] == "translator"],
}, sys.stdout)
"""


@dataclass
class Exported:
    """A run with random weights, and what the command line made of it."""

    run: Path
    folder: Path
    stderr: str
    sentences: list[str]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    root = tmp_path_factory.mktemp("export")
    corpus = {
        "en": [
            f"The {a} {b} {c} me." for a, b, c in itertools.product(["old", "red"], ["dog", "horse"], ["sees", "hears"])
        ],
        "de": [
            f"{a} {b} {c} mich." for a, b, c in itertools.product(["Ein", "Kein"], ["Hund", "Pferd"], ["sieht", "hört"])
        ],
    }
    for language, lines in corpus.items():
        (root / f"text.{language}").write_text("\n".join(lines) + "\n", encoding="utf-8")
    config = Config.model_validate(
        {
            "data": {"root": root, "train": "text.{lang}", "validation": "text.{lang}", "max_tokens": 12},
            "tokenizer": {"kind": "bpe", "vocabulary_size": 40, "joint": False},
            "model": {
                "d_model": 16,
                "d_ff": 32,
                "num_heads": 2,
                "encoder_layers": 1,
                "decoder_layers": 2,
                "positions": "learned",
                "tied_embeddings": "none",
            },
            "train": {"max_steps": 1, "warmup_steps": 0},
            "search": {"beam_size": 3, "max_length_factor": 0.3, "max_length_margin": 4, "batch_sentences": 4},
        }
    )
    run = RunFolder(root / "run")
    run.path.mkdir()
    save_config(config, run.config)
    keras.utils.set_random_seed(1)
    weights = get_weights(build_model(config, *prepare_tokenizers(config, run)).named_weights())
    # Weights this large make the decoder's random texts differ from source to source, as those of a trained one do.
    write_weights({name: 3 * array for name, array in weights.items()}, run.model)
    folder = root / "deep" / "exported"
    command = [sys.executable, "-m", "translator", "export", str(run.path), "--output", str(folder)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr
    long = [" ".join(corpus["en"]), "x " * 25, "hears" * 20]
    odd = ["日本語 👩‍🚀 \u200b", "ﬁ </s> <unk> e\u0301", "\ufffd x"]
    return Exported(run.path, folder, ran.stderr, ["", " \t", *long, *odd, *corpus["en"]])


@pytest.fixture
def graphs_closed(monkeypatch):
    def opened(*_):
        raise AssertionError("a graph was opened")

    monkeypatch.setattr(tf.saved_model, "load", opened)


@pytest.fixture(scope="module")
def of_the_run(exported: Exported) -> list[str]:
    return Translator.load(exported.run).translate_text(exported.sentences)


def test_a_process_without_this_package_translates_as_the_run_does(exported, of_the_run, tmp_path):
    ran = subprocess.run(
        [sys.executable, "-c", FRESH_PROCESS, str(exported.folder / "1")],
        input=json.dumps(exported.sentences), capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {
        "together": of_the_run,
        "one by one": of_the_run,
        "served": of_the_run,
        "none": [],
        "blank": [""],
        "ours": [],
    }


def test_the_sentences_of_these_tests_tell_models_apart(exported, of_the_run):
    translator = Translator.load(exported.run)
    pieces = [-(-len(ids) // translator.max_source_tokens) for ids in translator.source.encode(exported.sentences)]
    assert pieces[:2] == [0, 0]
    assert min(pieces[2:5]) >= 3
    assert sum(pieces) > 2 * translator.batch_sentences
    assert len(set(of_the_run)) >= 9
    assert not any("⁇" in text for text in of_the_run)


def test_the_translator_opens_it_where_it_is_named_as_a_graph(exported, of_the_run):
    assert Translator.load_exported(exported.folder).translate_text(exported.sentences) == of_the_run


def test_it_gives_the_runs_scores_and_hypotheses(exported):
    of_the_run, of_the_graph = (
        each.translate(exported.sentences)
        for each in (Translator.load(exported.run), Translator.load_exported(exported.folder))
    )
    for ours, theirs in zip(of_the_run, of_the_graph, strict=True):
        assert [text.text for text in theirs.hypotheses] == [text.text for text in ours.hypotheses]
        np.testing.assert_allclose([t.score for t in theirs.hypotheses], [t.score for t in ours.hypotheses], rtol=1e-5)
        assert theirs.log_prob == pytest.approx(ours.log_prob, rel=1e-5)


@pytest.fixture(scope="module")
def signatures(exported):
    module = tf.saved_model.load(str(exported.folder / "1"))
    yield module.signatures
    del module  # it keeps the variables alive until here


def test_a_server_is_given_the_runs_hypotheses_and_scores(exported, signatures):
    found = {
        name: part.numpy() for name, part in signatures["n_best"](sentences=tf.constant(exported.sentences)).items()
    }
    assert found["translations"].shape == found["scores"].shape == (len(exported.sentences), 3)
    for i, ours in enumerate(Translator.load(exported.run).translate(exported.sentences)):
        count = found["counts"][i]
        assert [text.decode() for text in found["translations"][i, :count]] == [each.text for each in ours.hypotheses]
        np.testing.assert_allclose(
            found["scores"][i, :count], [each.score for each in ours.hypotheses], rtol=1e-5, atol=1e-6
        )
        assert not any(found["translations"][i, count:])
        assert not np.any(found["scores"][i, count:])
    assert set(found["counts"]) == {1, 3}  # of a sentence in pieces, or a blank one; and of others


def test_a_server_is_given_the_runs_attention(exported, signatures):
    sentences = ["", *exported.sentences[-8:]]
    found = {name: part.numpy() for name, part in signatures["attention"](sentences=tf.constant(sentences)).items()}
    run = Translator.load(exported.run)
    for i, ours in enumerate(run.translate(sentences, attention=True)):
        assert found["translations"][i].decode() == ours.text
        if not ours.pieces:
            assert not any(found["target_tokens"][i])
            assert not np.any(found["attention"][i])
            continue
        (piece,), (weights,) = ours.pieces, ours.attention or ()
        _, length, read = weights.shape
        np.testing.assert_allclose(found["attention"][i, :, :length, :read], weights, rtol=1e-4, atol=1e-6)
        assert not np.any(found["attention"][i, :, length:])
        assert not np.any(found["attention"][i, :, :, read:])
        tokens = [token.decode() for token in found["source_tokens"][i]]
        assert tokens[:read] == [*run.source.pieces(piece.source_ids), "</s>"]
        assert not any(tokens[read:])
        written = [token.decode() for token in found["target_tokens"][i] if token]
        assert written == [*run.target.pieces(piece.best.ids), *["</s>"] * piece.best.ended]


def test_attention_of_a_sentence_in_pieces_is_refused(exported, signatures):
    with pytest.raises(tf.errors.InvalidArgumentError, match="too long to be translated in one piece"):
        signatures["attention"](sentences=tf.constant(exported.sentences[2:3]))


def test_tensorflows_own_tool_shows_the_signatures(exported):
    tool = Path(sys.executable).with_name("saved_model_cli")
    ran = subprocess.run(
        [tool, "show", "--dir", exported.folder / "1", "--tag_set", "serve"], capture_output=True, text=True, check=True
    )
    for name in ("serving_default", "n_best", "attention"):
        assert f'SignatureDef key: "{name}"' in ran.stdout


def test_requests_and_answers_are_tensorflow_servings(exported, signatures, of_the_run):
    """As ModelServer does it: by the signature, tensors by their names, each with a row for a sentence."""
    predict_pb2 = pytest.importorskip("tensorflow_serving.apis.predict_pb2", reason="tensorflow-serving-api is missing")
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "translator", "n_best"
    request.inputs["sentences"].CopyFrom(tf.make_tensor_proto(exported.sentences))
    request = predict_pb2.PredictRequest.FromString(request.SerializeToString())

    signature = signatures[request.model_spec.signature_name]
    assert set(signature.structured_input_signature[1]) == set(request.inputs)
    inputs = {name: tf.constant(tf.make_ndarray(proto)) for name, proto in request.inputs.items()}
    answer = predict_pb2.PredictResponse()
    for name, part in signature(**inputs).items():
        answer.outputs[name].CopyFrom(tf.make_tensor_proto(part.numpy()))
    found = {name: tf.make_ndarray(proto) for name, proto in answer.outputs.items()}
    assert [row[0].decode() for row in found["translations"]] == of_the_run
    # REST gives a JSON object for each instance, so that each output must have a row for it, and all numbers be finite.
    assert {len(part) for part in found.values()} == {len(exported.sentences)}
    assert np.all(np.isfinite(found["scores"]))


def test_it_tells_its_weights(exported):
    found = [Translator.load_exported(exported.folder).fingerprint() for _ in range(2)]
    assert found[0] == found[1]
    assert set(found[0]) == {"engine", "options", "vocabularies", "weights"}


def test_it_searches_with_the_options_that_it_was_exported_with_and_no_others(exported):
    graph = Translator.load_exported(exported.folder)
    assert graph.options == Translator.load(exported.run).options
    with pytest.raises(OptionsError, match=r"an exported model searches with .*`beam_size` is 3, not 2"):
        graph.translate(["The old dog"], options=dataclasses.replace(graph.options, beam_size=2))


def test_a_graph_is_not_opened_as_a_run(exported, graphs_closed):
    with pytest.raises(
        RunError, match=r"exported is not a run but an exported model: a graph.*add --engine saved_model"
    ):
        Translator.load(exported.folder)


def test_a_graph_in_a_run_is_never_opened(exported, of_the_run, tmp_path, graphs_closed):
    run = anew(tmp_path / "run", exported.run)
    shutil.copytree(exported.folder, run, dirs_exist_ok=True)
    assert Translator.load(run).translate_text(exported.sentences) == of_the_run


def test_translate_opens_a_graph_with_its_engine(exported, of_the_run, tmp_path, monkeypatch, capsys):
    lines, output = tmp_path / "lines", tmp_path / "out"
    lines.write_text("".join(f"{sentence}\n" for sentence in exported.sentences), encoding="utf-8")
    arguments = ["translate", str(exported.folder), f"--input={lines}", f"--output={output}", "--engine=saved_model"]
    assert command(monkeypatch, capsys, *arguments)[0] == 0
    assert output.read_text(encoding="utf-8").splitlines() == of_the_run
    code, _, shown = command(monkeypatch, capsys, *arguments, "--beam=2")
    assert (code, shown.count("\n")) == (2, 1)
    assert shown.endswith("exported is an exported model, whose beam size is fixed; leave --beam out\n")


@pytest.mark.parametrize("name", ["translate", "eval", "export"])
def test_every_command_leaves_a_graph_closed_and_says_how_to_open_it(
    name, exported, tmp_path, monkeypatch, capsys, graphs_closed
):
    more = ["--output", str(tmp_path / "out")] if name == "export" else []
    code, out, shown = command(monkeypatch, capsys, name, str(exported.folder), *more)
    assert (code, out, shown.count("\n")) == (2, "", 1)
    assert "add --engine saved_model" in shown


def test_another_beam_size_is_exported_when_asked_for(exported, tmp_path):
    export_run(exported.run, tmp_path / "greedy", beam_size=1)
    greedy = Translator.load(exported.run, 1).translate_text(exported.sentences)
    graph = Translator.load_exported(tmp_path / "greedy")
    assert graph.translate_text(exported.sentences) == greedy
    assert [len(found) for found in graph.engine.search([[5]], graph.options)] == [1]


def test_an_exported_graph_holds_the_options_that_are_given_to_the_export(exported, tmp_path):
    given = {"stopping": "exact", "no_repeat_ngram_size": 1, "length_penalty_form": "gnmt", "suppressed": ["Ein"]}
    export_run(exported.run, tmp_path / "exact", search=given)
    run, graph = Translator.load(exported.run), Translator.load_exported(tmp_path / "exact")
    assert graph.options == run.options_with(given)
    pieces = [piece for translation in graph.translate(exported.sentences) for piece in translation.pieces]
    found = [hypothesis.ids for piece in pieces for hypothesis in piece.hypotheses]
    assert any(found)
    assert all(len(ids) == len(set(ids)) for ids in found)


def test_pieces_of_a_language_without_spaces_are_joined_in_the_export_as_by_the_run(exported, tmp_path, monkeypatch):
    config = RunFolder(exported.run).load_config()
    thai = config.model_copy(update={"data": config.data.model_copy(update={"target": "th"})})
    monkeypatch.setattr(RunFolder, "load_config", lambda _: thai)
    export_run(exported.run, tmp_path / "thai")
    module = tf.saved_model.load(tmp_path / "thai" / "1")
    translations = [text.decode() for text in module.translate(tf.constant(exported.sentences)).numpy()]
    assert translations == Translator.load(exported.run).translate_text(exported.sentences)
    assert translations == Translator.load_exported(tmp_path / "thai").translate_text(exported.sentences)


def test_the_command_says_where_it_wrote_and_nothing_else(exported):
    assert exported.stderr.startswith(f"Wrote {exported.folder}. Equal translations: 100.0% of 14. Translate with:  ")
    assert exported.stderr.endswith(f" translate --engine saved_model {exported.folder}\n")
    assert exported.stderr.count("\n") == 1


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_nothing_is_overwritten(exported, tmp_path, kind):
    output = tmp_path / "mine"
    mine = output if kind == "file" else output / "notes.txt"
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine")
    with pytest.raises(ExportError, match="mine is there already"):
        export_run(exported.run, output)
    assert mine.read_text() == "mine"


def test_an_export_that_translates_otherwise_is_not_written(exported, tmp_path, monkeypatch):
    output = tmp_path / "exported"
    output.mkdir()  # an empty folder may be written to
    translate = Translator.translate

    def one_differs(self, sentences, *arguments, **options):
        found = translate(self, sentences, *arguments, **options)
        return [*found[:-1], dataclasses.replace(found[-1], text="another text")]

    monkeypatch.setattr(Translator, "translate", one_differs)
    with pytest.raises(
        ExportError,
        match=r"translates 1 of 14 sentences differently, more than 1%; .*' as '.*' but the run as 'another text'",
    ) as caught:
        export_run(exported.run, output)
    assert "The old dog" in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["exported"]
    assert list(output.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(exported, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="file/exported cannot be written"):
        export_run(exported.run, tmp_path / "file" / "exported")


def test_another_saved_model_is_refused(tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path))
    with pytest.raises(RunError, match="is a SavedModel, but not one that this version of `translator export` wrote"):
        Translator.load_exported(tmp_path)


def test_a_damaged_export_is_refused(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"no protocol buffer")
    with pytest.raises(RunError, match=f"{tmp_path.name} cannot be read as an exported model"):
        Translator.load_exported(tmp_path)
