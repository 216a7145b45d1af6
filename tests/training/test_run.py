"""A run from Python, from configuration and folder to scores."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import translator
from tests.toy_language import metrics, write_language
from translator.config.load import load_config
from translator.errors import TranslatorError
from translator.model.weights import read_weights
from translator.run_folder import RunFolder
from translator.training import saving
from translator.training.errors import Paused
from translator.training.run import TrainingResult

SETTINGS = ("train.max_steps=6", "train.validate_every_steps=3", "model.positions=learned", "train.micro_batches=1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_language(tmp_path_factory.mktemp("language"))


@pytest.fixture(scope="module")
def trained(folder: Path) -> tuple[TrainingResult, str]:
    """A run, and what was printed about it."""
    console = Console(file=io.StringIO(), width=200)
    result = translator.train(folder / "numbers.yaml", folder / "run", SETTINGS, console=console)
    assert isinstance(console.file, io.StringIO)
    return result, console.file.getvalue()


def test_a_run_is_trained_and_scored(trained: tuple[TrainingResult, str], folder: Path):
    result, _ = trained
    assert (result.path, result.step, result.is_chief, result.was_complete) == (folder / "run", 6, True, False)
    assert result.ended == "train.max_steps 6 is reached"
    assert result.report is not None
    assert len(result.report.hypotheses) == 60
    assert result.bleu == json.loads((folder / "run" / "report" / "scores.json").read_text())["bleu"]
    assert [row["step"] for row in metrics(folder / "run") if "validation_bleu" in row] == [3, 6]


def test_a_complete_run_is_not_trained_again(trained: tuple[TrainingResult, str], folder: Path):
    weights = RunFolder(folder / "run").model.read_bytes()
    config = load_config(folder / "numbers.yaml", SETTINGS)
    again = translator.train(config, str(folder / "run"), console=Console(quiet=True))
    assert (again.step, again.was_complete, again.bleu) == (6, True, trained[0].bleu)
    shutil.rmtree(RunFolder(folder / "run").report)
    anew = translator.train(config, str(folder / "run"), console=Console(quiet=True))
    assert anew.bleu == trained[0].bleu
    assert RunFolder(folder / "run").model.read_bytes() == weights


def test_a_run_that_is_killed_before_its_next_model_is_written_is_not_complete(
    trained: tuple[TrainingResult, str], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run = RunFolder(Path(shutil.copytree(folder / "run", tmp_path / "run")))
    before = run.model.read_bytes()
    run.robustness.write_text("{}")
    on = [*SETTINGS, "train.max_steps=9"]

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(saving, "mean_weights", killed)
        with pytest.raises(KeyboardInterrupt):
            translator.train(folder / "numbers.yaml", run.path, on, console=Console(quiet=True))
    assert run.model.read_bytes() == before
    result = translator.train(folder / "numbers.yaml", run.path, on, console=Console(quiet=True))
    assert (result.step, result.was_complete, result.was_scored) == (9, False, False)
    assert run.model.read_bytes() != before
    assert not run.robustness.exists()
    assert translator.train(folder / "numbers.yaml", run.path, on, console=Console(quiet=True)).was_complete


def test_a_run_stops_after_a_step_and_goes_on_as_if_it_had_not(trained: tuple[TrainingResult, str], folder: Path):
    for step in (4, 4):  # between two validations; and there is nothing to do before that step
        with pytest.raises(Paused, match=r"step 4") as paused:
            translator.train(
                folder / "numbers.yaml", folder / "paused", SETTINGS, console=Console(quiet=True), until_step=step
            )
        assert paused.value.exit_code == 0
        assert not RunFolder(folder / "paused").model.exists()
    translator.train(folder / "numbers.yaml", folder / "paused", SETTINGS, console=Console(quiet=True))
    weights = [read_weights(RunFolder(folder / name).model) for name in ("run", "paused")]
    assert all(np.array_equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_a_run_keeps_what_it_printed_and_what_it_ran_on(trained: tuple[TrainingResult, str], folder: Path):
    run, (_, printed) = RunFolder(folder / "run"), trained
    log = run.log.read_text(encoding="utf-8")
    assert "the learning rate will not reach its peak: train.warmup_steps 30, 6 steps" in printed
    for said in ("parameters, ", "train.warmup_steps 30, 6 steps", "training ended after step 6"):
        assert said in log
    assert json.loads(run.environment.read_text())[0]["packages"].keys() > {"numpy", "tensorflow"}


def test_learned_positions_past_the_longest_sentence_equal_the_last_that_training_reaches(
    trained: tuple[TrainingResult, str], folder: Path
):
    run = RunFolder(folder / "run")
    for path in (run.model, *run.checkpoints.glob("step-*/model.safetensors")):
        table = read_weights(path)["target_positions.table"]
        assert len(table) == 25
        same = (table == table[-1]).all(axis=1)
        first = int(np.argmax(same))
        assert 5 < first < 24
        assert same[first:].all()


def test_settings_go_with_a_file_alone(folder: Path):
    with pytest.raises(TypeError, match="settings change a configuration file"):
        translator.train(load_config(folder / "numbers.yaml"), folder / "other", ["train.max_steps=1"])


def test_what_the_user_can_fix_is_a_translator_error(folder: Path):
    with pytest.raises(TranslatorError, match=r"unknown key train\.max_step; did you mean max_steps"):
        translator.train(folder / "numbers.yaml", folder / "other", ["train.max_step=1"])


def test_what_is_refused_leaves_no_folder(folder: Path):
    with pytest.raises(TranslatorError, match="nowhere"):
        translator.train(folder / "numbers.yaml", folder / "refused", ["data.validation=nowhere"])
    assert not (folder / "refused").exists()
