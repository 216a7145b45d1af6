"""A run that goes on with another corpus than its checkpoint was trained on."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.toy_language import CONFIG, write_language
from translator.config.schema import Config
from translator.data.plan import Position
from translator.data.prepare import prepare
from translator.run_folder import RunFolder
from translator.training.averaging import averaged_steps
from translator.training.display import TrainingProgress
from translator.training.errors import TrainingError
from translator.training.loop import Training
from translator.training.state import TrainingState, Validation
from translator.training.workers import Workers


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    write_language(tmp_path)
    (tmp_path / "run").mkdir()
    return RunFolder(tmp_path / "run")


def config_of(run: RunFolder, on_change: str = "refuse", **train: Any) -> Config:
    data = CONFIG["data"] | {"root": run.path.parent, "on_change": on_change}
    return Config.model_validate(CONFIG | {"data": data, "train": CONFIG["train"] | train})


def training_of(run: RunFolder, config: Config) -> tuple[Training, str]:
    """What a start of `train` comes to before its first step, and what it says."""
    tokenizers, store = prepare(config, run)
    said = io.StringIO()
    progress = TrainingProgress(Console(file=said, width=500))
    return Training(config, run, tokenizers, store, Workers.join(None, print), progress), said.getvalue()


def halfway(run: RunFolder, config: Config) -> Training:
    """Trains, as far as the next start can tell, to a batch of epoch 2."""
    training, _ = training_of(run, config)
    training.state.step, training.state.position = 40, Position(2, 9)
    training.checkpoints.save(training.state, training.weights, training.optimizer.variables)
    return training


def shorten(run: RunFolder, pairs: int, split: str = "train") -> None:
    for language in ("en", "de"):
        path = run.path.parent / f"{split}.{language}"
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(lines[:pairs]), encoding="utf-8")


def test_the_epoch_begins_anew_until_a_checkpoint_knows_the_new_corpus(run: RunFolder):
    halfway(run, config_of(run))
    same, said = training_of(run, config_of(run))
    assert (same.state.position, said) == (Position(2, 9), "")
    shorten(run, 50)
    went_on, said = training_of(run, config_of(run, "continue"))
    assert len(went_on.batches.plan(2)) < 9
    assert went_on.state.position == Position(2, 0)
    assert said == "step 40: data.train has changed; going on with it from the start of the epoch (2.0)\n"
    # The store is of the new corpus by now, but the checkpoint is still of the old one.
    with pytest.raises(TrainingError, match=r"step 40 was trained on another corpus, .*data.on_change=continue"):
        training_of(run, config_of(run))
    went_on.state.step, went_on.state.position = 41, Position(2, 1)
    went_on.checkpoints.save(went_on.state, went_on.weights, went_on.optimizer.variables)
    again, said = training_of(run, config_of(run))
    assert (again.state.position, said) == (Position(2, 1), "")


def test_a_corpus_of_another_size_does_not_move_the_end_of_a_cosine(run: RunFolder):
    cosine: dict[str, Any] = {"schedule": "cosine", "max_steps": None, "max_epochs": 8}
    first = halfway(run, config_of(run, **cosine))
    last_step = 8 * first.steps_per_epoch
    assert first.state.last_step == last_step
    shorten(run, 400)
    then, _ = training_of(run, config_of(run, "continue", **cosine))
    assert then.steps_per_epoch < first.steps_per_epoch
    assert then.state.last_step == last_step
    then.state.position, then.state.step = Position(8, 0), last_step - 1
    assert not then.endings
    then.state.step = last_step
    assert then.endings


def test_a_checkpoint_that_names_no_corpus_goes_on(run: RunFolder):
    training = halfway(run, config_of(run))
    training.checkpoints.save(TrainingState(50, Position(2, 3)), training.weights, training.optimizer.variables)
    then, said = training_of(run, config_of(run))
    assert (then.state.position, said) == (Position(2, 3), "")


def test_validations_are_compared_with_those_on_the_same_set_alone(run: RunFolder):
    settings: dict[str, Any] = {"early_stopping": "bleu", "patience": 2, "average_by": "bleu"}
    first = halfway(run, config_of(run, **settings))
    first.state.validations = [Validation(20, 2.0, 2.0, 90.0), Validation(40, 3.0, 3.0, 80.0)]
    first.checkpoints.save(first.state, first.weights, first.optimizer.variables)
    shorten(run, 20, "val")
    with pytest.raises(TrainingError, match=r"up to step 40 are of another validation set .*data.on_change=continue"):
        training_of(run, config_of(run, **settings))
    then, said = training_of(run, config_of(run, "continue", **settings))
    assert said == "step 40: data.validation has changed; only validations from here on are compared\n"
    then.state.step = 60
    then.state.validations.append(Validation(60, 4.0, 4.0, 10.0))
    assert not then.endings  # of the old set, 90 would have stayed the best for two validations
    then.checkpoints.save(then.state, then.weights, then.optimizer.variables)
    assert averaged_steps(then.checkpoints, then.state, then.config.train) == [60]
    again, said = training_of(run, config_of(run, **settings))
    assert (again.state.comparable, said) == (then.state.validations[2:], "")


def test_a_checkpoint_that_names_no_validation_set_goes_on(run: RunFolder):
    first = halfway(run, config_of(run))
    first.state.validation_set, first.state.validations = "", [Validation(40, 2.0, 2.0, 90.0)]
    first.checkpoints.save(first.state, first.weights, first.optimizer.variables)
    then, said = training_of(run, config_of(run))
    assert (then.state.comparable, said) == (first.state.validations, "")
