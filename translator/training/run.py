"""A run from beginning to end: configuration and folder in, a trained and scored model out.

This is what the command line, `translator.train`, benchmarks and tests call.
"""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import keras
from rich.console import Console

from translator.config.schema import Config
from translator.data.preflight import (
    require_evaluation_corpora,
    warn_of_lost_modifiers,
    warn_of_trouble,
    warn_of_unknown,
)
from translator.data.prepare import open_prepared, prepare
from translator.data.store import TokenStore
from translator.data.tokenizer import Tokenizer
from translator.errors import one_line, shell_quoted
from translator.evaluation.report import Report
from translator.evaluation.systems import compared_with_last
from translator.evaluation.test_set import evaluate_run
from translator.languages import LanguagePair
from translator.progress import progress
from translator.report.written import page_left_behind
from translator.run_folder import RunFolder
from translator.run_log import as_warning, start_recorded
from translator.runtime import gpu_names
from translator.training.averaging import is_model_of
from translator.training.beginning import require_beginning
from translator.training.display import TrainingProgress
from translator.training.errors import TrainingError
from translator.training.loop import Training
from translator.training.memory import find_batch_tokens
from translator.training.trackers import require_trackers
from translator.training.workers import Workers


@dataclass(frozen=True)
class TrainingResult:
    """The result of a run, or of this worker's part in it."""

    path: Path  # of the run folder
    step: int  # the last one
    ended: str  # why training ended
    is_chief: bool  # whether this worker is the one that writes and scores
    was_complete: bool = False  # before, so that nothing was trained
    was_scored: bool = False  # before, so that the report is the one that was there
    report: Report | None = field(
        default=None, repr=False
    )  # of the test set, where there is one and this worker is the chief

    @property
    def bleu(self) -> float | None:
        """BLEU of the test set."""
        return self.report.scores.bleu if self.report else None


def run(config: Config, folder: RunFolder, console: Console, until_step: int | None = None) -> TrainingResult:
    """Trains a run, or goes on training it; then scores it on its test set.

    Args:
        config: of the run; in a folder with a run, that run's but for what may change on the way.
        folder: of the run; made if need be.
        console: where progress is shown.
        until_step: where training stops for now, if it has not ended by then.

    Raises:
        Interrupted: a signal asked to stop, or `until_step` is reached (`Paused`); a checkpoint has been written, and
            the same call goes on from there.
        TranslatorError: an error that the user can fix, in one line.
    """
    workers = Workers.join(config.train.devices, lambda message: _say(message, console))
    shown = console if workers.chief else Console(quiet=True)
    with contextlib.ExitStack() as stack:
        stack.enter_context(workers.together())
        if workers.chief:
            require_evaluation_corpora(config.data)
            require_trackers(config)
            require_beginning(config, folder)
            stack.enter_context(folder.locked())
            config = folder.claim(config)
            stack.enter_context(page_left_behind(folder))
            stack.enter_context(start_recorded(folder, shown, gpu_names()))
            warn_of_trouble(config, folder)
        config, tokenizers, store = _prepared(config, folder, workers, shown)
        training = _training(config, folder, tokenizers, store, workers, shown)
        was_complete = any(workers.of_chief([training.complete and is_model_of(folder.model, training.state.step)]))
        if was_complete:
            _say(
                f"{folder.path} is complete, after {training.state.step:,} steps: {training.reasons}. "
                f"To train on, {training.remedies}; to start afresh:  rm -r {shell_quoted(folder.path)}",
                console,
            )
        else:
            _train(training, shown, until_step)
        kept = Report.read(folder.report) if workers.chief else None
        report = kept or (_score(training.config, folder, shown) if workers.chief else None)
        return TrainingResult(
            folder.path,
            training.state.step,
            training.reasons,
            workers.chief,
            was_complete=was_complete,
            was_scored=kept is not None,
            report=report,
        )


def _train(training: Training, shown: Console, until_step: int | None) -> None:
    _say(summary(training), shown)
    warmup, last = training.config.train.warmup_steps, training.limits.total_steps(training.steps_per_epoch)
    if warmup >= last:
        message = f"the learning rate will not reach its peak: train.warmup_steps {warmup:,}, {last:,} steps"
        shown.print(as_warning(message), soft_wrap=True)
    training.train(until_step)


def summary(training: Training) -> str:
    """What is about to be trained, in a few words."""
    parameters = _number_of(training.weights.values())
    changed = _number_of(training.optimizer.weights)
    frozen = "" if changed == parameters else f", of which {changed:,} are trained"
    from_where = f"resuming after step {training.state.step:,}" if training.resumed else "starting"
    workers = f"{training.workers.count} workers, together " if training.workers.count > 1 else ""
    strategy, train = training.strategy, training.config.train
    # Whole checkpoints have two moments, and there is one more while it is written.
    disk = 4 * (
        (parameters + 2 * changed) * (train.keep_checkpoints + 1) + parameters * max(0, train.average_checkpoints - 1)
    )
    return (
        f"{training.run.path}: {from_where}; {training.batches.store.counts}; {parameters:,} parameters{frozen}, "
        f"{training.steps_per_epoch:,} steps an epoch on {workers}{strategy.num_replicas_in_sync} × "
        f"{strategy.extended.worker_devices[0].rpartition('device:')[2]}; checkpoints, "
        f"the newest {train.keep_checkpoints} whole, will take {disk / 1e6:,.0f} MB"
    )


def _number_of(weights: Iterable[keras.Variable]) -> int:
    return sum(int(weight.value.shape.num_elements()) for weight in weights)


def _prepared(
    config: Config, folder: RunFolder, workers: Workers, shown: Console
) -> tuple[Config, tuple[Tokenizer, Tokenizer], TokenStore]:
    """Configuration, vocabulary and corpus as the run folder has them once the chief has prepared it."""
    if workers.chief:
        with progress(shown, "preparing the corpus") as show:
            tokenizers, store = prepare(config, folder, show)
        if not folder.is_trained:
            warn_of_unknown(config, store)
            warn_of_lost_modifiers(config, tokenizers, store)
    workers.wait()
    if not workers.chief:
        config = folder.load_config()
        tokenizers, store = open_prepared(config, folder)
    return config, tokenizers, store


def _training(
    config: Config,
    folder: RunFolder,
    tokenizers: tuple[Tokenizer, Tokenizer],
    store: TokenStore,
    workers: Workers,
    shown: Console,
) -> Training:
    """The training of a run, with `train.batch_tokens: auto` found out."""
    with shown.status("building the model …"):
        training = Training(config, folder, tokenizers, store, workers, TrainingProgress(shown, folder.path.name))
    if config.train.batch_tokens != "auto":
        return training
    with shown.status("finding the largest batch that fits …"):
        config = folder.claim(config.with_batch_tokens(_batch_tokens(training)))
        return Training(config, folder, tokenizers, store, workers, TrainingProgress(shown, folder.path.name))


def _batch_tokens(training: Training) -> int:
    """The most tokens that a step has room for, on the devices of a training."""
    if training.workers.count > 1:
        raise TrainingError("train.batch_tokens: auto looks at one machine alone; with several workers give a number")
    update = training.update(training.feed())
    longest = training.config.data.max_tokens + 1
    found = find_batch_tokens(update.attempt, training.strategy, training.batches, longest)
    if not found:
        raise TrainingError("the smallest of batches does not fit into memory; lower the model's sizes (model.…)")
    return found


def _score(config: Config, folder: RunFolder, shown: Console) -> Report | None:
    """Scores the run's model on the test set, if there is one; the report stays in the run folder."""
    if not config.data.test:
        return None
    with progress(shown, "translating the test set") as show:
        report = evaluate_run(folder.path, on_progress=show)
    scores = report.scores
    _say(f"test set: BLEU {scores.bleu:.2f}, chrF {scores.chrf:.2f}, TER {_figure(scores.ter)}", shown)
    languages, *_ = report.languages(LanguagePair(config.data.source, config.data.target))
    _compare(folder, report, languages.target, shown)
    return report


def _compare(folder: RunFolder, report: Report, target_language: str, shown: Console) -> None:
    """Says how the run scores beside the last one on the same test set; no trouble with that one ends this run."""
    try:
        line = compared_with_last(folder, report, target_language)
    except Exception as error:
        line = f"the last run on this test set cannot be compared: {one_line(str(error))}"
    if line:
        _say(line, shown)


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _say(message: str, console: Console) -> None:
    console.print(message, highlight=False, markup=False, soft_wrap=True)
