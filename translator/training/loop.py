"""Training, from the prepared corpus to the run's model.

The loop owns no mathematics: batches come from a plan, updates from `step`, scores from `validation`. It decides what
happens when: rows of metrics, validations, checkpoints, the end. All it knows is in a `TrainingState`, so that a
resumed run goes on as if it had never stopped.
"""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import keras
import numpy as np
import tensorflow as tf

from translator.config import Config
from translator.data.batches import Position, Sampling, TrainingBatches
from translator.data.prepare import read_all
from translator.data.store import TokenStore
from translator.data.tokenizer import Tokenizer
from translator.decoding.translator import Translator, build_model
from translator.errors import TranslatorError
from translator.model.weights import write_weights
from translator.run_folder import RunFolder
from translator.training.checkpoints import Checkpoints, TrainingState
from translator.training.metrics import MetricsLog, Row, perplexity
from translator.training.optimizer import make_optimizer
from translator.training.progress import TrainingProgress
from translator.training.step import StepSums, make_update
from translator.training.validation import Validator


class TrainingError(TranslatorError):
    """Training that cannot go on."""


class Interrupted(TranslatorError):  # noqa: N818 - it is no error
    """Training was asked to stop (Ctrl-C, SIGTERM), saved all and can go on."""

    exit_code = 75  # EX_TEMPFAIL of sysexits.h, so that a scheduler knows to start it again


@dataclass(frozen=True)
class Limits:
    """When training ends, and how far it is."""

    max_steps: float
    max_epochs: float
    max_seconds: float

    @classmethod
    def of(cls, config: Config) -> "Limits":
        train = config.train
        return cls(
            train.max_steps or float("inf"), train.max_epochs or float("inf"), (train.max_minutes or float("inf")) * 60
        )

    def fraction(self, state: TrainingState, steps_per_epoch: int) -> float:
        """Share of the training that is done, by the limit that is nearest; 1 and above at the end."""
        # An epoch may be a batch longer than the first, whose length this is: it is done when its position says so.
        epochs = state.position.epoch + min(state.position.batch / steps_per_epoch, 1 - 1e-9)
        return max(state.step / self.max_steps, epochs / self.max_epochs, state.training_seconds / self.max_seconds)


class Training:
    """A run under way."""

    def __init__(
        self,
        config: Config,
        run: RunFolder,
        tokenizers: tuple[Tokenizer, Tokenizer],
        store: TokenStore,
        progress: TrainingProgress,
    ) -> None:
        """Builds the model on its devices, and goes back to the newest checkpoint if there is one."""
        self.config, self.run, self.progress = config, run, progress
        train = config.train
        self.strategy = _strategy(train.devices)
        self.batches = TrainingBatches(
            store,
            tuple(corpus.weight for corpus in config.data.train),
            train.batch_tokens,
            train.seed,
            shares=self.strategy.num_replicas_in_sync,
            micro_batches=train.micro_batches,
            sampling=Sampling(tokenizers, config.tokenizer.sampling_alpha) if config.tokenizer.sampling_alpha else None,
        )
        self.steps_per_epoch = len(self.batches.plan(0))
        self.limits = Limits.of(config)
        total_steps = min(self.limits.max_steps, self.limits.max_epochs * self.steps_per_epoch)
        with self.strategy.scope():
            keras.utils.set_random_seed(train.seed)
            self.model = build_model(config, *tokenizers, train.precision)
            self.optimizer = make_optimizer(train, None if total_steps == float("inf") else int(total_steps))
            self.optimizer.build(self.model.trainable_variables)
        self._row_time = time.monotonic()
        self.checkpoints = Checkpoints(run.checkpoints, train.keep_checkpoints)
        restored = self.checkpoints.restore_newest(self.model.trainable_variables, self.optimizer.variables)
        self.resumed = restored is not None
        self.state = restored or TrainingState()
        search = config.search.model_copy(update={"beam_size": train.validation_beam})
        translator = Translator.of_model(self.model, *tokenizers, config, search)
        self.validator = Validator(
            self.model,
            translator,
            read_all(config.data.validation, config.data),
            config.data.target,
            train.label_smoothing,
        )

    @property
    def complete(self) -> bool:
        """Whether a limit has been reached, or validations stopped improving."""
        return self.limits.fraction(self.state, self.steps_per_epoch) >= 1 or self._out_of_patience()

    def train(self) -> None:
        """Trains to the end, then writes the run's model.

        Raises:
            Interrupted: a signal asked for it; a checkpoint has been written.
            TrainingError: the loss is no longer a number.
        """
        metrics = MetricsLog(self.run.metrics, self.run.tensorboard, self.state.step)
        update = make_update(self.model, self.optimizer, self.config.train, self.strategy)
        dataset = self.batches.dataset(self.state.position)
        batches = iter(self.strategy.distribute_datasets_from_function(lambda _: dataset))
        started = time.monotonic() - self.state.training_seconds
        with self.progress, _signals() as signals:
            while not self.complete:
                position, source, target = next(batches)
                sums = update(source, target)
                self._advance(sums, self.strategy.experimental_local_results(position)[0])
                self.state.training_seconds = time.monotonic() - started
                self._after_step(metrics, interrupted=bool(signals))
        metrics.close()
        self.write_model()

    def summary(self) -> str:
        """What is about to be trained, in a few words."""
        parameters = sum(int(np.prod(v.shape)) for v in self.model.trainable_variables)
        from_where = f"going on after step {self.state.step:,}" if self.resumed else "starting"
        return (
            f"{self.run.path}: {from_where}; {self.batches.store.counts}; {parameters:,} parameters, "
            f"{self.steps_per_epoch:,} steps an epoch on {self.strategy.num_replicas_in_sync} × "
            f"{self.strategy.extended.worker_devices[0].rpartition('device:')[2]}"
        )

    def write_model(self) -> None:
        """Averages the chosen checkpoints into the run's model."""
        write_weights(self.checkpoints.average(self.averaged_steps()), self.run.model)

    def averaged_steps(self) -> list[int]:
        """Steps of the validated checkpoints that the model is to be the mean of, as it stands now."""
        train = self.config.train
        ranks = {
            "last": lambda validation: validation.step,
            "bleu": lambda validation: validation.bleu,
            "loss": lambda validation: -validation.loss,
        }
        kept = set(self.checkpoints.steps())
        # Later ones win ties.
        ranked = sorted(
            (validation for validation in self.state.validations if validation.step in kept),
            key=lambda validation: (ranks[train.average_by](validation), validation.step),
        )
        return sorted(validation.step for validation in ranked[-train.average_checkpoints :])

    def _advance(self, sums: StepSums, position: tf.Tensor) -> None:
        values = [float(value) for value in sums]
        state = self.state
        state.step += 1
        state.position = Position(*map(int, position.numpy()))
        state.target_tokens += int(values[2])
        state.window = [total + value for total, value in zip(state.window, [*values, 1.0], strict=True)]
        if not all(value == value and abs(value) != float("inf") for value in values):
            raise TrainingError(
                f"step {state.step}: the loss or its gradient is no longer a number; the last good checkpoint is in "
                f"{self.run.checkpoints}. A lower train.learning_rate or a longer train.warmup_steps may help"
            )

    def _after_step(self, metrics: MetricsLog, *, interrupted: bool) -> None:
        """Rows, validation and checkpoint, as far as they are due after this step."""
        train, state = self.config.train, self.state
        ending = self.complete
        if state.step % train.log_every_steps == 0 or ending:
            metrics.write(self._training_row())
        validating = state.step % train.validate_every_steps == 0 or ending
        if validating:
            metrics.write(self._validate())
        saving = train.save_every_steps is not None and state.step % train.save_every_steps == 0
        if validating or saving or interrupted:
            self.checkpoints.save(state, self.model.trainable_variables, self.optimizer.variables)
            self.checkpoints.prune(self.averaged_steps())
        if interrupted and not self.complete:
            raise Interrupted(f"stopped after step {state.step:,}; all is saved. The same command goes on from there")

    def _training_row(self) -> Row:
        """The mean over the steps since the last row."""
        state = self.state
        loss, nll, tokens, norm, steps = state.window
        state.window = [0.0] * len(state.window)
        now = time.monotonic()
        rate, self._row_time = tokens / (now - self._row_time), now
        row = {
            "step": state.step,
            "epoch": state.position.epoch + state.position.batch / self.steps_per_epoch,
            "loss": loss / tokens,
            "nll": nll / tokens,
            "perplexity": perplexity(nll / tokens),
            "learning_rate": float(self.optimizer.schedule(state.step - 1)),
            "gradient_norm": norm / steps,
            "target_tokens": state.target_tokens,
            "target_tokens_per_second": rate,
            "training_seconds": state.training_seconds,
        }
        fraction = self.limits.fraction(state, self.steps_per_epoch)
        self.progress.trained(row, fraction, state.training_seconds * (1 / fraction - 1))
        return row

    def _validate(self) -> Row:
        began = time.monotonic()
        validation = self.validator.validate(self.state.step)
        self.state.validations.append(validation)
        best_bleu = max(v.bleu for v in self.state.validations)
        self.progress.validated(validation, best_bleu)
        seconds = time.monotonic() - began
        self._row_time += seconds  # the rate of training is told without the pauses for validation
        self.state.training_seconds += seconds
        return {
            "step": validation.step,
            "validation_loss": validation.loss,
            "validation_nll": validation.nll,
            "validation_perplexity": perplexity(validation.nll),
            "validation_bleu": validation.bleu,
            "best_validation_bleu": best_bleu,
            "validation_seconds": seconds,
        }

    def _out_of_patience(self) -> bool:
        """Whether early stopping has waited for `patience` validations in vain."""
        if self.config.train.early_stopping is None:
            return False
        by_bleu = self.config.train.early_stopping == "bleu"
        figures = [v.bleu if by_bleu else -v.loss for v in self.state.validations]
        return bool(figures) and len(figures) - 1 - figures.index(max(figures)) >= self.config.train.patience


def _strategy(devices: list[str] | None) -> tf.distribute.Strategy:
    """One device trains by itself; several share each batch out."""
    available = [device.name.removeprefix("/device:") for device in tf.config.list_logical_devices()]
    names = devices or [name for name in available if name.startswith("GPU")]
    if missing := [name for name in names if name not in available]:
        raise TrainingError(f"train.devices names {', '.join(missing)}; this machine has {', '.join(available)}")
    if len(names) > 1:
        return tf.distribute.MirroredStrategy(names)
    return tf.distribute.OneDeviceStrategy(names[0] if names else "CPU:0")


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collects the first SIGINT or SIGTERM, so that the step can be finished; a second one works as it always does."""
    received: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def receive(number: int, _: FrameType | None) -> None:
        received.append(number)
        restore()

    for number in before:
        signal.signal(number, receive)
    try:
        yield received
    finally:
        restore()
