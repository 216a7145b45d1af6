"""The whole road on a toy language, by the command line alone: number words, translated word by word.

Training starts TensorFlow in processes of its own, several side by side; what ends in an error before that is asked of
`main` in this process.
"""

import contextlib
import json
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from tests.toy_language import (
    ENGLISH,
    MAX_STEPS,
    PATIENCE_SECONDS,
    SPLITS,
    Ran,
    finish,
    metrics,
    metrics_without_clock,
    start,
    train,
    write_language,
)
from translator.cli import main
from translator.config.load import load_config
from translator.run_folder import RunFolder
from translator.run_log import LogLine

JSON_KEYS = [
    "bleu", "bleu_signature", "chrf", "chrf_signature", "ter", "ter_signature",
    "bleu_lowercase_tokenized", "bleu_lowercase_tokenized_signature", "chrf_plus_plus", "chrf_plus_plus_signature",
    "spbleu", "spbleu_signature", "intervals", "sentences", "seconds", "hypothesis_tokens", "nll", "perplexity",
    "external", "test_set",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corpus and a configuration; runs go here too."""
    return write_language(tmp_path_factory.mktemp("road"))


def interrupt(process: "subprocess.Popen[bytes]", rows: Path, step: int) -> None:
    """Sends SIGTERM once a row of metrics of that step is there."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (rows.exists() and any(row["step"] >= step for row in metrics(rows.parent))):
        assert process.poll() is None, finish(process).err
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)


@dataclass
class Runs:
    """The same run twice: in one go, and in two parts."""

    whole: Ran
    scores: dict[str, Any]  # in the report that training ended with
    stopped: Ran  # by a signal
    steps_when_stopped: int
    ended: Ran
    again: Ran  # the first one, which is complete
    evaluated: Ran
    translated: Ran


@pytest.fixture(scope="module")
def runs(folder: Path) -> Iterator[Runs]:
    with contextlib.ExitStack() as at_the_end:

        def started(process: "subprocess.Popen[bytes]") -> "subprocess.Popen[bytes]":
            at_the_end.callback(process.kill)
            return process

        # As many side by side as do not wait for another.
        whole = started(train(folder, "whole"))
        parts = started(train(folder, "in parts", "train.average_checkpoints=1", "train.keep_checkpoints=1"))
        interrupt(parts, folder / "in parts" / "metrics.jsonl", 240)
        stopped = finish(parts)
        saved = max(
            int(path.name.removeprefix("step-")) for path in (folder / "in parts" / "checkpoints").glob("step-*")
        )
        ended = started(train(folder, "in parts"))
        ran = finish(whole)
        assert ran.code == 0, ran.err
        scores = json.loads((folder / "whole" / "report" / "scores.json").read_text(encoding="utf-8"))
        again = started(train(folder, "whole"))
        evaluated = started(start(folder, "eval", "whole", "--json"))
        translated = started(start(folder, "translate", "whole"))
        yield Runs(
            ran,
            scores,
            stopped,
            saved,
            finish(ended),
            finish(again),
            finish(evaluated),
            translated_by_pipe(translated, given(folder)),
        )


def translated_by_pipe(process: "subprocess.Popen[bytes]", lines: bytes) -> Ran:
    """Writes the first line, waits for its translation, and only then writes the others."""
    assert process.stdin is not None
    assert process.stdout is not None
    first, others = lines.split(b"\n", 1)
    process.stdin.write(first + b"\n")
    process.stdin.flush()
    assert select.select([process.stdout], [], [], PATIENCE_SECONDS)[0], "no answer to the first line alone"
    answer = process.stdout.readline()
    ran = finish(process, others)
    return Ran(ran.code, answer + ran.out, ran.err)


def given(folder: Path) -> bytes:
    """Lines to translate; the first is the test set's first."""
    first = (folder / "test.en").read_text(encoding="utf-8").splitlines()[0]
    return "\n".join([first, "", "two three four", "  ", " ".join(ENGLISH * 5), "犬"]).encode()


@pytest.fixture(scope="module")
def trained(folder: Path, runs: Runs) -> Path:
    return folder / "whole"


@pytest.fixture(scope="module")
def evaluated(runs: Runs) -> Ran:
    return runs.evaluated


@pytest.fixture(scope="module")
def translated(runs: Runs) -> Ran:
    return runs.translated


# Training


def test_the_language_is_learned(runs: Runs):
    assert runs.scores["bleu"] > 60


def test_the_run_folder_is_as_designed(trained: Path):
    names = {"config.yaml", "metrics.jsonl", "tensorboard", "checkpoints", "model", "report", "data"}
    tokenizers = {"tokenizer.source.model", "tokenizer.target.model"}
    assert {path.name for path in trained.iterdir()} == names | tokenizers | {
        "lock",
        "inputs.json",
        "environment.json",
        "log.txt",
    }
    assert list((trained / "tensorboard").iterdir())
    assert not list(trained.rglob("*.partial"))


def test_metrics_have_one_object_a_row_each_with_its_step(trained: Path):
    rows = metrics(trained)
    trainings = [row for row in rows if "loss" in row]
    validations = [row for row in rows if "validation_bleu" in row]
    assert [row["step"] for row in trainings] == list(range(20, MAX_STEPS + 1, 20))
    assert [row["step"] for row in validations] == [60, 120, 180, 240, 300]
    assert len(rows) == len(trainings) + len(validations)
    assert [row["step"] for row in rows] == sorted(row["step"] for row in rows)
    assert all(isinstance(value, int | float) and np.isfinite(value) for row in rows for value in row.values())
    for row in trainings:
        assert row["perplexity"] == pytest.approx(np.exp(row["nll"]))
        assert 0 < row["nll"] < row["loss"]
        # The paper's schedule: rising to 0.01 at step 30, then falling with 1/√step.
        expected = 0.01 * min(row["step"] / 30, (30 / row["step"]) ** 0.5)
        assert row["learning_rate"] == pytest.approx(expected, rel=1e-5)
    assert trainings[-1]["nll"] < trainings[0]["nll"]
    best = [max(row["validation_bleu"] for row in validations[: i + 1]) for i in range(5)]
    assert [row["best_validation_bleu"] for row in validations] == best


def test_the_report_has_the_test_set_untouched_and_a_translation_for_each_line(folder: Path, trained: Path):
    report = trained / "report"
    assert (report / "source.txt").read_bytes() == (folder / "test.en").read_bytes()
    assert (report / "reference.txt").read_bytes() == (folder / "test.de").read_bytes()
    assert len((report / "hypothesis.txt").read_text(encoding="utf-8").splitlines()) == SPLITS["test"]


def test_the_model_is_the_mean_of_the_last_validated_checkpoints(trained: Path):
    averaged = safetensors.numpy.load_file(trained / "model" / "weights.safetensors")
    folders = [trained / "checkpoints" / f"step-{step:08d}" for step in (180, 240, 300)]
    weights = [safetensors.numpy.load_file(folder / "model.safetensors") for folder in folders]
    for name, array in averaged.items():
        mean = np.mean([each[name] for each in weights], axis=0, dtype=np.float64)
        np.testing.assert_allclose(array, mean, rtol=1e-6)


def test_progress_goes_to_standard_error(runs: Runs):
    assert f"step {MAX_STEPS}: validation loss" in runs.whole.err
    assert f"training ended after step {MAX_STEPS}: train.max_steps {MAX_STEPS} is reached\n" in runs.whole.err
    assert "BLEU" in runs.whole.out.decode()
    assert "step" not in runs.whole.out.decode()
    assert "Translate with:  echo 'A sentence.' | " in runs.whole.err


def test_the_run_folder_says_how_it_was_started_and_what_was_printed(folder: Path, runs: Runs):
    starts = json.loads((folder / "in parts" / "environment.json").read_text(encoding="utf-8"))
    assert [" train numbers.yaml --run 'in parts'" in start["command"] for start in starts] == [True, True]
    assert all(start["packages"]["tensorflow"].startswith("2.") and start["gpus"] is not None for start in starts)
    log = (folder / "in parts" / "log.txt").read_text(encoding="utf-8")
    lines = [LogLine.of(line) for line in log.splitlines()]
    logged = [line.text.removeprefix(f"{line.level}: ") for line in lines]
    printed = [line for ran in (runs.stopped, runs.ended) for line in ran.err.splitlines()]
    assert [line for line in printed if line not in logged] == [line for line in printed if "Translate with:" in line]


# Stopping and going on


def test_a_run_that_was_stopped_says_so_and_ends_with_code_75(runs: Runs):
    assert runs.stopped.code == 75
    assert 240 <= runs.steps_when_stopped < MAX_STEPS
    assert f"stopped after step {runs.steps_when_stopped}; a checkpoint is saved" in runs.stopped.err
    assert "Traceback" not in runs.stopped.err
    assert runs.stopped.out == b""


def test_a_run_goes_on_where_it_stopped(runs: Runs):
    assert f"resuming after step {runs.steps_when_stopped}; " in runs.ended.err
    assert "python -m translator translate 'in parts'\n" in runs.ended.err


def test_a_run_in_pieces_ends_with_the_very_weights_of_one_in_one_go(folder: Path, trained: Path, runs: Runs):
    for name in ("model.safetensors", "optimizer.safetensors"):
        one, other = (folder / run / "checkpoints" / f"step-00000{MAX_STEPS}" / name for run in ("whole", "in parts"))
        assert one.read_bytes() == other.read_bytes(), name


def test_a_run_in_pieces_has_the_very_metrics_of_one_in_one_go(folder: Path, trained: Path, runs: Runs):
    assert metrics_without_clock(folder / "in parts") == metrics_without_clock(folder / "whole")


def test_training_what_is_complete_says_so_and_trains_no_more(trained: Path, runs: Runs):
    assert runs.again.code == 0, runs.again.err
    said = f"whole is complete, after {MAX_STEPS} steps: train.max_steps {MAX_STEPS} is reached. "
    assert f"{said}To train on, raise train.max_steps; to start afresh:  rm -r whole" in runs.again.err
    assert "rm -r whole" in runs.again.err
    assert runs.again.out == b""
    assert metrics(trained)[-1]["step"] == MAX_STEPS


def test_more_checkpoints_can_be_averaged_when_a_run_goes_on(runs: Runs):
    # The last three validated ones are asked for, but the first of them went when one was.
    assert runs.ended.code == 0, runs.ended.err


def test_a_limit_of_epochs_lets_the_last_epoch_end():
    # The plans of epochs differ in length: the first may have nine batches, and this one ten.
    from translator.data.plan import Position
    from translator.training.state import TrainingState
    from translator.training.stopping import Limits

    limits = Limits(max_steps=float("inf"), max_epochs=2, max_seconds=float("inf"))
    assert limits.fraction(TrainingState(position=Position(epoch=1, batch=9)), steps_per_epoch=9) < 1
    assert limits.fraction(TrainingState(position=Position(epoch=2, batch=0)), steps_per_epoch=9) >= 1


# Training that goes wrong


def test_a_run_that_diverges_goes_back_shows_the_pairs_and_ends_in_one_line(folder: Path):
    ran = finish(train(folder, "diverging", "train.learning_rate=1e30", "train.warmup_steps=0", "model.dropout=0"))
    assert ran.code == 2
    assert "Traceback" not in ran.err
    assert re.search(
        r"step \d+: the loss or its gradient is NaN or infinite; skipped this update by \d+ pairs", ran.err
    )
    place, english = re.search(r"train\.en:(\d+): (.*?)  \|  ", ran.err).groups()  # type: ignore[union-attr]
    assert (folder / "train.en").read_text(encoding="utf-8").splitlines()[int(place) - 1] == english
    assert ran.err.count("going back to step 0 and on with half the learning rate") == 4
    assert "still at the learning rate 6.25e+28. A lower train.learning_rate" in ran.err
    assert ran.out == b""
    manifest = json.loads((folder / "diverging" / "checkpoints" / "step-00000000" / "state.json").read_text())
    assert manifest["state"]["rate_halvings"] == 4, "a run that is killed now must not go on at the full rate"


# Preparing


def test_prepare_is_what_training_begins_with(folder: Path, trained: Path):
    ran = finish(start(folder, "prepare", "numbers.yaml", "--run", "prepared"))
    assert ran.code == 0, ran.err
    assert ran.out == b""
    assert "prepared/data: 800 pairs; " in ran.err
    tokenizers = ("tokenizer.source.model", "tokenizer.target.model")
    for name in (*tokenizers, "data/source.ids", "data/target.offsets", "data/numbers"):
        assert (folder / "prepared" / name).read_bytes() == (trained / name).read_bytes(), name
    assert {path.name for path in (folder / "prepared").iterdir()} == {
        "config.yaml",
        *tokenizers,
        "data",
        "lock",
        "inputs.json",
        "environment.json",
        "log.txt",
    }


# Evaluating


def test_eval_json_prints_one_object_and_nothing_else(evaluated: Ran):
    assert evaluated.code == 0, evaluated.err
    assert evaluated.out.endswith(b"}\n")
    assert evaluated.out.count(b"\n") == 1
    figures = json.loads(evaluated.out)
    assert list(figures) == JSON_KEYS
    assert figures["sentences"] == SPLITS["test"]
    assert figures["seconds"] > 0
    assert figures["hypothesis_tokens"] >= 3 * SPLITS["test"]


def test_eval_gives_the_scores_of_the_sacrebleu_command_on_the_reports_files(trained: Path, evaluated: Ran):
    command = ["reference.txt", "-i", "hypothesis.txt", "-m", "bleu", "chrf", "ter", "-w", "12"]
    ran = subprocess.run(
        [sys.executable, "-m", "sacrebleu", *command],
        cwd=trained / "report",
        capture_output=True,
        text=True,
        check=True,
    )
    figures = json.loads(evaluated.out)
    for row, name in zip(json.loads(ran.stdout), ("bleu", "chrf", "ter"), strict=True):
        assert round(figures[name], 12) == row["score"]
        assert figures[f"{name}_signature"] == row["signature"]


def test_evaluating_gives_what_training_ended_with(runs: Runs, evaluated: Ran):
    figures = json.loads(evaluated.out)
    assert figures | {"seconds": 0} == runs.scores | {"seconds": 0}


# Translating


def test_translate_gives_one_line_for_each_in_order_blank_for_blank(trained: Path, translated: Ran):
    assert translated.code == 0, translated.err
    assert translated.out.endswith(b"\n")
    lines = translated.out.decode().split("\n")[:-1]
    assert len(lines) == 6
    hypotheses = (trained / "report" / "hypothesis.txt").read_text(encoding="utf-8").splitlines()
    assert lines[0] == hypotheses[0]
    assert lines[1] == lines[3] == ""
    assert lines[2] == "zwei drei vier"


def test_a_line_too_long_is_translated_in_pieces_with_its_number(translated: Ran):
    assert translated.out.decode().split("\n")[4]
    assert "line 5 has " in translated.err
    assert "more than the 24 that the model was trained on" in " ".join(translated.err.split())


# What the user did wrong


def fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What the command prints on standard error, having ended with exit code 2 and nothing on standard output."""
    monkeypatch.setattr(sys, "argv", ["translator", *arguments])
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit) as caught:
        main()
    printed = capsys.readouterr()
    assert caught.value.code == 2
    assert printed.out == ""
    assert "Traceback" not in printed.err
    return printed.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "nowhere.yaml"], "there is no configuration nowhere.yaml\n"),
        (["train", "{folder}/numbers.yml"], "{folder}/numbers.yml; did you mean {folder}/numbers.yaml?\n"),
        (
            ["train", "{folder}/numbers.yaml", "--set", "train.max_step=3"],
            "unknown key train.max_step; did you mean max_steps?\n",
        ),
        (["train", "{folder}"], "{folder} is a folder, not a configuration\n"),
        (["train", "{folder}/numbers.yaml", "--run", "{folder}"], "{folder} is neither empty nor a run"),
        (["eval", "{folder}"], "{folder} is not a run: it has no config.yaml"),
        (["translate", "{folder}/nowhere"], "{folder}/nowhere is not a run: it has no config.yaml"),
        (["trian"], "trian"),
        (["eval", "--beam", "0", "x"], "--beam"),
    ],
)
def test_a_mistake_ends_in_one_line_and_code_2(
    folder: Path,
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    shown = fails(monkeypatch, capsys, *(argument.replace("{folder}", str(folder)) for argument in arguments))
    assert message.replace("{folder}", str(folder)) in shown


def test_eval_takes_a_test_set_from_where_it_is_now_and_keeps_the_report_that_was(
    folder: Path, trained: Path, runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
):
    for language in ("en", "de"):
        (tmp_path / f"test.{language}").write_bytes((folder / f"test.{language}").read_bytes())
    before = (trained / "report" / "scores.json").read_bytes()
    shown = fails(monkeypatch, capsys, "eval", str(trained), "--set", "data.root=/nowhere")
    assert "there is no file /nowhere/test.en, which data.test.files names" in shown
    monkeypatch.setattr(sys, "argv", ["translator", "eval", str(trained), "--set", f"data.root={tmp_path}", "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures | {"seconds": 0} == runs.scores | {"seconds": 0}
    assert (trained / "report" / "scores.json").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["search.beam_size=3"],
            "--set search.beam_size: eval takes data.root and data.test; the rest is the run's own",
        ),
        (["data.root=x", "--source", "a", "--reference", "b"], "--set says where the test set is; leave it out with"),
    ],
)
def test_eval_takes_no_setting_that_would_change_nothing(
    trained: Path,
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    assert message in fails(monkeypatch, capsys, "eval", str(trained), "--set", *arguments)


def test_eval_scores_damaged_text_and_keeps_the_figures(
    trained: Path, runs: Runs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(sys, "argv", ["translator", "eval", str(trained), "--robustness", "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["clean"]["value"] == pytest.approx(runs.scores["bleu"], abs=0.1)
    assert figures["empty"]["value"] == 100
    assert figures["typos"]["value"] < figures["clean"]["value"]
    assert json.loads((trained / "report" / "robustness.json").read_text()) == figures
    (trained / "report" / "robustness.json").unlink()
    shown = fails(monkeypatch, capsys, "eval", str(trained), "--robustness", "--language", "de")
    assert "--robustness translates, and scores by BLEU: leave out --hypothesis, --language, --command" in shown


def test_eval_needs_source_and_reference_together(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    shown = fails(monkeypatch, capsys, "eval", str(trained), "--source", "x.en")
    assert "--source and --reference go together" in shown


def test_a_corpus_that_is_missing_is_named_with_its_key(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    arguments = [
        "train",
        str(folder / "numbers.yaml"),
        "--run",
        str(tmp_path / "run"),
        "--set",
        "data.train=trian.{lang}",
    ]
    assert f"there is no file {folder}/trian.en, which data.train.files names; similar names: train.en" in fails(
        monkeypatch, capsys, *arguments
    )


@pytest.mark.parametrize("command", ["train", "prepare"])
def test_a_test_set_that_is_missing_is_named_before_anything_is_prepared(
    folder: Path, tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    run = tmp_path / "run"
    arguments = [command, str(folder / "numbers.yaml"), "--run", str(run), "--set", "data.test=tset.{lang}"]
    assert f"there is no file {folder}/tset.en, which data.test.files names; similar names: test.en" in fails(
        monkeypatch, capsys, *arguments
    )
    assert not (run / "config.yaml").exists()


@pytest.mark.parametrize("command", ["train", "prepare"])
def test_the_configuration_of_a_run_asks_for_a_folder(
    folder: Path, tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    run = RunFolder(tmp_path / "my run")
    config = load_config(folder / "numbers.yaml")
    with run.locked():
        run.claim(config)
    (tmp_path / "my run-2").mkdir()
    shown = fails(monkeypatch, capsys, command, str(run.config))
    assert f"{run.config} is the configuration of the run {run.path}; say where to. " in shown
    assert f"To resume that run:  --run '{run.path}'  " in shown
    assert f"To repeat it in another folder:  --run '{run.path}-3'\n" in shown
    monkeypatch.chdir(run.path)
    assert fails(monkeypatch, capsys, command, "config.yaml") == shown.replace(f"{run.config} is", "config.yaml is")


def test_a_device_that_is_not_there_is_named(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    arguments = ["train", str(folder / "numbers.yaml"), "--run", str(tmp_path / "run")]
    shown = fails(monkeypatch, capsys, *arguments, "--set", "train.devices=[CPU:0, CPU:7]")
    assert re.search("train.devices names .*CPU:7; this machine has CPU:0", shown)


def test_another_configuration_in_a_run_is_refused_with_both_values(
    folder: Path, trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    arguments = ["train", str(folder / "numbers.yaml"), "--run", str(trained), "--set", "model.d_model=64"]
    assert "model.d_model was 32 and is 64" in fails(monkeypatch, capsys, *arguments)


def test_bytes_that_are_not_utf8_are_named_by_file_line_and_byte(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "latin1.txt"
    path.write_bytes(b"one two\nf\xfcnf\n")
    shown = fails(
        monkeypatch, capsys, "translate", str(trained), "--input", str(path), "--output", str(tmp_path / "out")
    )
    assert f"{path}:2: byte 2 of the line, 0xfc, is not UTF-8" in shown
