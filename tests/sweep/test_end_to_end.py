"""Sweeps of real trainings on the built-in corpus."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import translator
from tests.toy_language import PATIENCE_SECONDS, finish, start
from translator.data.prepare import prepare
from translator.run_folder import RunFolder
from translator.sweep.halving import Halving
from translator.sweep.run import Asked, make_sweep, run_sweep
from translator.sweep.training import Processes, why
from translator.sweep.trials import read_rows
from translator.training.errors import Paused

CONFIG = """
data:
  train: {grammar: train, pairs: 200}
  validation: {grammar: validation, pairs: 4}
  test: {grammar: test, pairs: 2}
tokenizer: {vocabulary_size: 200}
model: {d_model: 8, d_ff: 8, num_heads: 1, encoder_layers: 1, decoder_layers: 1}
train: {max_steps: 4, batch_tokens: 512, schedule: cosine, warmup_steps: 1, validate_every_steps: 2}
search: {beam_size: 1}
"""


class Here:
    """Prepares and trains in this process."""

    def prepare(self, run: RunFolder, output: Path) -> int:
        with run.locked():
            prepare(run.load_config(), run)
        return 0

    def train(self, run: RunFolder, until_step: int | None, output: Path, slot: int) -> int:
        stores = {path.name: path.stat().st_ino for path in run.data.iterdir()}
        try:
            translator.train(run.config, run.path, console=Console(quiet=True), until_step=until_step)
        except Paused as paused:
            return paused.exit_code
        finally:
            assert {path.name: path.stat().st_ino for path in run.data.iterdir()} == stores  # nothing prepared again
        return 0

    def stop(self) -> None: ...

    def kill(self) -> None: ...


def results_of(folder: Path) -> list[dict[str, Any]]:
    return json.loads((folder / "sweep.json").read_text())["runs"]


def written(folder: Path) -> Path:
    (folder / "tiny.yaml").write_text(CONFIG)
    return folder / "tiny.yaml"


def test_two_runs_are_trained_to_a_rung_and_the_better_one_to_its_end(tmp_path):
    sweep = make_sweep(written(tmp_path), tmp_path / "sweep", Asked(["train.seed=1,2"]), Halving((2,)))
    run_sweep(sweep, 1, print, commands=Here())
    winner, other = results_of(sweep.folder)
    assert [(each["state"], each["steps"]) for each in (winner, other)] == [("finished", 4), ("stopped", 2)]
    assert winner["test_bleu"] is not None
    rows = read_rows(RunFolder(sweep.folder / winner["run"]))
    assert [row["step"] for row in rows if "validation_bleu" in row] == [2, 4]


def test_a_training_is_a_command_on_its_own_cores(tmp_path, monkeypatch):
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "$@; GPU $CUDA_VISIBLE_DEVICES; $(nproc); $TF_CONFIG"\necho last >&2\nexit 3\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setenv("TF_CONFIG", "of a cluster")  # in which the runs take no part together
    before = os.sched_getaffinity(0)
    try:
        assert Processes(2).train(RunFolder(tmp_path / "run"), 500, tmp_path / "output.txt", 1) == 3
    finally:
        os.sched_setaffinity(0, before)
    cores = len(before) // 2 or 1
    run = f"{tmp_path}/run"
    said = f"-m translator train {run}/config.yaml --run {run} --until-step 500; GPU 1; {cores}; {{}}\nlast\n"
    assert (tmp_path / "output.txt").read_text() == said
    assert why(3, tmp_path / "output.txt") == "last"


def test_a_training_that_says_nothing_has_its_exit_code(tmp_path):
    assert why(3, tmp_path / "output.txt") == "exit code 3"


@pytest.mark.faults
def test_a_sweep_that_is_stopped_and_one_that_is_killed_go_on(tmp_path):
    written(tmp_path)
    arguments = "sweep", "tiny.yaml", "--set", "train.seed=1,2", "train.max_steps=200", "--folder", "sweep"
    for number, code in ((signal.SIGTERM, 75), (signal.SIGKILL, -9)):
        sweep = start(tmp_path, *arguments)
        wait_for_progress(tmp_path / "sweep" / "001", sweep)
        sweep.send_signal(number)
        if number == signal.SIGKILL:  # as where memory is short or the power fails: its training ends with it
            holder = re.search(r"\d+", (tmp_path / "sweep" / "001" / "lock").read_text())
            assert holder
            os.kill(int(holder[0]), number)
        assert finish(sweep).code == code
    ran = finish(start(tmp_path, *arguments))
    assert ran.code == 0, ran.err
    assert [(each["state"], each["steps"]) for each in results_of(tmp_path / "sweep")] == [("finished", 200)] * 2


def wait_for_progress(run: Path, process: "subprocess.Popen[bytes]") -> None:
    """Returns when a run has taken further steps."""
    metrics = run / "metrics.jsonl"
    before = metrics.stat().st_mtime_ns if metrics.exists() else 0
    end = time.monotonic() + PATIENCE_SECONDS
    while not metrics.exists() or metrics.stat().st_mtime_ns == before:
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.1)
