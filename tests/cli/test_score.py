"""`translator score`, and ensembles, at the command line: a line for each pair, or one line that says why not."""

import json
import shutil
from pathlib import Path

import keras
import pytest

from tests.command_line import command
from tests.tokenizers import tokenizer_of
from translator.cli import score as score_module
from translator.config.load import save_config
from translator.config.schema import Config
from translator.config.tokenizer import TokenizerConfig
from translator.decoding.translator import Translator
from translator.model.build import build_model
from translator.model.weights import get_weights, write_weights
from translator.run_folder import RunError, RunFolder

SENTENCES = ["ant bear cat.", "bear", "", "cat ant ant bear."]


def make_run(folder: Path, seed: int, languages: tuple[str, str] = ("en", "de"), subwords: int = 18) -> RunFolder:
    """A run with random weights."""
    corpus = {"grammar": "train", "pairs": 10}
    config = Config.model_validate(
        {
            "data": {"train": corpus, "validation": corpus, "max_tokens": 12 + seed},
            "model": {"d_model": 4 * seed, "d_ff": 4, "num_heads": 1, "encoder_layers": 1, "decoder_layers": 1},
            "train": {"max_steps": 1, "warmup_steps": 0},
        }
    )
    data = config.data.model_copy(update=dict(zip(("source", "target"), languages, strict=True)))
    config = config.model_copy(update={"data": data})
    run = RunFolder(folder)
    folder.mkdir()
    save_config(config, run.config)
    tokenizer = tokenizer_of(SENTENCES, TokenizerConfig(vocabulary_size=subwords, kind="bpe"))
    tokenizer.save(folder / "tokenizer.model")
    keras.utils.set_random_seed(seed)
    write_weights(get_weights(build_model(config, tokenizer, tokenizer).named_weights()), run.model)
    return run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return [make_run(tmp_path_factory.mktemp("runs") / str(seed), seed).path for seed in (1, 2)]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def called(*arguments: object) -> tuple[int, list[str], str]:
        code, out, err = command(monkeypatch, capsys, *map(str, arguments))
        return code, out.splitlines(), " ".join(err.split())

    return called


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "in.en", tmp_path / "out.de"]
    paths[0].write_text("\n".join(SENTENCES) + "\n", encoding="utf-8")
    paths[1].write_text("\n".join([*SENTENCES[1:3], "", "ant"]) + "\n", encoding="utf-8")
    return paths


@pytest.mark.parametrize("lines_together", [1, 3, 4, 100])
def test_each_pair_of_lines_gives_a_line(runs, call, files, monkeypatch, lines_together):
    monkeypatch.setattr(score_module, "LINES_TOGETHER", lines_together)
    code, out, _ = call("score", runs[0], "--source", files[0], "--target", files[1])
    expected = Translator.load(runs[0]).score(SENTENCES, [*SENTENCES[1:3], "", "ant"])
    assert code == 0
    assert [[float(number) for number in line.split("\t")] for line in out] == [
        [pytest.approx(scored.log_prob, abs=1e-4), pytest.approx(scored.mean, abs=1e-4)] for scored in expected
    ]
    assert out[2] == "0.000000\t0.000000"


def test_json_has_each_tokens_log_probability(runs, call, files):
    code, out, _ = call("score", runs[0], "--source", files[0], "--target", files[1], "--json")
    found = [json.loads(line) for line in out]
    assert code == 0
    assert found[2] == {"log_prob": 0.0, "mean": 0.0, "tokens": [], "token_log_probs": [], "pieces": 0}
    for line in found[:2]:
        assert line["log_prob"] == pytest.approx(sum(line["token_log_probs"]), abs=1e-5)
        assert len(line["tokens"]) == len(line["token_log_probs"])
        assert line["tokens"][-1] == "</s>"


@pytest.mark.parametrize("lines_together", [1, 2, 3, 4, 100])
def test_files_of_different_lengths_are_named(runs, call, files, monkeypatch, lines_together):
    monkeypatch.setattr(score_module, "LINES_TOGETHER", lines_together)
    files[1].write_text("ant\nbear\n", encoding="utf-8")
    for source, target in (files, files[::-1]):
        code, out, said = call("score", runs[0], "--source", source, "--target", target)
        assert (code, len(out)) == (2, 2)
        assert f"{files[1]} ends after line 2 and {files[0]} goes on; scoring needs one target line" in said


def test_an_ensemble_scores_and_translates(runs, call, files):
    expected = Translator.load_ensemble(runs).score(SENTENCES, [*SENTENCES[1:3], "", "ant"])
    code, out, _ = call("score", runs[0], "--ensemble", runs[1], "--source", files[0], "--target", files[1])
    assert code == 0
    assert [float(line.split("\t")[0]) for line in out] == pytest.approx([s.log_prob for s in expected], abs=1e-4)
    code, out, _ = call("translate", runs[0], "--ensemble", runs[1], "--input", files[0])
    assert (code, out) == (0, Translator.load_ensemble(runs).translate_text(SENTENCES))


def test_an_ensemble_takes_the_first_runs_options_and_the_shortest_limit(runs):
    translator = Translator.load_ensemble(runs[::-1], beam_size=3)
    assert (translator.max_source_tokens, translator.options.beam_size) == (13, 3)
    (alone,), (twice,) = (Translator.load_ensemble(paths).translate(["ant bear"]) for paths in (runs[:1], runs[:1] * 2))
    assert alone.text == twice.text
    assert alone.log_prob == pytest.approx(twice.log_prob, abs=1e-5)


@pytest.mark.parametrize(
    ("languages", "subwords", "said"),
    [
        (("de", "en"), 18, "cannot be an ensemble: the one translates en-de, the other de-en"),
        (("en", "de"), 17, "needs one vocabulary: of the source it has 18 subwords in the one, 17 in the other"),
    ],
)
def test_runs_that_differ_are_named(runs, call, files, tmp_path, languages, subwords, said):
    other = make_run(tmp_path / "other", 1, languages, subwords).path
    code, out, printed = call("score", runs[0], "--ensemble", other, "--source", files[0], "--target", files[1])
    assert (code, out) == (2, [])
    assert printed.startswith(f"{runs[0]} and {other} cannot be an ensemble")
    assert said in printed


def test_a_vocabulary_of_other_subwords_is_named(runs, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(runs[0], other)
    tokenizer_of(["ox yak zebu yak ox zebu."], TokenizerConfig(vocabulary_size=18, kind="bpe")).save(
        other / "tokenizer.model"
    )
    with pytest.raises(RunError, match=r"subword \d+ is '.*' in the one, '.*' in the other"):
        Translator.load_ensemble([runs[0], other])


def test_mbr_reaches_the_translator(runs, call, files):
    expected = Translator.load(runs[0], beam_size=6).with_mbr().translate_text(SENTENCES)
    code, out, _ = call("translate", runs[0], "--beam", 6, "--mbr", "--input", files[0])
    assert (code, out) == (0, expected)
    code, out, said = call("translate", runs[0], "--beam", 1, "--mbr", "--input", files[0])
    assert (code, out) == (2, [])
    assert "MBR chooses among hypotheses, of which greedy search gives one; use a larger beam" in said


def test_an_exported_model_is_no_part_of_an_ensemble(runs, call):
    code, _, said = call("translate", runs[0], "--engine", "saved_model", "--ensemble", runs[1])
    assert code == 2
    assert "leave --ensemble out" in said
