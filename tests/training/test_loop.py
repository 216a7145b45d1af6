"""What training does when, with scripted steps and validations: nothing is compiled, and no sentence translated."""

import io
import math
import os
import re
import signal
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import tensorflow as tf
from rich.console import Console

from tests.toy_language import metrics, metrics_without_clock, write_language
from translator.config.load import load_config
from translator.config.schema import Config
from translator.data.prepare import prepare
from translator.data.store import TokenStore
from translator.data.tokenizer import Tokenizer
from translator.files import NoRoomError
from translator.model.weights import write_weights
from translator.run_folder import RunFolder
from translator.training import averaging, loop, room, validating
from translator.training.display import TrainingProgress
from translator.training.errors import Interrupted, TrainingError
from translator.training.log import MetricsFile
from translator.training.loop import Training
from translator.training.recovery import MAX_RATE_HALVINGS
from translator.training.state import Validation
from translator.training.step import Update
from translator.training.workers import Workers

SETTINGS = (
    "tokenizer.sampling_alpha=0", "train.micro_batches=1", "train.average_checkpoints=1", "train.warmup_steps=1",
    "train.save_every_steps=null", "train.log_every_steps=5", "train.validate_every_steps=5", "train.max_steps=1000",
)  # fmt: skip
SECONDS_TO_COMPILE, SECONDS_A_STEP = 100.0, 2.0
TOKENS, LOSS, NLL, NORM = 10.0, 30.0, 20.0, 1.0  # of a step; sums, but for the norm


class Prepared:
    """A corpus that many runs share."""

    def __init__(self, folder: Path) -> None:
        self.folder = write_language(folder)
        run = RunFolder(folder / "run")
        self.tokenizers, self.store = prepare(run.claim(self.config()), run)

    tokenizers: tuple[Tokenizer, Tokenizer]
    store: TokenStore

    def config(self, *overrides: str) -> Config:
        return load_config(self.folder / "numbers.yaml", [*SETTINGS, *overrides])


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return Prepared(tmp_path_factory.mktemp("loop"))


class Script:
    """A run whose steps and validations do what they are told, and take the time that they are told, by a clock."""

    def __init__(self, prepared: Prepared, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.prepared, self.run = prepared, RunFolder(run)
        self.bleu: dict[int, float] = {}  # by step; else it is the step
        self.loss: dict[int, float] = {}
        self.skipped: Sequence[int] = ()  # steps whose loss is NaN
        self.stop_after: int | None = None
        self.now = 0.0
        run.mkdir()
        self.said = ""
        for module in (loop, validating):
            monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(Training, "compile", lambda training, *_: self._update(training))

    def training(self, *overrides: str) -> Training:
        stream = io.StringIO()
        training = Training(
            self.prepared.config(*overrides), self.run, self.prepared.tokenizers, self.prepared.store,
            Workers(tf.distribute.OneDeviceStrategy("CPU:0")), TrainingProgress(Console(file=stream, width=1000)),
        )  # fmt: skip
        training.validating.validator = SimpleNamespace(validate=self._validate, warn_of_pieces=list)  # type: ignore[assignment]
        training.said = stream.getvalue  # type: ignore[attr-defined]
        return training

    def train(self, *overrides: str) -> str:
        """Trains to the end or to a stop; what was said."""
        training = self.training(*overrides)
        try:
            training.train()
        finally:
            self.said = training.said()  # type: ignore[attr-defined]
        return self.said

    def _validate(self, step: int) -> Validation:
        loss = self.loss.get(step, 1 / step)
        return Validation(step, loss, loss, self.bleu.get(step, float(step)))

    def _update(self, training: Training) -> Update:
        self.now += SECONDS_TO_COMPILE

        def update(before: tf.Tensor, source: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
            empty = not np.any(target)
            step = int(before) + 1
            if not empty:
                self.now += SECONDS_A_STEP
                for variable in training.model.trainable_variables:
                    variable.assign(tf.fill(variable.shape, float(step)))
                if step == self.stop_after:
                    os.kill(os.getpid(), signal.SIGTERM)
            loss = math.nan if step in self.skipped else LOSS
            return tf.constant([loss, NLL, TOKENS, NORM])

        return update

    @property
    def model(self) -> float:
        """What every weight of the run's model is: the mean of the steps that it is the average of."""
        values = np.unique(np.concatenate([w.ravel() for w in safetensors.numpy.load_file(self.run.model).values()]))
        (value,) = values.tolist()
        return float(value)


@pytest.fixture
def script(prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    monkeypatch.setattr(room, "SECONDS_BETWEEN_WRITES", 0.0)
    return Script(prepared, tmp_path / "run", monkeypatch)


def stopped(script: Script, step: int, *overrides: str) -> None:
    script.stop_after = step
    with pytest.raises(Interrupted, match=f"stopped after step {step}; a checkpoint is saved"):
        script.train(*overrides)
    script.stop_after = None


def bests(said: str) -> list[int]:
    return [int(line.split()[1].rstrip(":")) for line in said.splitlines() if "(best so far)" in line]


def rows(script: Script, figure: str) -> dict[int, Any]:
    """The rows of metrics that have it: its values by their steps."""
    return {row["step"]: row[figure] for row in metrics(script.run.path) if figure in row}


# The end, and why


@pytest.mark.parametrize(
    ("setting", "reason", "remedy"),
    [
        ("train.max_steps=12", "train.max_steps 12 is reached", "raise train.max_steps"),
        ("train.max_epochs=1", "train.max_epochs 1 is reached", "raise train.max_epochs"),
        ("train.max_minutes=1", "train.max_minutes 1 is reached", "raise train.max_minutes"),
    ],
)
def test_a_limit_is_told_by_its_key_and_value(script: Script, setting: str, reason: str, remedy: str):
    said = script.train(setting, "train.validate_every_steps=1000")
    last = max(rows(script, "validation_bleu"))
    assert f"training ended after step {last}: {reason}\n" in said
    training = script.training(setting)
    assert training.complete
    assert (training.reasons, training.remedies) == (reason, remedy)


def test_a_cosine_that_is_over_is_not_advised_to_go_on(script: Script):
    settings = ("train.schedule=cosine", "train.max_steps=5")
    script.train(*settings)
    assert script.training(*settings).remedies == (
        "start another run (--run) with a higher train.max_steps; this run's cosine schedule has ended"
    )


def test_early_stopping_waits_for_patience_a_tie_is_no_improvement_and_it_says_so(script: Script):
    script.bleu = {5: 1.0, 10: 3.0, 15: 2.0, 20: 3.0, 25: 2.5}
    settings = ("train.early_stopping=bleu", "train.patience=3")
    said = script.train(*settings)
    reason = "early stopping: validation BLEU has not risen above 3.00, of step 10, in 3 validations (train.patience 3)"
    assert f"training ended after step 25: {reason}\n" in said
    assert bests(said) == [5, 10]
    training = script.training(*settings)
    assert training.complete
    assert (training.reasons, training.remedies) == (reason, "raise train.patience or set train.early_stopping=null")


def test_early_stopping_by_loss_marks_the_lowest_loss(script: Script):
    script.loss = {5: 3.0, 10: 2.0, 15: 2.5, 20: 2.0}
    said = script.train("train.early_stopping=loss", "train.patience=2")
    assert (
        "training ended after step 20: early stopping: validation loss has not fallen below 2.000, of step 10" in said
    )
    assert bests(said) == [5, 10]
    assert "step 10: validation loss 2.000  (best so far), nll 2.000, BLEU 10.00\n" in said


def test_patience_starts_again_with_each_improvement(script: Script):
    script.bleu = dict(zip(range(5, 50, 5), [1.0, 1.0, 2.0, 2.0, 3.0, 0.0, 0.0, 9.0, 9.0], strict=True))
    assert "ended after step 35: " in script.train("train.early_stopping=bleu", "train.patience=2")


def test_a_loss_of_nan_is_no_improvement_and_hides_none(script: Script):
    script.loss = {5: math.nan, 10: 2.0, 15: math.nan, 20: 1.5}
    assert bests(script.train("train.early_stopping=loss", "train.patience=2", "train.max_steps=20")) == [10, 20]


def test_a_run_none_of_whose_validations_is_finite_ends_without_a_model_and_says_so(script: Script):
    script.loss = {5: math.nan, 10: math.inf}
    with pytest.raises(TrainingError, match="the loss of every validation is NaN or infinite, so no model is written"):
        script.train("train.max_steps=10")
    assert not script.run.model.exists()


def test_higher_patience_lets_a_run_go_on_that_early_stopping_ended(script: Script):
    script.bleu = {5: 3.0, 10: 2.0, 15: 1.0, 20: 4.0}
    script.train("train.early_stopping=bleu", "train.patience=1")
    assert max(rows(script, "validation_bleu")) == 10
    script.train("train.early_stopping=bleu", "train.patience=3", "train.max_steps=20")
    assert max(rows(script, "validation_bleu")) == 20
    assert script.model == 20


# Which checkpoints become the model


@pytest.mark.parametrize(
    ("by", "count", "mean"),
    [("last", 1, 25), ("last", 2, 22.5), ("bleu", 1, 20), ("bleu", 2, 15), ("loss", 1, 15), ("loss", 3, 50 / 3)],
)
def test_the_model_is_the_mean_of_the_best_by_the_figure_asked_for(script: Script, by: str, count: int, mean: float):
    # Best by BLEU: 20, of a tie the later, then 10. By loss: 15, then 25, then 10.
    script.bleu = {5: 1.0, 10: 3.0, 15: 2.0, 20: 3.0, 25: 2.5}
    script.loss = {5: 5.0, 10: 3.0, 15: 1.0, 20: 4.0, 25: 2.0}
    script.train(f"train.average_by={by}", f"train.average_checkpoints={count}", "train.max_steps=25")
    assert script.model == pytest.approx(mean)


# Ends that come by a change of the limits


@pytest.mark.parametrize(
    ("stop", "lower"),
    [
        (3, "train.max_steps=2"),  # before its first validation
        (8, "train.max_steps=7"),  # after its first
        (8, "train.max_minutes=0.1"),
        (12, "train.max_epochs=1"),
        (10, "train.max_steps=10"),  # stopped at a validated step
    ],
)
def test_a_run_that_is_past_a_lowered_limit_ends_with_a_validated_model(script: Script, stop: int, lower: str):
    stopped(script, stop)
    write_weights({}, script.run.model)  # as ends of this kind once left it
    before = metrics_without_clock(script.run.path)
    assert script.training(lower).complete == (stop == 10)
    said = script.train(lower)
    assert f"training ended after step {stop}: {lower.partition('=')[0]} " in said
    assert script.model == stop
    assert script.training(lower).complete
    after = metrics_without_clock(script.run.path)
    assert after[: len(before)] == before
    assert len({(row["step"], "loss" in row) for row in after}) == len(after)
    assert max(rows(script, "validation_bleu")) == stop


def test_lower_patience_ends_a_run_where_it_was_stopped(script: Script):
    script.bleu = {5: 3.0, 10: 2.0, 15: 1.0, 17: 0.5}
    settings = ("train.early_stopping=bleu", "train.patience")
    stopped(script, 17, settings[0], f"{settings[1]}=9")
    assert "training ended after step 17: early stopping: " in script.train(settings[0], f"{settings[1]}=2")
    assert script.model == 17


def test_a_run_whose_end_turns_out_an_improvement_goes_on(script: Script):
    script.bleu = {5: 3.0, 10: 2.0, 15: 1.0, 17: 4.0, 20: 2.0, 25: 1.0}
    stopped(script, 17, "train.early_stopping=bleu", "train.patience=9")
    assert "ended after step 25: " in script.train("train.early_stopping=bleu", "train.patience=2")


def test_a_run_killed_before_its_model_was_written_only_writes_that(script: Script):
    script.train("train.max_steps=10")
    expected, log = script.run.model.read_bytes(), script.run.metrics.read_bytes()
    script.run.model.unlink()
    script.train("train.max_steps=10")
    assert script.run.model.read_bytes() == expected
    assert script.run.metrics.read_bytes() == log


# Rows


def test_a_row_whose_steps_were_all_skipped_has_no_figures_of_them(script: Script):
    script.skipped = range(6, 11)
    said = script.train("train.max_steps=15", "train.max_skipped_steps=9")
    assert rows(script, "loss") == {5: 3.0, 15: 3.0}
    assert rows(script, "perplexity") == {5: math.exp(2), 15: math.exp(2)}
    assert rows(script, "gradient_norm") == {5: 1.0, 15: 1.0}
    assert rows(script, "skipped_steps") == {5: 0, 10: 5, 15: 5}
    assert re.search(r"step 10  epoch [\d.]+  every step skipped  lr ", said)


def test_the_rate_counts_the_steps_of_this_start_without_compiling(script: Script):
    stopped(script, 8)
    script.train("train.max_steps=12")
    expected = dict.fromkeys((5, 10, 12), TOKENS / SECONDS_A_STEP)
    assert rows(script, "target_tokens_per_second") == expected


def test_a_run_past_a_lowered_limit_has_no_rate(script: Script):
    stopped(script, 8)
    assert "tok/s" not in script.train("train.max_steps=7")
    assert list(rows(script, "target_tokens_per_second")) == [5]


# A full disk


class FullDisk:
    """Lets each kind of write fail so many times before there is room."""

    def __init__(self, times: int, monkeypatch: pytest.MonkeyPatch, where: type, name: str) -> None:
        self.left = times
        write = getattr(where, name)

        def limited(*arguments: Any) -> Any:
            if self.left:
                self.left -= 1
                raise NoRoomError("no space left on the disk for it")
            return write(*arguments)

        monkeypatch.setattr(where, name, limited)


def test_training_waits_for_room_for_a_row_says_so_once_and_loses_none(script: Script, monkeypatch: pytest.MonkeyPatch):
    disk = FullDisk(3, monkeypatch, MetricsFile, "write")
    said = script.train("train.max_steps=10")
    assert disk.left == 0
    assert (
        said.count("no space left on the disk for it; waiting for space, then training continues. Checkpoints saved: 0")
        == 1
    )
    assert list(rows(script, "loss")) == list(rows(script, "validation_bleu")) == [5, 10]
    assert script.model == 10


def test_a_signal_ends_the_wait_for_room(script: Script, monkeypatch: pytest.MonkeyPatch):
    def full(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        raise NoRoomError("no space left on the disk for it")

    monkeypatch.setattr(MetricsFile, "write", full)
    expected = "no space left on the disk for it; stopped without it. Checkpoints saved: 0"
    with pytest.raises(Interrupted, match=f"^{re.escape(expected)}$"):
        script.train()


def test_training_waits_for_room_for_its_model(script: Script, monkeypatch: pytest.MonkeyPatch):
    calls = iter([OSError(28, "No space left on device", "x"), None])

    def write(weights: dict[str, np.ndarray], path: Path, *_: object) -> None:
        if error := next(calls):
            raise error
        write_weights(weights, path)

    monkeypatch.setattr(averaging, "write_weights", write)
    said = script.train("train.max_steps=5")
    assert f"{script.run.model}: no space left on the disk for the model; waiting for space" in said
    assert script.model == 5


# Steps that are NaN or infinite


def test_a_skipped_step_is_named_with_its_own_number_when_the_next_row_is_due(script: Script):
    script.skipped = [2, 3]
    said = script.train("train.max_steps=5", "train.max_skipped_steps=9")
    assert re.findall(r"step (\d+): the loss or its gradient is NaN or infinite; skipped", said) == ["2", "3"]
    assert said.index("step 3: the loss") < said.index("step 5  epoch")
    assert rows(script, "skipped_steps") == {5: 2}


def test_too_many_in_a_row_are_gone_back_from_though_later_steps_were_finite(script: Script):
    script.skipped = [6, 7]
    with pytest.raises(TrainingError, match=r"^step 7: .* still at the learning rate"):
        script.train("train.max_steps=10", "train.max_skipped_steps=1", "train.log_every_steps=10")
    # Step 5 was validated, and so has a checkpoint. The same steps are skipped each time.
    said = "step 7: 2 updates in a row were NaN or infinite; going back to step 5 and on with half the learning rate"
    assert script.said.count(said) == MAX_RATE_HALVINGS


def test_rows_do_not_depend_on_when_figures_are_fetched(script: Script, monkeypatch: pytest.MonkeyPatch):
    script.skipped = [3]
    script.train("train.max_steps=10")
    together = metrics_without_clock(script.run.path)
    monkeypatch.setattr(loop, "MOST_TOGETHER", 1)
    apart = Script(script.prepared, script.run.path.with_name("apart"), monkeypatch)
    apart.skipped = [3]
    apart.train("train.max_steps=10")
    assert metrics_without_clock(apart.run.path) == together
