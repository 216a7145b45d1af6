"""Training, from the prepared corpus to the run's model.

The loop owns no mathematics: batches come from a plan, updates from `step`, scores from `validation`. It decides what
happens when: rows of metrics, validations, checkpoints, the end. All it knows is in a `TrainingState`, so that a
resumed run goes on as if it had never stopped.
"""

import itertools
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from translator.config.schema import Config
from translator.data.batches import Position, TrainingBatches
from translator.data.corpora.formats import open_corpora, read_all
from translator.data.provenance import described, places
from translator.data.sampling import Sampling
from translator.data.store import TokenStore
from translator.data.tokenizer import Tokenizer
from translator.decoding.options import SearchOptions
from translator.decoding.translator import Translator
from translator.errors import TranslatorError
from translator.files import room_for
from translator.model.build import build_model, require_model_of
from translator.model.weights import write_weights
from translator.run_folder import RunFolder
from translator.training.checkpoints import Checkpoints, TrainingState, Validation
from translator.training.limits import Ending, Limits, best, chosen, figure_that_matters
from translator.training.memory import find_batch_tokens, try_largest
from translator.training.metrics import Log, MetricsFile, Row, TensorBoard, means, perplexity
from translator.training.optimizer import make_optimizer
from translator.training.progress import TrainingProgress
from translator.training.room import Interrupted, Room
from translator.training.signals import collected_signals
from translator.training.splitting import SplittingUpdate
from translator.training.step import StepSums, Update, make_update
from translator.training.validation import Validator
from translator.training.workers import Workers

MAX_RATE_HALVINGS = 4
SHOWN_PAIRS = 5


class TrainingError(TranslatorError):
    """Training that cannot go on."""


class Training:
    """A run under way."""

    def __init__(
        self,
        config: Config,
        run: RunFolder,
        tokenizers: tuple[Tokenizer, Tokenizer],
        store: TokenStore,
        workers: Workers,
        progress: TrainingProgress,
    ) -> None:
        """Builds the model on its devices, and goes back to the newest checkpoint if there is one."""
        self.config, self.run, self.workers, self.progress = config, run, workers, progress
        train = config.train
        batch_tokens = config.data.max_tokens if train.batch_tokens == "auto" else train.batch_tokens
        self.strategy = workers.strategy
        self.batches = TrainingBatches(
            store,
            tuple(corpus.weight for corpus in config.data.train),
            batch_tokens,
            train.seed,
            shares=self.strategy.num_replicas_in_sync,
            micro_batches=train.micro_batches,
            sampling=Sampling(tokenizers, config.tokenizer.sampling_alpha) if config.tokenizer.sampling_alpha else None,
            few_shapes=train.xla,
        )
        self.tokenizers = tokenizers
        self.steps_per_epoch = len(self.batches.plan(0))
        self.limits = Limits.of(config)
        total_steps = min(self.limits.max_steps, self.limits.max_epochs * self.steps_per_epoch)
        self.checkpoints = Checkpoints(run.checkpoints, train.keep_checkpoints)
        if weights := self.checkpoints.newest_weights():
            require_model_of(config, *tokenizers, weights)
        with self.strategy.scope():
            keras.utils.set_random_seed(train.seed)
            self.model = build_model(config, *tokenizers, train.precision)
            self.optimizer = make_optimizer(train, None if total_steps == float("inf") else int(total_steps))
            self.optimizer.build(self.model.trainable_variables)
        self.logs: list[Log] = []  # of the chief alone
        self._timed_tokens, self._timed_seconds = 0.0, 0.0  # of this start's steps since the last row of metrics
        self.room = Room(self.checkpoints, progress.say)
        restored = self._restore()
        self.resumed = restored is not None and restored.step > 0
        self.state = restored or TrainingState(corpus=store.fingerprint)
        if train.schedule == "cosine":
            self._keep_last_step(int(total_steps))
        options = SearchOptions.of(config.search, train.validation_beam)
        translator = Translator.of_model(self.model, *tokenizers, config, options)
        self.validator = Validator(
            self.model,
            translator,
            read_all(config.data.validation, config.data),
            config.data.target,
            train.label_smoothing,
        )

    @property
    def endings(self) -> list[Ending]:
        """Why training ends at the state that it is in; nothing while it goes on."""
        return self.limits.endings(self.config.train, self.state, self.steps_per_epoch)

    @property
    def complete(self) -> bool:
        """Whether training has ended, and with a validation, as a run stopped before one has not."""
        return bool(self.endings) and self._is_validated

    @property
    def reasons(self) -> str:
        """Why training has ended."""
        return "; ".join(ending.reason for ending in self.endings)

    @property
    def remedies(self) -> str:
        """What would let it go on."""
        return ", and ".join(ending.remedy for ending in self.endings)

    @property
    def _is_validated(self) -> bool:
        return any(validation.step == self.state.step for validation in self.state.validations)

    def train(self) -> None:
        """Trains to the end, then writes the run's model.

        Raises:
            Interrupted: a signal asked for it, here or at another worker; a checkpoint has been written.
            TrainingError: a batch does not fit into memory, or the loss stays no number.
        """
        with self.progress, collected_signals() as signals:
            self.room = Room(self.checkpoints, self.progress.say, signals)
            self._open_logs()
            if self.workers.chief:
                data = self.config.data
                self.validator.warn_of_pieces(places(open_corpora(data.validation, data)))
            if self.endings and not self._is_validated:
                self._end_where_it_stopped()
            if not self.endings:
                self._take_steps(signals)
            self._close_logs()
            self.progress.say(f"training ended after step {self.state.step:,}: {self.reasons}")
            if self.workers.chief:
                self.write_model()

    def _take_steps(self, signals: list[int]) -> None:
        """Trains until it ends, at a validated checkpoint."""
        started = time.monotonic() - self.state.training_seconds
        batches, update = self._start()
        if self.state.step == 0:
            # What to go back to if training goes wrong early; also, there is room for a checkpoint.
            self._save()
        while not self.endings:
            began = time.monotonic()
            told, source, target = next(batches)
            sums = self._take(update, source, target)
            self.state.split_in = update.parts
            self._timed_seconds += time.monotonic() - began
            self._advance(sums, self.strategy.experimental_local_results(told)[0])
            self.state.training_seconds, stopping = self._agreed(time.monotonic() - started, signals)
            if self.state.skipped_in_a_row > self.config.train.max_skipped_steps:
                self._close_logs()
                self._go_back()
                self._open_logs()
                batches, update = self._start()
            else:
                self._after_step(stopping=stopping)

    def _end_where_it_stopped(self) -> None:
        """Ends a run that was stopped between two validations, and resumed with a limit that it is past already."""
        self._set_peak()
        if any(self.state.window):
            self._log(self._training_row())
        self._log(self._validate())
        self._save()

    def find_batch_tokens(self) -> int:
        """The most tokens that a step has room for, on the devices of this training."""
        if self.workers.count > 1:
            raise TrainingError(
                "train.batch_tokens: auto looks at one machine alone; with several workers give a number"
            )
        update = self._compile(self._distributed_batches())
        longest = self.config.data.max_tokens + 1
        found = find_batch_tokens(update, self.optimizer, self.strategy, self.batches, longest)
        if not found:
            raise TrainingError("the smallest of batches does not fit into memory; lower the model's sizes (model.…)")
        return found

    def _start(self) -> tuple[Iterator[Any], SplittingUpdate]:
        """The batches from the state's position on, begun, and the update, compiled and tried."""
        self._set_peak()
        batches = self._distributed_batches()
        update = SplittingUpdate(
            lambda parts: self._compile(batches, parts),
            self.optimizer.iterations,
            self.strategy,
            self.state.split_in,
            self.progress.say,
        )
        try:
            try_largest(update.attempt, self.optimizer, self.strategy, self.batches)
        except tf.errors.ResourceExhaustedError as error:
            micro_batches, rows, length = self.batches.largest().source.shape
            raise self._too_large(micro_batches, rows, length) from error
        iterator = iter(batches)
        # The first one takes the plan of the epoch, which is not part of a step's time.
        begun = itertools.chain([next(iterator)], iterator)
        self._timed_tokens, self._timed_seconds = 0.0, 0.0
        return begun, update

    def _set_peak(self) -> None:
        self.optimizer.schedule.peak = self.config.train.learning_rate / 2**self.state.rate_halvings

    def _open_logs(self) -> None:
        if self.workers.chief:
            file = self.room.wait_for(lambda: MetricsFile(self.run.metrics, self.state.step))
            self.logs = [file, TensorBoard(self.run.tensorboard)]

    def _close_logs(self) -> None:
        for log in self.logs:
            log.close()

    def _log(self, row: Row) -> None:
        for log in self.logs:
            self.room.wait_for(partial(log.write, row))

    def _too_large(self, micro_batches: int, rows: int, length: int) -> TrainingError:
        return TrainingError(
            f"a step with sentences of {length} tokens, {rows} on a device at once, does not fit into memory. "
            f"Lower train.batch_tokens ({self.batches.batch_tokens}) or data.max_tokens "
            f"({self.config.data.max_tokens}), or raise train.micro_batches ({micro_batches})"
        )

    def _take(self, update: SplittingUpdate, source: tf.Tensor, target: tf.Tensor) -> StepSums:
        """Takes a step; in parts where memory is short, unless there are other workers, who would not know."""
        try:
            return update(source, target) if self.workers.count == 1 else update.attempt(source, target)
        except tf.errors.ResourceExhaustedError as error:
            raise self._too_large(*self.strategy.experimental_local_results(source)[0].shape) from error

    def _agreed(self, seconds: float, signals: list[int]) -> tuple[float, bool]:
        """Seconds of training by the chief's clock, and whether any worker was asked to stop."""
        seconds, stopping = self.workers.sum([seconds if self.workers.chief else 0.0, len(signals)])
        return seconds, stopping > 0

    def _distributed_batches(self) -> tf.distribute.DistributedDataset:
        dataset = self.batches.dataset(self.state.position, self.workers.shares)
        return self.strategy.distribute_datasets_from_function(lambda _: dataset)

    def _compile(self, batches: tf.distribute.DistributedDataset, parts: int = 1) -> Update:
        """The update of the batches, each of whose micro-batches comes in so many parts."""
        train = self.config.train
        train = train.model_copy(update={"micro_batches": parts * train.micro_batches})
        signature = batches.element_spec[1:] if parts == 1 else None
        return make_update(self.model, self.optimizer, train, self.strategy, signature)

    def _restore(self) -> TrainingState | None:
        """Goes back to the newest sound checkpoint, if there is one; the chief first, who sets damaged ones aside."""
        restored = None
        for turn in (True, False):
            if self.workers.chief == turn:
                restored = self.checkpoints.restore_newest(self.model.named_weights(), self._moments())
            self.workers.wait()
        step = -1 if restored is None else restored.step
        if [step] != self.workers.of_chief([step]):
            raise TrainingError(f"{self.run.checkpoints} is not what worker 0 sees; all workers must share that disk")
        if restored is not None:
            self._take_up_corpus(restored)
        return restored

    def _take_up_corpus(self, restored: TrainingState) -> None:
        """Has a checkpoint go on with the corpus as it is now: where it has changed, from the start of the epoch.

        Raises:
            TrainingError: it has changed, and the user has not agreed to that.
        """
        before, restored.corpus = restored.corpus, self.batches.store.fingerprint
        if before in ("", restored.corpus):
            return
        if self.config.data.on_change == "refuse":
            raise TrainingError(
                f"{self.run.checkpoints}: step {restored.step:,} was trained on another corpus, or with another "
                f"vocabulary, than {self.run.data} is made from. Put back what was there, or go on with what is there "
                "now, from the start of the epoch, by --set data.on_change=continue"
            )
        restored.position = Position(restored.position.epoch)
        self.progress.say(
            f"step {restored.step:,}: data.train has changed; going on with it from the start of the epoch "
            f"({restored.position.epoch}.0)"
        )

    def _keep_last_step(self, last_step: int) -> None:
        """Ends a cosine where it was to end when training began, though a corpus of another size may end elsewhere."""
        self.state.last_step = self.state.last_step or last_step
        if self.state.last_step != last_step:
            self.optimizer.schedule.total_steps = self.state.last_step
            self.limits = replace(self.limits, max_steps=self.state.last_step, max_epochs=float("inf"))

    def _go_back(self) -> None:
        """Returns to the newest checkpoint, to go on from there at half the learning rate."""
        state = self.state
        restored = self._restore()
        halvings = state.rate_halvings + 1
        if restored is None or halvings > MAX_RATE_HALVINGS:
            raise TrainingError(
                f"step {state.step}: the loss or its gradient is no number, at the learning rate "
                f"{self.config.train.learning_rate / 2**state.rate_halvings:.3g} still. A lower train.learning_rate or "
                "a longer train.warmup_steps may help, or precision: float32"
            )
        self.progress.say(
            f"step {state.step}: {state.skipped_in_a_row} updates in a row were no numbers; going back to step "
            f"{restored.step} and on with half the learning rate"
        )
        restored.rate_halvings, restored.skipped_steps = halvings, state.skipped_steps
        restored.training_seconds = state.training_seconds
        self.state = restored
        if self.workers.chief:  # so that a run that is killed now goes on at the lower rate too
            self.room.wait_for(lambda: self.checkpoints.replace_state(restored))

    def summary(self) -> str:
        """What is about to be trained, in a few words."""
        parameters = sum(int(np.prod(v.shape)) for v in self.model.trainable_variables)
        from_where = f"going on after step {self.state.step:,}" if self.resumed else "starting"
        workers = f"{self.workers.count} workers, together " if self.workers.count > 1 else ""
        return (
            f"{self.run.path}: {from_where}; {self.batches.store.counts}; {parameters:,} parameters, "
            f"{self.steps_per_epoch:,} steps an epoch on {workers}{self.strategy.num_replicas_in_sync} × "
            f"{self.strategy.extended.worker_devices[0].rpartition('device:')[2]}; checkpoints, "
            f"the newest {self.config.train.keep_checkpoints} whole, will take "
            f"{self._checkpoint_bytes(parameters) / 1e6:,.0f} MB"
        )

    def _checkpoint_bytes(self, parameters: int) -> int:
        """What the checkpoints of a run come to: whole ones, with two moments, and one more while it is written."""
        train = self.config.train
        return 4 * parameters * (3 * (train.keep_checkpoints + 1) + max(0, train.average_checkpoints - 1))

    def write_model(self) -> None:
        """Averages the chosen checkpoints into the run's model."""
        weights = self.checkpoints.average(self.averaged_steps())

        def write() -> None:
            with room_for("the model", self.run.model):
                write_weights(weights, self.run.model)

        self.room.wait_for(write)

    def averaged_steps(self) -> list[int]:
        """Steps of the validated checkpoints that the model is to be the mean of, as it stands now."""
        kept = set(self.checkpoints.steps())
        there = [validation for validation in self.state.validations if validation.step in kept]
        return chosen(there, self.config.train)

    def _advance(self, sums: StepSums, told: tf.Tensor) -> None:
        values = [float(value) for value in sums]
        state = self.state
        state.step += 1
        epoch, batch, plain, drawn = map(int, told.numpy())
        before, state.position = state.position, Position(epoch, batch)
        state.plain, state.drawn = state.plain + plain, state.drawn + drawn
        if np.isfinite(values).all():
            state.target_tokens += int(sums.tokens)
            self._timed_tokens += int(sums.tokens)
            state.window = [total + value for total, value in zip(state.window, [*values, 1.0], strict=True)]
            state.skipped_in_a_row = 0
        else:
            state.skipped_steps += 1
            state.skipped_in_a_row += 1
            rows = self.batches.plan(before.epoch)[before.batch]
            self.progress.say(
                f"step {state.step}: the loss or its gradient is no number; skipped this update by {len(rows)} pairs, "
                "among them"
            )
            if self.workers.chief:
                corpora = open_corpora(self.config.data.train, self.config.data)
                for line in described(rows[:SHOWN_PAIRS], self.batches.store, corpora, self.tokenizers):
                    self.progress.say(f"    {line}")

    def _after_step(self, *, stopping: bool) -> None:
        """Rows, validation and checkpoint, as far as they are due after this step."""
        train, state = self.config.train, self.state
        ending = bool(self.endings)
        if state.step % train.log_every_steps == 0 or ending:
            self._log(self._training_row())
        validating = state.step % train.validate_every_steps == 0 or ending
        if validating:
            self._log(self._validate())
        saving = train.save_every_steps is not None and state.step % train.save_every_steps == 0
        if validating or saving or stopping:
            self._save()
        if stopping and not self.endings:
            raise Interrupted(f"stopped after step {state.step:,}; all is saved. The same command goes on from there")

    def _save(self) -> None:
        """Has the chief write a checkpoint."""
        if self.workers.chief:
            self.room.wait_for(self._write_checkpoint)
        self.workers.wait()

    def _write_checkpoint(self) -> None:
        self.checkpoints.save(self.state, self.model.named_weights(), self._moments())
        self.checkpoints.prune(self.averaged_steps())

    def _moments(self) -> dict[str, keras.Variable]:
        """The optimizer's variables by name."""
        return {variable.path: variable for variable in self.optimizer.variables}

    def _training_row(self) -> Row:
        """The mean over the steps since the last row, without the figures that there is no step for."""
        state = self.state
        row = {
            "step": state.step,
            "epoch": state.position.epoch + state.position.batch / self.steps_per_epoch,
            **means(state.window),
            "learning_rate": float(self.optimizer.schedule(state.step - 1)),
            "target_tokens": state.target_tokens,
            "skipped_steps": state.skipped_steps,
            "training_seconds": state.training_seconds,
        }
        if self._timed_seconds:
            row["target_tokens_per_second"] = self._timed_tokens / self._timed_seconds
        if state.drawn:
            row["plain_segmentations"] = state.plain / state.drawn
        state.window, state.plain, state.drawn = [0.0] * len(state.window), 0, 0
        self._timed_tokens, self._timed_seconds = 0.0, 0.0
        fraction = self.limits.fraction(state, self.steps_per_epoch)
        self.progress.trained(row, fraction, state.training_seconds * (1 / fraction - 1))
        return row

    def _validate(self) -> Row:
        began = time.monotonic()
        figures = [0.0] * 4
        if self.workers.chief:
            validation = self.validator.validate(self.state.step)
            figures = [validation.loss, validation.nll, validation.bleu, time.monotonic() - began]
        *figures, seconds = self.workers.of_chief(figures)
        validation = Validation(self.state.step, *figures)
        self.state.validations.append(validation)
        best_bleu = max(v.bleu for v in self.state.validations)
        by = figure_that_matters(self.config.train)
        is_best = best(self.state.validations, by) == len(self.state.validations) - 1
        self.progress.validated(validation, best_bleu, by if is_best else None)
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
