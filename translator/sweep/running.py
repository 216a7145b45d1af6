"""Trains the runs of a sweep: threads take what is open, as do other processes with the same sweep.

Nothing is kept in memory that would be missed: what is open is read from the runs' folders, and what somebody works on
is locked. So a sweep goes on after whatever happened, and machines share one by the disk alone.
"""

import contextlib
import functools
import signal
import threading
from collections.abc import Callable, Iterator, Sequence

from translator.errors import TRY_AGAIN, TranslatorError
from translator.files import write_file
from translator.lock import LockedError, locked
from translator.run_folder import RunFolder
from translator.sweep.corpora import begin_run, corpus_key, is_prepared, require_as_prepared
from translator.sweep.halving import Job
from translator.sweep.space import SweepError
from translator.sweep.training import Commands, why
from translator.sweep.trials import Sweep, Trial
from translator.training.signals import collected_signals

POLL_SECONDS = 2.0  # between looks at what others do
ASKED_TO_STOP = (TRY_AGAIN, -signal.SIGTERM, -signal.SIGINT)  # exit codes

Say = Callable[[str], None]


class SweepStopped(TranslatorError):  # noqa: N818 - it is not an error
    """A sweep was asked to stop; its trainings have saved checkpoints."""

    exit_code = TRY_AGAIN


def train_open(
    sweep: Sweep, commands: Commands, slots: int, say: Say, after_job: Callable[[], None], poll: float = POLL_SECONDS
) -> None:
    """Trains what is open, until nothing is that others do not work on and nothing more can follow.

    Args:
        sweep: which has been checked.
        commands: prepare and train.
        slots: trainings at a time.
        say: told what begins and ends.
        after_job: called after each training.
        poll: seconds between looks at the folder.

    Raises:
        SweepStopped: a signal asked for it.
        SweepError: a corpus cannot be prepared.
        RunError: a corpus has changed since it was prepared.
    """
    _Running(sweep, commands, say, after_job, poll).run(slots)


class _Running:
    """A sweep under way in this process."""

    def __init__(self, sweep: Sweep, commands: Commands, say: Say, after_job: Callable[[], None], poll: float) -> None:
        self._sweep, self._commands, self._say, self._after_job = sweep, commands, say, after_job
        self._poll, self._stopping, self._errors = poll, threading.Event(), list[BaseException]()
        self._reporting = threading.Lock()

    def run(self, slots: int) -> None:
        with collected_signals() as signals:
            try:
                self._in_threads([self._prepare_all], signals)
                self._in_threads([functools.partial(self._work, slot) for slot in range(slots)], signals)
            except BaseException:  # such as a second Ctrl-C
                self._stopping.set()
                self._commands.kill()
                raise
        if self._errors:
            raise self._errors[0]
        if signals:
            raise SweepStopped("the sweep was stopped; the same command goes on with it")

    def _in_threads(self, tasks: Sequence[Callable[[], None]], signals: list[int]) -> None:
        """Runs tasks until all have ended, and stops what is under way after a signal or the first error."""
        threads = [threading.Thread(target=self._guarded, args=(task,), daemon=True) for task in tasks]
        for thread in threads:
            thread.start()
        while alive := [thread for thread in threads if thread.is_alive()]:
            alive[0].join(self._poll / 10)
            if (signals or self._errors) and not self._stopping.is_set():
                self._stopping.set()
                self._commands.stop()

    def _guarded(self, task: Callable[[], None]) -> None:
        try:
            task()
        except BaseException as error:  # raised again in the main thread
            self._errors.append(error)
            self._stopping.set()
            self._commands.stop()

    def _prepare_all(self) -> None:
        """Prepares every corpus before anything is trained, so that an error in one ends the sweep at once."""
        for key, trial in {corpus_key(trial.config): trial for trial in reversed(self._sweep.trials)}.items():
            prepared = self._prepared(key)
            while not is_prepared(prepared):
                with self._claimed(key, prepared) as is_ours:
                    if is_ours and not is_prepared(prepared):
                        self._prepare(key, prepared, trial)
                if self._stopping.wait(0.0 if is_ours else self._poll):
                    return
            require_as_prepared(prepared, trial.config)

    def _prepare(self, key: str, prepared: RunFolder, trial: Trial) -> None:
        self._say(f"preparing the corpus {key}")
        with prepared.locked():
            prepared.claim(trial.config)
        output = self._sweep.state(key) / "output.txt"
        if (code := self._commands.prepare(prepared, output)) and not self._stopping.is_set():
            raise SweepError(f"the corpus of run {trial.name} cannot be prepared: {why(code, output)}")

    def _work(self, slot: int) -> None:
        """Trains until there is nothing to do."""
        while not self._stopping.is_set():
            now = self._sweep.halving.round(self._sweep.standings())
            if not now.jobs:
                return
            if any(self._try(job, slot) for job in now.jobs):
                continue
            if now.is_last:  # others train the rest
                return
            self._stopping.wait(self._poll)

    def _try(self, job: Job, slot: int) -> bool:
        """Does a job, unless somebody else does or has done it; whether the folder should be looked at again."""
        trial = self._sweep.trials[job.run]
        with self._claimed(trial.name, self._sweep.run(trial)) as is_ours:
            if not is_ours:
                return False
            if job in self._sweep.halving.round(self._sweep.standings()).jobs:
                self._train(trial, job.until_step, slot)
        with self._reporting:
            self._after_job()
        return True

    def _train(self, trial: Trial, until_step: int | None, slot: int) -> None:
        run, state = self._sweep.run(trial), self._sweep.state(trial.name)
        to = "to its end" if until_step is None else f"to step {until_step:,}"
        self._say(f"{trial.name}: training {to}  ({trial.said})")
        output = state / "output.txt"
        try:
            begin_run(run, trial.config, self._prepared(corpus_key(trial.config)))
            code = self._commands.train(run, until_step, output, slot)
            failure = why(code, output)
        except TranslatorError as error:
            code, failure = error.exit_code, str(error)
        if self._stopping.is_set():
            return
        if code in ASKED_TO_STOP:  # not by us: a scheduler may ask all processes at once
            raise SweepStopped(f"{trial.name} was asked to stop; the same command goes on with the sweep")
        standing = self._sweep.standing(trial)
        if code or not (standing.is_finished if until_step is None else standing.has_reached(until_step)):
            write_file(state / "failure.txt", f"{failure}\n".encode())
            self._say(f"{trial.name}: failed: {failure}")
            return
        at = "finished" if until_step is None else f"at step {until_step:,}"
        best = standing.best()
        self._say(f"{trial.name}: {at}" + ("" if best is None else f", best validation BLEU {best:.2f}"))

    def _prepared(self, key: str) -> RunFolder:
        return RunFolder(self._sweep.folder / "prepared" / key)

    @contextlib.contextmanager
    def _claimed(self, name: str, run: RunFolder) -> Iterator[bool]:
        """Keeps others off a run or a corpus; False where somebody has it.

        That may be a training that has outlived the sweep that began it: it has the lock of its own folder.
        """
        state = self._sweep.state(name)
        state.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(locked(state))
                if run.path.is_dir():
                    with locked(run.path):
                        pass
            except LockedError:
                yield False
                return
            yield True
