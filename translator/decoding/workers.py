"""Processes that translate blocks of lines: any of them any block, and what comes out is in order.

No TensorFlow here: each process configures its own before it imports it.
"""

import contextlib
import functools
import logging
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol, cast, runtime_checkable

from translator.decoding.blocks import Block
from translator.decoding.placeholders import LostSpans
from translator.decoding.translating import Translates
from translator.errors import TranslatorError
from translator.runtime import start_tensorflow

AHEAD = 2  # blocks for each process, that are read and not written yet: what one waits for, others may be past
TOLD_EVERY_SECONDS = 0.5
LINES, PROGRESS, LOG, ERROR = "lines", "progress", "log", "error"  # what a process sends


class WorkerError(TranslatorError):
    """A process that has ended, or has another model than the rest."""


@runtime_checkable
class CountsLost(Protocol):
    """What translates lines, and counts the spans to keep that it loses."""

    lost: LostSpans


Load = Callable[[], Translates]  # what translates; if there are any, it is given `target_prefixes`
Told = Callable[[int], None]  # of how many lines are done
Translated = Iterator[tuple[Block, list[str]]]


class Here:
    """Translates in this process."""

    def __init__(self, load: Load) -> None:
        self._translating = load()

    def fingerprint(self) -> dict[str, Any]:
        """That of the model."""
        return self._translating.fingerprint()

    def lost(self) -> LostSpans:
        """What was lost so far."""
        return _lost(self._translating)

    def translated(self, blocks: Iterator[Block], told: Told) -> Translated:
        """Each block with its translation, before the next is asked for."""
        before = 0
        for block in blocks:
            count = len(block.lines)

            def show(done: int, total: int, before: int = before, count: int = count) -> None:
                told(before + count * done // total)

            yield block, _translation(self._translating, block, show)
            before += count
            told(before)


class Processes:
    """Translates in processes of their own, each with its own model."""

    def __init__(self, load: Load, count: int, threads: int) -> None:
        """Starts them.

        Args:
            load: called once in each; it has to be one that pickle takes, such as a `functools.partial` of a function
                of a module.
            count: of processes.
            threads: of each.
        """
        start = functools.partial(start_tensorflow, threads)
        context = multiprocessing.get_context("spawn")  # TensorFlow does not survive a fork
        self._workers: list[tuple[Any, Connection]] = []
        for number in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, start), name=f"{number + 1} of {count}", daemon=True)
            process.start()
            theirs.close()  # so that each side sees the other's end
            self._workers.append((process, ours))
        try:
            for worker in range(count):
                self._send(worker, load)
        except BaseException:  # such as a `load` that pickle does not take
            self.__exit__()
            raise

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *_: object) -> None:
        for process, connection in self._workers:
            process.kill()  # they have nothing that would be lost
            connection.close()
        for process, _connection in self._workers:
            process.join()

    def fingerprint(self) -> dict[str, Any]:
        """That of the model, which has to be the same in all.

        Raises:
            WorkerError: they differ.
        """
        first, *others = self._answers("fingerprint")
        if any(each != first for each in others):
            raise WorkerError("the model was replaced while the processes loaded it; run the same command again")
        return cast(dict[str, Any], first)

    def lost(self) -> LostSpans:
        """What all of them have lost so far."""
        return functools.reduce(LostSpans.and_those, self._answers("lost"))

    def translated(self, blocks: Iterator[Block], told: Told) -> Translated:
        """Each block with its translation, in order; a few more are read meanwhile."""
        idle, at_work = list(range(len(self._workers))), dict[int, int]()  # the latter: worker to number of block
        held: dict[int, Block] = {}
        finished: dict[int, list[str]] = {}
        parts = [0.0] * len(self._workers)  # lines of its block that each has done
        number_in = number_out = done = 0
        while True:
            while idle and number_in - number_out < AHEAD * len(self._workers):
                if (block := next(blocks, None)) is None:
                    break
                held[number_in] = block
                at_work[worker := idle.pop(0)] = number_in
                self._send(worker, block)
                number_in += 1
            if not held:
                return
            for worker, lines in self._received(lambda worker, part: parts.__setitem__(worker, part)):
                number = at_work.pop(worker)
                finished[number], parts[worker] = lines, 0.0
                done += len(held[number].lines)
                idle.append(worker)
            told(done + int(sum(parts)))
            while number_out in finished:
                yield held.pop(number_out), finished.pop(number_out)
                number_out += 1

    def _answers(self, question: str) -> list[Any]:
        """What each of them, none of which is at work, answers."""
        for worker in range(len(self._workers)):
            self._send(worker, question)
        found: dict[int, Any] = {}
        while len(found) < len(self._workers):
            found.update(self._received())
        return [found[worker] for worker in range(len(self._workers))]

    def _send(self, worker: int, message: Any) -> None:
        try:
            self._workers[worker][1].send(message)
        except OSError:
            raise self._died(worker) from None

    def _received(self, progress: Callable[[int, float], None] = lambda worker, part: None) -> list[tuple[int, Any]]:
        """Waits for news of any; what was asked for comes back with who did it."""
        numbers = {connection: worker for worker, (_, connection) in enumerate(self._workers)}
        results = []
        for ready in wait(list(numbers)):
            worker = numbers[ready]  # type: ignore[index]
            try:
                kind, what = self._workers[worker][1].recv()
            except (EOFError, OSError):
                raise self._died(worker) from None
            if kind == ERROR:
                raise WorkerError(*what)
            if kind == LOG:
                if worker and what[1] < logging.WARNING:
                    continue  # all say the same of what they load
                logging.getLogger(what[0]).log(what[1], "%s", what[2])
            elif kind == PROGRESS:
                progress(worker, what)
            else:
                results.append((worker, what))
        return results

    def _died(self, worker: int) -> WorkerError:
        process = self._workers[worker][0]
        process.join(10)
        code = process.exitcode
        how = "has ended" if code is None else f"has ended with exit code {code}"
        if code is not None and code < 0:
            how = f"was ended by {signal.Signals(-code).name}"
        advice = "if memory is short, use fewer with --processes" if code == -signal.SIGKILL else "see what it printed"
        return WorkerError(f"process {process.name} (pid {process.pid}) {how}; {advice}")


class _Forwarding(logging.Handler):
    """Hands what is logged to the process that started this one."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection = connection

    def emit(self, record: logging.LogRecord) -> None:
        self._connection.send((LOG, (record.name, record.levelno, record.getMessage())))


def _work(connection: Connection, start: Callable[[], None]) -> None:
    """What a process does: translates block by block, until the one that started it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all of a terminal; the one that started us ends us
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            start()  # before `load`, as it is received, imports TensorFlow
            logging.getLogger().addHandler(_Forwarding(connection))
            logging.getLogger("translator").setLevel(logging.INFO)
            translating = connection.recv()()
            while True:
                connection.send((LINES, _answer(translating, connection.recv(), connection)))
        except (TranslatorError, OSError) as error:
            if isinstance(error, BrokenPipeError | ConnectionResetError):
                raise
            connection.send((ERROR, str(error).split("\n")))


def _answer(translating: Translates, asked: Block | str, connection: Connection) -> Any:
    """The translation of a block, or the answer to a question."""
    if asked == "fingerprint":
        return translating.fingerprint()
    if asked == "lost":
        return _lost(translating)
    block = cast(Block, asked)
    due = time.monotonic() + TOLD_EVERY_SECONDS

    def show(done: int, total: int) -> None:
        nonlocal due
        if (now := time.monotonic()) >= due:
            due = now + TOLD_EVERY_SECONDS
            connection.send((PROGRESS, len(block.lines) * done / total))

    return _translation(translating, block, show)


def _translation(translating: Translates, block: Block, show: Callable[[int, int], None]) -> list[str]:
    begins: dict[str, Any] = {} if block.target_prefixes is None else {"target_prefixes": block.target_prefixes}
    return translating.translate_text(block.lines, block.first_line, show, **begins)


def _lost(translating: Translates) -> LostSpans:
    return translating.lost if isinstance(translating, CountsLost) else LostSpans()
