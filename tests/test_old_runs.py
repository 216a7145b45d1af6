"""Run folders that version 0.1 wrote: they translate and are evaluated as ever, and cannot be resumed.

The two in `fixtures/run_folder_0_1.tar.xz` were trained by that version on the built-in corpus, `default` with the
settings' defaults but for sizes, `other` with another choice wherever weights or their names depend on one.
"""

import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import keras
import numpy as np
import pytest

from translator.config.load import dump_config, load_config
from translator.config.schema import Config
from translator.data.tokenizer import Tokenizer
from translator.model.build import build_model
from translator.model.weights import read_weights, write_weights
from translator.run_folder import RunError, RunFolder
from translator.training.checkpoints import CheckpointError, Checkpoints
from translator.training.state import TrainingState

FIXTURE = Path(__file__).parent / "fixtures" / "run_folder_0_1.tar.xz"
RUNS = ("default", "other")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("version_0_1")
    with tarfile.open(FIXTURE) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run that may be changed: its configuration alone."""
    with tarfile.open(FIXTURE) as archive:
        archive.extractall(tmp_path, filter="data")
    return RunFolder(tmp_path / "default")


def translator(*arguments: str | Path, given: bytes = b"") -> bytes:
    """What a command prints."""
    command = [sys.executable, "-m", "translator", *map(str, arguments)]
    return subprocess.run(command, input=given, check=True, capture_output=True).stdout


def test_the_fixture_is_small():
    assert FIXTURE.stat().st_size <= 200_000


@pytest.mark.parametrize("name", RUNS)
def test_it_translates_byte_for_byte_as_it_did(folder: Path, name: str):
    report = folder / name / "report"
    # Spaces were neither trimmed nor merged then, which a model that has learned little writes.
    expected = re.sub(rb" +(?=\n)", b"", re.sub(b" +", b" ", (report / "hypothesis.txt").read_bytes()))
    assert translator("translate", folder / name, given=(report / "source.txt").read_bytes()) == expected


@pytest.mark.parametrize("name", RUNS)
def test_it_is_scored_as_it_was(folder: Path, name: str):
    before = json.loads((folder / name / "report" / "scores.json").read_text())
    now = json.loads(translator("eval", folder / name, "--json"))
    assert {name: now[name] for name in before} | {"seconds": 0} == before | {"seconds": 0}


def test_a_run_without_an_epsilon_has_the_epsilon_of_its_time(run: RunFolder):
    assert "layer_norm_epsilon" not in run.config.read_text()
    assert run.load_config().model.layer_norm_epsilon == 1e-6
    assert load_config(run.config).model.layer_norm_epsilon == 1e-5  # as a configuration for another run
    vocabulary = cast(Tokenizer, SimpleNamespace(vocabulary_size=9))
    model = build_model(run.load_config(), vocabulary, vocabulary)
    norms = [layer for layer in model._flatten_layers() if hasattr(layer, "epsilon")]
    assert len(norms) == 2 * 2 + 2 * 3 + 2
    assert {norm.epsilon for norm in norms} == {1e-6}


def asked_for(run: RunFolder, tmp_path: Path, *settings: str) -> Config:
    """The configuration that the run was once started with, as it is read now."""
    path = tmp_path / "asked.yaml"
    path.write_text(run.config.read_text())
    return load_config(path, settings)


def test_the_same_command_claims_it_again_and_again_with_its_own_epsilon(run: RunFolder, tmp_path: Path):
    config = asked_for(run, tmp_path)
    for _ in range(2):
        assert run.claim(config).model.layer_norm_epsilon == 1e-6
        assert "layer_norm_epsilon: 1.0e-06" in run.config.read_text()


def test_another_epsilon_that_is_asked_for_is_another_configuration(run: RunFolder, tmp_path: Path):
    run.claim(asked_for(run, tmp_path, "model.layer_norm_epsilon=1e-6"))
    with pytest.raises(RunError, match=r"model.layer_norm_epsilon was 1e-06 and is 1e-05\."):
        run.claim(asked_for(run, tmp_path, "model.layer_norm_epsilon=1e-5"))


def test_a_run_of_this_version_keeps_the_epsilon_that_it_says(run: RunFolder, tmp_path: Path):
    config, new = asked_for(run, tmp_path), RunFolder(tmp_path / "new")
    assert new.claim(config).model.layer_norm_epsilon == 1e-5
    new.tokenizer("source").touch()
    assert new.claim(config).model.layer_norm_epsilon == new.load_config().model.layer_norm_epsilon == 1e-5
    assert dump_config(new.load_config()) == new.config.read_text()


def test_its_checkpoints_end_in_a_line_that_says_why(folder: Path, tmp_path: Path):
    checkpoints = Checkpoints(tmp_path, keep=2)
    weights = read_weights(folder / "default" / "model" / "weights.safetensors")
    variables = {name: keras.Variable(array) for name, array in weights.items()}
    checkpoints.save(TrainingState(5), variables, {"iteration": keras.Variable(np.int64(5), dtype="int64")})
    with pytest.raises(CheckpointError) as raised:
        checkpoints.restore_newest({}, {})
    assert str(raised.value) == (
        f"{tmp_path / 'step-00000005'} was written by an earlier version of this program, and this one cannot resume "
        "its training. Train on with that version, or start another run (--run); translate, eval and export take the "
        "run as it is"
    )


def test_weights_that_do_not_fit_are_named_as_they_are_now(run: RunFolder):
    weights = read_weights(run.model)
    del weights["transformer/encoder_norm/beta"]
    write_weights(weights, run.model)
    with pytest.raises(subprocess.CalledProcessError) as failed:
        translator("translate", run.path, given=b"A man.\n")
    assert failed.value.returncode == 2
    assert b"encoder.norm.beta (model: (20,), file: none)" in b" ".join(failed.value.stderr.split())
