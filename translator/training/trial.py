"""What an epoch would take, from a few steps: taken in a process of their own, whose memory is that of training."""

import contextlib
import multiprocessing
import signal
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from translator.config.schema import Config
from translator.errors import TranslatorError
from translator.run_folder import RunFolder
from translator.runtime import start_tensorflow
from translator.training.errors import TrainingError


@dataclass(frozen=True)
class MeasuredSteps:
    """What some steps took, and what an epoch would.

    Attributes:
        steps: that were timed, each after another of the same shape.
        target_tokens_per_second: of those steps, EOS included, padding not.
        epoch_seconds: of the first epoch by the mean of those steps, without validation and checkpoints.
        peak_memory: bytes at most, in a step as large as any there is: of the process, or of the fullest GPU.
    """

    steps: int
    target_tokens_per_second: float
    epoch_seconds: float
    peak_memory: int


def measure_steps(config: Config, run: RunFolder, steps: int) -> MeasuredSteps:
    """Takes steps of a training, from fresh weights, that leave nothing behind.

    Args:
        config: of the training; its model need not be the run's.
        run: whose prepared corpus the batches are of.
        steps: so many.

    Raises:
        TrainingError: the steps cannot be taken, or end the process for want of memory.
    """
    if config.train.batch_tokens == "auto":
        raise TrainingError(
            "train.batch_tokens: auto is found out when training starts; to measure steps give a number"
        )
    context = multiprocessing.get_context("spawn")  # TensorFlow does not survive a fork
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(sending, config, run.path, steps), daemon=True)
    process.start()
    sending.close()  # so that the end of the process is seen
    try:
        measured = receiving.recv()
    except EOFError:
        raise TrainingError(
            "the process that took the steps has ended, as when memory runs out; lower train.batch_tokens "
            f"({config.train.batch_tokens}), or raise train.micro_batches ({config.train.micro_batches})"
        ) from None
    finally:
        process.kill()
        process.join()
    if isinstance(measured, str):
        raise TrainingError(measured)
    assert isinstance(measured, MeasuredSteps)
    return measured


def _measure(sending: Connection, config: Config, path: Path, steps: int) -> None:
    """What the process does: measures, and sends the figures or what is wrong."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all of a terminal; the one that started us ends us
    start_tensorflow()
    with contextlib.suppress(BrokenPipeError):
        try:
            sending.send(take_steps(config, RunFolder(path), steps))
        except TranslatorError as error:
            sending.send(str(error))


def take_steps(config: Config, run: RunFolder, steps: int) -> MeasuredSteps:
    """Takes the steps in this process, where TensorFlow has been started."""
    from rich.console import Console

    from translator.data.prepare import open_prepared
    from translator.training.display import TrainingProgress
    from translator.training.loop import Training
    from translator.training.step import StepSums
    from translator.training.workers import Workers

    tokenizers, store = open_prepared(config, run)
    workers = Workers.join(config.train.devices, lambda _: None)
    with tempfile.TemporaryDirectory() as without_checkpoints:
        progress = TrainingProgress(Console(quiet=True), run.path.name)
        training = Training(config, RunFolder(Path(without_checkpoints)), tokenizers, store, workers, progress)
        feed, update = training.start()
        batches = [next(feed) for _ in range(steps)]
        for batch in batches:  # a first time: kernels are made for each shape
            update.attempt(0, *batch.arrays).numpy()
        began = time.perf_counter()
        sums = [StepSums.of(update.attempt(0, *batch.arrays).numpy()) for batch in batches]
        seconds = time.perf_counter() - began
    tokens = sum(each.tokens for each in sums)
    return MeasuredSteps(steps, tokens / seconds, training.steps_per_epoch * seconds / steps, _peak_memory())


def _peak_memory() -> int:
    """The most bytes that the fullest GPU has held; without one, this process."""
    import tensorflow as tf

    from translator.runtime import peak_memory

    gpus = [device.name.removeprefix("/device:") for device in tf.config.list_logical_devices("GPU")]
    return max((int(tf.config.experimental.get_memory_info(gpu)["peak"]) for gpu in gpus), default=peak_memory())
