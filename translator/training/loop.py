"""The loop of training: what happens when.

Batches come from a plan, updates from `step`, scores from `validation`; what is done about steps that go wrong is in
`recovery`, when to end in `stopping`. All that the loop knows is in a `TrainingState`, so that a resumed run goes on as
if it had never stopped.
"""

import math
import time
from collections.abc import Callable
from functools import partial

import keras
import tensorflow as tf

from translator.config.schema import Config
from translator.data.store import TokenStore
from translator.data.tokenizer import Tokenizer
from translator.model.build import build_model, require_model_of
from translator.report.written import LivePage
from translator.run_folder import RunFolder
from translator.training.beginning import inherit_weights, trained
from translator.training.checkpoints import Checkpoints
from translator.training.display import TrainingProgress
from translator.training.errors import Interrupted, Paused
from translator.training.feed import Fed, Feed
from translator.training.log import Logs, NoLogs, Speed, training_row, validation_row
from translator.training.memory import too_large, try_largest
from translator.training.optimizer import Adam
from translator.training.recovery import MOST_TOGETHER, Pending, Taken, gone_back, require_finite_loss, skipped_lines
from translator.training.saving import Saving
from translator.training.schedule import learning_rate
from translator.training.setup import make_batches
from translator.training.signals import collected_signals
from translator.training.splitting import SplittingUpdate
from translator.training.state import TrainingState
from translator.training.step import Guidance, Update, make_update
from translator.training.stopping import Due, Ending, best, due_after, figure_that_matters, limits_of
from translator.training.trackers import Log, Row, trackers_of
from translator.training.validating import Validating
from translator.training.workers import Workers


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
        self.tokenizers, self.strategy = tokenizers, workers.strategy
        self.batches = make_batches(config, store, tokenizers, self.strategy.num_replicas_in_sync)
        self.steps_per_epoch = len(self.batches.plan(0))
        self.checkpoints = Checkpoints(run.checkpoints, config.train.keep_checkpoints)
        if newest := self.checkpoints.newest():
            require_model_of(config, *tokenizers, newest[1])
        with self.strategy.scope():
            keras.utils.set_random_seed(config.train.seed)
            self.model = build_model(config, *tokenizers, config.train.precision)
            self.weights = self.model.named_weights()
            self.trained = trained(self.weights, config.train)
            self.optimizer = Adam(self.trained, config.train.optimizer_betas, config.train.optimizer_epsilon)
        self.saving = Saving(config, run, self.checkpoints, self.weights, self.optimizer.variables, workers, progress)
        self.validating = Validating(config, self.model, tokenizers, workers)
        restored = self.saving.restore(store.fingerprint, self.validating.fingerprint)
        if restored is None and config.train.init_from:
            path = inherit_weights(config, tokenizers, self.weights)
            progress.say(f"beginning with the weights of {path}")
        self.resumed = restored is not None and restored.step > 0
        self.state = restored or TrainingState(corpus=store.fingerprint, validation_set=self.validating.fingerprint)
        self.limits = limits_of(config, self.state, self.steps_per_epoch)
        trackers: list[Callable[[], Log]] = [*trackers_of(config, run), partial(LivePage, run)]
        self.logs = Logs(run.metrics, self.saving.room, trackers) if workers.chief else NoLogs()
        self.pending, self.speed = Pending(), Speed()
        self.until_step: int | None = None

    @property
    def endings(self) -> list[Ending]:
        """Why training ends at the state that it is in; nothing while it goes on."""
        return self.limits.endings(self.config.train, self.state, self.steps_per_epoch)

    @property
    def complete(self) -> bool:
        """Whether training has ended, and with a validation, as a run stopped before one has not."""
        return bool(self.endings) and self.state.is_validated

    @property
    def reasons(self) -> str:
        """Why training has ended."""
        return "; ".join(ending.reason for ending in self.endings)

    @property
    def remedies(self) -> str:
        """What would let it go on."""
        return ", and ".join(ending.remedy for ending in self.endings)

    def train(self, until_step: int | None = None) -> None:
        """Trains to the end, then writes the run's model.

        Args:
            until_step: stops after this step, with a checkpoint, if training has not ended by then.

        Raises:
            Interrupted: a signal asked for it, here or at another worker; a checkpoint has been written.
            Paused: `until_step` is reached; a checkpoint has been written.
            TrainingError: a batch does not fit into memory, or the loss stays NaN or infinite.
        """
        self.until_step = until_step
        with self.progress, collected_signals() as signals:
            self.saving.room.signals = signals
            self.logs.open(self.state.step)
            self.validating.warn()
            if self.endings and not self.state.is_validated:
                self._end_where_it_stopped()
            if not self.endings:
                self._take_steps(signals)
            self.logs.close()
            self.progress.say(f"training ended after step {self.state.step:,}: {self.reasons}")
            require_finite_loss(self.state)
            self.saving.write_model(self.state)

    def update(self, feed: Feed) -> SplittingUpdate:
        """The update of the feed's batches; nothing is compiled before it is called."""
        return SplittingUpdate(
            lambda parts: self.compile(feed, parts), self.strategy, self.state.split_in, self.progress.say
        )

    def compile(self, feed: Feed, parts: int = 1) -> Update:
        """The update of the feed's batches, each of whose micro-batches comes in so many parts."""
        train = self.config.train
        train = train.model_copy(update={"micro_batches": parts * train.micro_batches})
        signature = feed.signature if parts == 1 else None
        guidance = Guidance.of(self.config)
        return make_update(self.model, self.optimizer, self._rate, train, self.strategy, signature, guidance)

    def feed(self) -> Feed:
        """The batches from the state's position on."""
        return Feed(self.batches, self.state.position, self.workers.replicas, self.strategy)

    def _rate(self, step: tf.Tensor) -> tf.Tensor:
        return learning_rate(self.config.train, step, self.state.last_step, self.state.rate_halvings)

    def _take_steps(self, signals: list[int]) -> None:
        """Trains until it ends, at a validated checkpoint."""
        if self.until_step is not None and self.state.step >= self.until_step:
            raise Paused(f"step {self.until_step:,} is reached: the run is at step {self.state.step:,}")
        started = time.monotonic() - self.state.training_seconds
        feed, update = self.start()
        if self.state.step == 0:
            # What to go back to if training goes wrong early; also, there is room for a checkpoint.
            self._save()
        while not self.endings:
            self.speed.begin(time.monotonic())
            self._step(update, next(feed))
            self.state.training_seconds, stopping = self._agreed(time.monotonic() - started, signals)
            stopping = stopping or self.state.step == self.until_step
            due = due_after(self.state.step, self.config.train, ending=bool(self.endings), stopping=stopping)
            if not any(due) and len(self.pending) < MOST_TOGETHER:
                continue
            failed = self._fetch()
            # A sum that is NaN or infinite here may be finite on another kind of processor: the chief decides.
            failed = int(self.workers.of_chief([failed])[0])
            if failed == 0:
                self._after_step(due, stopping=stopping)
            else:
                self.logs.close()
                self._go_back(failed)
                self.logs.open(self.state.step)
                feed, update = self.start()

    def _step(self, update: SplittingUpdate, batch: Fed) -> None:
        """Starts a step; what comes of it stays on the device until it is fetched."""
        state = self.state
        try:
            # In parts where memory is short, unless there are other workers, who would not know.
            take = update if self.workers.count == 1 else update.attempt
            sums = take(state.step, *batch.arrays)
        except tf.errors.ResourceExhaustedError as error:
            shape = self.strategy.experimental_local_results(batch.source)[0].shape
            raise too_large(self.config, self.batches, shape) from error
        state.step += 1
        self.pending.add(Taken(state.step, state.position), sums)
        state.position, state.split_in = batch.after, update.parts
        state.plain, state.drawn = state.plain + batch.plain, state.drawn + batch.drawn

    def _fetch(self) -> int:
        """Counts the steps that have been started; returns the step at which too many in a row were skipped, or 0."""
        before = self.state.target_tokens
        for step, sums in self.pending.fetch():
            self.state.count(sums)
            if not sums.finite and self.workers.chief:
                for line in skipped_lines(step, self.batches, self.config, self.tokenizers):
                    self.progress.warn(line)
            if self.state.skipped_in_a_row > self.config.train.max_skipped_steps:
                return step.number
        self.speed.fetched(time.monotonic(), self.state.target_tokens - before)
        return 0

    def _after_step(self, due: Due, *, stopping: bool) -> None:
        """Row, validation and checkpoint, as far as they are due after this step."""
        if due.row:
            self.logs.write(self._training_row())
        if due.validation:
            self._validate()
            if self.endings and not due.row:  # by the time that it took, or by what it found
                self.logs.write(self._training_row())
        if due.checkpoint:
            self._save()
        if stopping and not self.endings:
            raise (Paused if self.state.step == self.until_step else Interrupted)(
                f"stopped after step {self.state.step:,}; a checkpoint is saved. The same command resumes from it"
            )

    def _end_where_it_stopped(self) -> None:
        """Ends a run that was stopped between two validations, and resumed with a limit that it is past already."""
        if any(self.state.window):
            self.logs.write(self._training_row())
        self._validate()
        self._save()

    def start(self) -> tuple[Feed, SplittingUpdate]:
        """The batches from the state's position on, begun, and the update, compiled and tried.

        Raises:
            TrainingError: a step as large as the largest does not fit into memory.
        """
        feed = self.feed()
        update = self.update(feed)
        try:
            try_largest(update.attempt, self.strategy, self.batches)
        except tf.errors.ResourceExhaustedError as error:
            raise too_large(self.config, self.batches, self.batches.largest().source.shape) from error
        feed.begin()
        self.pending, self.speed = Pending(), Speed()
        return feed, update

    def _agreed(self, seconds: float, signals: list[int]) -> tuple[float, bool]:
        """Seconds of training by the chief's clock, and whether any worker was asked to stop."""
        seconds, stopping = self.workers.sum([seconds if self.workers.chief else 0.0, len(signals)])
        return seconds, stopping > 0

    def _go_back(self, failed: int) -> None:
        """Returns to the newest checkpoint, to go on from there at half the learning rate."""
        newest = self.saving.restore(self.batches.store.fingerprint, self.validating.fingerprint)
        restored = gone_back(self.state, failed, newest, self.config.train.learning_rate)
        self.progress.warn(
            f"step {failed}: {self.state.skipped_in_a_row} updates in a row were NaN or infinite; going back to step "
            f"{restored.step} and on with half the learning rate"
        )
        self.state = restored
        self.saving.replace_state(restored)  # so that a run that is killed now goes on at the lower rate too

    def _save(self) -> None:
        self._repeat_last_positions()
        self.saving.save(self.state)

    def _repeat_last_positions(self) -> None:
        """Fills learned positions that training does not reach: not another run's, nor frozen ones."""
        tables = {"source_positions.table", "target_positions.table"}
        if self.config.train.init_from is None and tables <= self.trained.keys():
            self.model.repeat_last_positions(*self.batches.positions)

    def _training_row(self) -> Row:
        """The row of the steps since the last one, which is shown too."""
        state = self.state
        rate = float(self._rate(tf.constant(state.step - 1)))
        row = training_row(state, self.steps_per_epoch, rate, self.speed.take())
        state.begin_window()
        fraction = self.limits.fraction(state, self.steps_per_epoch)
        self.progress.trained(row, fraction, max(0.0, state.training_seconds * (1 / fraction - 1)))
        return row

    def _validate(self) -> None:
        """Validates, shows the figures and writes their row."""
        self._repeat_last_positions()
        validation, seen, seconds = self.validating.validate(self.state.step)
        self.state.validations.append(validation)
        validations = self.state.comparable
        best_bleu = max(v.bleu for v in validations)
        by = figure_that_matters(self.config.train)
        is_best = math.isfinite(validation.loss) and best(validations, by) == len(validations) - 1
        self.progress.validated(validation, best_bleu, by if is_best else None)
        self.state.training_seconds += seconds
        row = validation_row(validation, best_bleu, seconds, self.state.training_seconds)
        self.logs.write(row | seen.figures, seen.pictures)
