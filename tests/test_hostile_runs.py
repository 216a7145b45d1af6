"""Whatever has become of a run's files: they are read, or named in one line; nothing outside the folder is touched."""

import copy
import hashlib
import json
import math
import os
import shutil
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, example, given
from hypothesis import strategies as st
from rich.console import Console

from tests.hostile import BYTES, DAMAGE, SENTENCES, TEXT, VOCABULARY, Damage, anew, budget, clear_errors, contents
from translator.cli import main
from translator.config.load import load_config, save_config
from translator.config.schema import Config
from translator.data.inputs import Input
from translator.data.prepare import prepare
from translator.data.store import open_store
from translator.data.tokenizer import Tokenizer, TokenizerError
from translator.decoding.options import Hypothesis, SearchOptions
from translator.decoding.translator import Translator
from translator.errors import TranslatorError
from translator.export.formats import export_run
from translator.files import sha256
from translator.model import build as build_module
from translator.model.build import build_model
from translator.model.weights import WeightsError, get_weights, read_weights, set_weights, write_weights
from translator.run_folder import RunError, RunFolder
from translator.training import checkpoints as checkpoints_module
from translator.training import loop as loop_module
from translator.training.averaging import mean_weights
from translator.training.checkpoints import CheckpointError, Checkpoints
from translator.training.display import TrainingProgress
from translator.training.log import MetricsFile
from translator.training.loop import Training
from translator.training.optimizer import Variables
from translator.training.state import TrainingState, Validation
from translator.training.workers import Workers

CONFIG: dict[str, Any] = {
    "data": {"train": {"tsv": "t.tsv"}, "validation": {"tsv": "t.tsv"}, "test": {"tsv": "t.tsv"}, "max_tokens": 200},
    "tokenizer": {"vocabulary_size": VOCABULARY},
    "model": {"d_model": 4, "d_ff": 4, "num_heads": 1, "encoder_layers": 1, "decoder_layers": 1},
    "train": {"max_steps": 9, "warmup_steps": 0, "batch_tokens": 400},
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT, lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(TEXT | st.sampled_from(["step", "epoch", "state", "sha256"]), inner, max_size=3), max_leaves=6,
)  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with random weights, a store and two checkpoints."""
    root = tmp_path_factory.mktemp("hostile")
    (root / "t.tsv").write_text("".join(f"{line}\t{line}\n" for line in SENTENCES))
    config = Config.model_validate(CONFIG | {"data": CONFIG["data"] | {"root": root}})
    run = RunFolder(root / "run")
    run.claim(config)
    tokenizers, _ = prepare(config, run)
    write_weights(get_weights(build_model(config, *tokenizers).named_weights()), run.model)
    run.metrics.write_text('{"step": 1}\n{"step": 2}\n')
    checkpoints = Checkpoints(run.checkpoints, keep=2)
    for step in (1, 2):
        state = TrainingState(step, training_seconds=0.5, validations=[Validation(step, 2.0, 1.0, math.nan)])
        checkpoints.save(state, *variables_of(step))
    return run.path


def variables_of(seed: int) -> tuple[Variables, Variables]:
    """Variables as of a model and of its optimizer."""
    rng = np.random.default_rng(seed)
    weight, moment = (keras.Variable(rng.random((2, 3)).astype(np.float32)) for _ in range(2))
    return {"weight": weight}, {"m.weight": moment}


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> RunFolder:
    return RunFolder(anew(tmp_path / "run", whole))


def spelling(source: Tokenizer, target: Tokenizer) -> Translator:
    """Translates anything with all the subwords that there are."""

    class SpellingEngine:
        def search(self, sources: Sequence[Sequence[int]], options: SearchOptions) -> list[list[Hypothesis]]:
            return [[Hypothesis(tuple(range(target.vocabulary_size)), 0.0, 0.0)] for _ in sources]

    options = SearchOptions(1, length_penalty=1.0, max_length_factor=1.0, max_length_margin=1)
    return Translator((source, target), SpellingEngine(), options, 24, 4)


# The model that one translates with


@budget(60)
@given(damage=DAMAGE, name=st.sampled_from(["config.yaml", "tokenizer.source.model", "model/weights.safetensors"]))
def test_a_damaged_run_translates_line_by_line_or_is_named_in_one_line(
    damage: Damage, name: str, whole: Path, tmp_path: Path
):
    run = RunFolder(anew(tmp_path / "run", whole))
    damage(run.path / name)
    with clear_errors(TranslatorError, run.path):
        loaded = Translator.load(run.path)
        translations = spelling(loaded.source, loaded.target).translate_text(["one red dogs", "", "日本\n"])
        assert [text.count("\n") for text in translations] == [0, 0, 0]


@budget(100)
@given(place=st.integers(0, 2**20), byte=st.integers(0, 255), length=st.integers(1, 40), early=st.booleans())
def test_a_tokenizer_with_other_bytes_spells_lines_or_is_named(
    place: int, byte: int, length: int, early: bool, whole: Path, tmp_path: Path
):
    content = bytearray((whole / "tokenizer.source.model").read_bytes())
    place %= 600 if early else len(content)  # the subwords stand at the beginning
    content[place : place + length] = bytes([byte]) * length
    run = RunFolder(tmp_path)
    (tmp_path / "tokenizer.source.model").write_bytes(content)
    with clear_errors(TranslatorError, "tokenizer.source.model"):
        tokenizer = Tokenizer.load(run.tokenizer("source"))
        texts = spelling(tokenizer, tokenizer).translate_text(["one red dogs ꙮ ﷺ ½", "two\u2028"])
        assert [text.count("\n") for text in texts] == [0, 0]


def test_a_subword_with_the_end_of_a_line_ends_none(whole: Path):
    tokenizer = Tokenizer.load(whole / "tokenizer.source.model")
    longest = max(tokenizer.pieces(range(VOCABULARY)), key=len).encode()
    ended = Tokenizer(tokenizer.model.replace(longest, longest[:-1] + b"\n"))
    assert any("\n" in piece for piece in ended.pieces(range(VOCABULARY)))
    assert "\n" not in ended.decode([range(VOCABULARY)])[0]


def test_a_subword_that_is_no_text_is_told(run: RunFolder):
    tokenizer = Tokenizer.load(run.tokenizer("source"))
    longest = max(tokenizer.pieces(range(VOCABULARY)), key=len).encode()
    run.tokenizer("source").write_bytes(tokenizer.model.replace(longest, longest[:-1] + b"\xff"))
    with pytest.raises(
        TokenizerError, match=r"tokenizer.source.model: the SentencePiece model has a subword that is not UTF-8"
    ):
        Tokenizer.load(run.tokenizer("source"))


TENSORS = st.dictionaries(
    st.sampled_from(["weight", "__metadata__", "bias"]) | TEXT,
    st.fixed_dictionaries(
        {
            "dtype": st.sampled_from(["F32", "F64", "F16", "BF16", "F8_E4M3", "F4", "I8", "U64", "BOOL", "C64", "X"]),
            "shape": st.sampled_from([[2, 3], [6], [], [0], [2**40], [2**63, 2], [-1], [1] * 99, [0] * 99, "6", None]),
            "data_offsets": st.sampled_from(
                [[0, 24], [0, 48], [0, 12], [0, 6], [24, 0], [4, 28], [0, 2**62], [], None]
            ),
        }
    )
    | JSON,
    max_size=2,
)


def tensor(dtype: str, shape: list[int], size: int) -> dict[str, Any]:
    return {"weight": {"dtype": dtype, "shape": shape, "data_offsets": [0, size]}}


@budget(200)
@example(header=tensor("BF16", [2, 3], 12), announced=None, values=bytes(12))
@example(header=tensor("F8_E4M3", [2, 3], 6), announced=None, values=bytes(6))
@example(header=tensor("C64", [2, 3], 48), announced=None, values=bytes(48))
@example(header=tensor("F32", [1] * 99, 4), announced=None, values=bytes(4))
@example(header=tensor("F32", [2, 3], 24), announced=None, values=bytes(24))
@given(header=TENSORS, announced=st.none() | st.sampled_from([0, 2**40, 2**64 - 1]), values=st.binary(max_size=48))
def test_any_safetensors_header_gives_weights_that_fit_or_one_line(
    header: dict[str, Any], announced: int | None, values: bytes, tmp_path: Path
):
    path, text = tmp_path / "weights.safetensors", json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if announced is None else announced) + text + values)
    weights, _ = variables_of(1)
    before = weights["weight"].numpy()
    with clear_errors(WeightsError, path) as lines:
        set_weights(weights, read_weights(path), path)
    assert not lines or (weights["weight"].numpy() == before).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int8])
def test_weights_of_other_precision_are_taken(dtype: type):
    weights, _ = variables_of(1)
    set_weights(weights, {"weight": np.ones((2, 3), dtype)}, Path("w"))
    np.testing.assert_array_equal(weights["weight"].numpy(), np.ones((2, 3), np.float32))


def test_weights_that_are_complex_are_named_and_change_nothing():
    variables = {**variables_of(1)[0], "bias": keras.Variable(np.zeros(2, np.float32))}
    weights = {"weight": np.ones((2, 3), np.float32), "bias": np.ones(2, np.complex64)}
    with pytest.raises(WeightsError, match=r"^w: bias holds complex64; the model's are float32$"):
        set_weights(variables, weights, Path("w"))
    assert not (variables["weight"].numpy() == 1).any()


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_no_numbers_do_not_translate(run: RunFolder, value: float):
    weights = {name: array.copy() for name, array in read_weights(run.model).items()}
    weights["encoder.layers.0.feed_forward.inner.bias"][0] = value
    write_weights(weights, run.model)
    with pytest.raises(
        WeightsError, match=r"NaN or infinite numbers in encoder\.layers\.0\.feed_forward\.inner\.bias$"
    ):
        Translator.load(run.path)


@budget(15)
@given(damage=DAMAGE)
def test_a_damaged_export_is_named_in_one_line(damage: Damage, tmp_path: Path):
    shutil.rmtree(tmp_path / "export", ignore_errors=True)
    tf.saved_model.save(tf.Module(), str(tmp_path / "export"))
    damage(tmp_path / "export" / "saved_model.pb")
    with clear_errors(RunError, tmp_path / "export") as lines:
        Translator.load_exported(tmp_path / "export")
    assert len(lines) == 1


FORGED = {"d_model": 65_536, "d_ff": 2**20, "encoder_layers": 1000, "decoder_layers": 1000, "positions": "learned"}


def forged(run: RunFolder, **model: Any) -> Config:
    """A configuration of a model that no memory holds, in the place of the run's."""
    config = load_config(run.config)
    config = config.model_copy(update={"model": config.model.model_copy(update=model)})
    save_config(config, run.config)
    return config


@pytest.fixture
def nothing_allocated(monkeypatch: pytest.MonkeyPatch) -> None:
    def allocated(*_: Any) -> None:
        raise AssertionError("a model was built")

    monkeypatch.setattr(build_module, "build_model", allocated)
    monkeypatch.setattr(loop_module, "build_model", allocated)


@pytest.mark.parametrize("key", list(FORGED)[:4])
def test_a_model_larger_than_its_file_is_refused_before_memory_is_taken(
    run: RunFolder, key: str, nothing_allocated: None
):
    forged(run, **{key: FORGED[key]})
    with pytest.raises(WeightsError, match=f"^{run.model} holds the weights of another model; they differ in ") as told:
        Translator.load(run.path)
    assert str(FORGED[key]) in str(told.value) or "coder.layers.1" in str(told.value)


def test_a_forged_model_is_named_by_every_command(run: RunFolder, tmp_path: Path, nothing_allocated: None):
    forged(run, **FORGED)
    for load in (lambda: Translator.load(run.path), lambda: export_run(run.path, tmp_path / "exported")):
        with pytest.raises(WeightsError, match=r"they differ in decoder\.layers\.0\..* and [0-9,]+ more$"):
            load()


def test_training_resumes_no_checkpoint_of_a_forged_model(run: RunFolder, nothing_allocated: None):
    config = forged(run, d_model=65_536)
    tokenizers, store = prepare(config, run)
    with pytest.raises(WeightsError, match=r"step-00000002/model.safetensors holds the weights of another model"):
        Training(config, run, tokenizers, store, Workers.join(["CPU:0"], print), TrainingProgress(Console(quiet=True)))


# Checkpoints


def restored(run: RunFolder) -> TrainingState | None:
    """What training would resume from; the error, if it is one, is a line."""
    with clear_errors(TranslatorError):
        return Checkpoints(run.checkpoints, keep=2).restore_newest(*variables_of(9))
    return None


@budget(60)
@given(damage=DAMAGE, name=st.sampled_from(["state.json", "model.safetensors", "optimizer.safetensors"]))
def test_a_damaged_checkpoint_is_set_aside_for_the_one_before(damage: Damage, name: str, whole: Path, tmp_path: Path):
    run = RunFolder(anew(tmp_path / "run", whole))
    path = run.checkpoints / "step-00000002" / name
    damage(path)
    state = restored(run)
    assert state is not None
    assert state.step == 1
    restored(run)
    assert (run.checkpoints / "step-00000001" / name).is_file()


@budget(150)
@given(data=st.data(), honest=st.booleans())
def test_any_state_is_intact_or_set_aside(data: st.DataObject, honest: bool, whole: Path, tmp_path: Path):
    run = RunFolder(anew(tmp_path / "run", whole))
    path = run.checkpoints / "step-00000002" / "state.json"
    manifest = json.loads(path.read_text())
    # Another value somewhere, and, where someone means it, the checksum that goes with it.
    place = data.draw(st.sampled_from([("state",), ("sha256",), *(("state", key) for key in manifest["state"])]))
    changed = copy.deepcopy(manifest)
    inner = changed if len(place) == 1 else changed["state"]
    inner[place[-1]] = data.draw(JSON)
    if honest and isinstance(changed["sha256"], dict):
        text = json.dumps(changed["state"], sort_keys=True)
        changed["sha256"]["state"] = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(json.dumps(changed))
    state = restored(run)
    assert state is not None
    assert state.step in (1, 2)
    assert min(state.target_tokens, state.position.epoch, state.position.batch, state.training_seconds) >= 0
    assert len(state.window) == 5
    assert all(isinstance(validation, Validation) for validation in state.validations)


@budget(100)
@given(content=JSON.map(json.dumps) | TEXT | st.sampled_from(["[" * 100_000, "1" * 5000, '{"a":' * 90_000]))
def test_any_manifest_of_a_checkpoint_is_set_aside(content: str, whole: Path, tmp_path: Path):
    run = RunFolder(anew(tmp_path / "run", whole))
    (run.checkpoints / "step-00000002" / "state.json").write_text(content, errors="replace")
    state = restored(run)
    assert state is not None
    assert state.step == 1


def test_a_manifest_leads_to_no_other_file(run: RunFolder, monkeypatch: pytest.MonkeyPatch):
    path = run.checkpoints / "step-00000002" / "state.json"
    manifest = json.loads(path.read_text())
    manifest["sha256"] |= {"../../../secret": "0" * 64, "/etc/passwd": "0" * 64, "/dev/zero": "0" * 64}
    path.write_text(json.dumps(manifest))
    read: list[Path] = []

    def noting(path: Path) -> str:
        read.append(path)
        return sha256(path)

    monkeypatch.setattr(checkpoints_module, "sha256", noting)
    state = restored(run)
    assert state is not None
    assert state.step == 2
    assert [path.parent.name for path in read] == ["step-00000002"] * 2


def test_a_manifest_without_a_checksum_is_damaged(run: RunFolder, caplog: pytest.LogCaptureFixture):
    path = run.checkpoints / "step-00000002" / "state.json"
    manifest = json.loads(path.read_text())
    del manifest["sha256"]["optimizer.safetensors"]
    path.write_text(json.dumps(manifest))
    state = restored(run)
    assert state is not None
    assert state.step == 1
    assert "optimizer.safetensors" in caplog.text


@pytest.mark.parametrize(
    "name", ["step-00000002-copy1", "step-abc9", "step-9", "step-0000000009", "step-٠٠٠٠٠٠٠9", "step-" + "9" * 240]
)
def test_a_folder_that_is_only_called_like_a_checkpoint_is_left_alone(run: RunFolder, name: str):
    shutil.copytree(run.checkpoints / "step-00000001", run.checkpoints / name)
    checkpoints = Checkpoints(run.checkpoints, keep=1)
    assert 9 not in checkpoints.steps()
    state = restored(run)
    assert state is not None
    assert state.step == 2
    checkpoints.prune([])
    assert (run.checkpoints / name / "model.safetensors").is_file()


def test_a_checkpoint_of_another_step_than_its_name_says_is_set_aside(run: RunFolder):
    (run.checkpoints / "step-00000002").rename(run.checkpoints / "step-00000003")
    state = restored(run)
    assert state is not None
    assert state.step == 1


def test_a_checkpoint_that_is_damaged_again_is_set_aside_again(run: RunFolder):
    for _ in range(2):
        (run.checkpoints / "step-00000002" / "model.safetensors").write_bytes(b"")
        assert restored(run) is not None
        Checkpoints(run.checkpoints, keep=2).save(TrainingState(2), *variables_of(2))
    state = restored(run)
    assert state is not None
    assert state.step == 2


def test_a_link_in_a_checkpoints_place_is_neither_followed_nor_emptied(run: RunFolder, tmp_path: Path):
    outside = anew(tmp_path / "outside", run.checkpoints / "step-00000001")
    before = contents(outside)
    (run.checkpoints / "step-00000000").symlink_to(outside)
    (run.checkpoints / "step-00000009.partial").symlink_to(outside)
    checkpoints = Checkpoints(run.checkpoints, keep=1)
    assert checkpoints.steps() == [1, 2]
    checkpoints.prune([])
    assert contents(outside) == before


def test_a_damaged_checkpoint_is_not_averaged(run: RunFolder):
    path = run.checkpoints / "step-00000001" / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"step-00000001 is damaged \(model.safetensors\); delete it, and"):
        mean_weights(Checkpoints(run.checkpoints, keep=2), [1, 2])


# Links, pipes and devices


@pytest.mark.parametrize(
    "name",
    [
        *("config.yaml", "metrics.jsonl", "metrics.jsonl.partial", "checkpoints", "checkpoints/step-00000003.partial"),
        *("data", "data.partial", "tensorboard", "report", "report/scores.json", "model/weights.safetensors.partial"),
    ],
)
@pytest.mark.parametrize("relative", [True, False])
def test_a_link_out_of_the_run_folder_is_refused_before_anything_is_written(
    run: RunFolder, tmp_path: Path, name: str, relative: bool
):
    config = load_config(run.config)
    outside = anew(tmp_path / "outside", run.path)
    before = contents(outside)
    path = run.path / name
    path.parent.mkdir(exist_ok=True)
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    target = outside / name if (outside / name).exists() else outside
    path.symlink_to(os.path.relpath(target, path.parent) if relative else target)
    with pytest.raises(RunError, match=f"^{path} is a link out of the run folder"):
        run.claim(config)
    assert contents(outside) == before


def test_eval_writes_no_report_through_a_link_out_of_the_run_folder(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "outside").mkdir()
    run.report.symlink_to(tmp_path / "outside")
    monkeypatch.setattr(sys, "argv", ["translator", "eval", str(run.path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith(f"{run.report} is a link out of the run folder")
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_run_folder_may_itself_be_a_link_and_have_links_within(run: RunFolder, tmp_path: Path):
    (run.path / "newest").symlink_to("checkpoints/step-00000002")
    (tmp_path / "link").symlink_to(run.path)
    RunFolder(tmp_path / "link").claim(load_config(run.config))


def test_a_pipe_in_a_run_folder_is_refused(run: RunFolder):
    os.mkfifo(run.data / "pipe")
    with pytest.raises(RunError, match=f"^{run.data / 'pipe'} is neither a file nor a folder"):
        run.claim(load_config(run.config))


def test_a_folder_with_a_configuration_and_other_things_is_not_claimed(run: RunFolder, tmp_path: Path):
    config = load_config(run.config)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "config.yaml").write_text("my: own\n")
    (mine / "thesis.tex").touch()
    before = contents(mine)
    with pytest.raises(RunError, match=f"^{mine} is neither empty nor a run"):
        RunFolder(mine).claim(config)
    assert contents(mine) == before


# What a run has prepared and measured


@budget(80)
@given(
    damage=DAMAGE,
    name=st.sampled_from(["manifest.json", "source.ids", "source.offsets", "target.ids", "target.offsets", "numbers"]),
)
def test_a_damaged_store_is_written_anew_or_can_be_read(damage: Damage, name: str, whole: Path, tmp_path: Path):
    run = RunFolder(anew(tmp_path / "run", whole))
    damage(run.data / name)
    assume(not (run.data / name).is_fifo())  # which `claim` refuses
    _, store = prepare(load_config(run.config), run)
    assert [len(store), len(store.target), len(store.numbers)] == [len(SENTENCES)] * 3
    assert [len(ids) > 0 for side in (store.source, store.target) for ids in side] == [True] * 2 * len(SENTENCES)


@budget(150)
@given(data=st.data())
def test_any_manifest_of_a_store_is_sound_or_no_store(data: st.DataObject, whole: Path, tmp_path: Path):
    folder = anew(tmp_path / "data", whole / "data")
    manifest = json.loads((folder / "manifest.json").read_text())
    fingerprint = manifest["fingerprint"]
    key = data.draw(st.sampled_from([*manifest, "kept"]))
    value = data.draw(
        JSON | st.sampled_from(["object", "O", "int8", "../numbers", [60, 0], [-1, 60], [59], [9, 60], {}])
    )
    (manifest["counts"] if key == "kept" else manifest)[key] = value
    (folder / "manifest.json").write_text(json.dumps(data.draw(st.just(manifest) | JSON)))
    store = open_store(folder, fingerprint)
    if store is not None:
        assert sum(map(len, store.corpora)) == len(store) == len(store.target) == len(store.numbers) == len(SENTENCES)


@budget(60)
@given(inputs=JSON | st.lists(st.fixed_dictionaries(dict.fromkeys(Input._fields, JSON))))
def test_any_list_of_inputs_is_taken_or_made_anew(inputs: Any, whole: Path, tmp_path: Path):
    run = RunFolder(anew(tmp_path / "run", whole))
    before = json.loads(run.inputs.read_text())
    run.inputs.write_text(json.dumps(inputs))
    with clear_errors(RunError, "other data"):  # of a trained run: what a list says that is none of this one
        prepare(load_config(run.config), run)
    shutil.rmtree(run.checkpoints)
    shutil.rmtree(run.model.parent)
    run.inputs.write_text(json.dumps(inputs))
    prepare(load_config(run.config), run)
    assert json.loads(run.inputs.read_text()) == before


@budget(60)
@given(rows=st.lists(JSON.map(lambda row: json.dumps(row).encode()) | BYTES | st.just(b'{"step": 3, "loss": 0.5}')))
def test_of_any_metrics_the_rows_up_to_the_step_are_kept(rows: list[bytes], tmp_path: Path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b"\n".join(rows))
    MetricsFile(path, resumed_step=5)
    kept = [json.loads(row) for row in path.read_text(encoding="utf-8").splitlines()]
    assert all(float(row["step"]) <= 5 for row in kept)
    assert sum(row == {"step": 3, "loss": 0.5} for row in kept) >= rows.count(b'{"step": 3, "loss": 0.5}')
