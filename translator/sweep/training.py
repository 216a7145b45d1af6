"""Trainings as processes of their own, by the command line, each on its part of the cores and GPUs."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Protocol

from translator.cluster import TF_CONFIG
from translator.run_folder import RunFolder

STOPPED_HOW = "the process was ended by signal {}"


class Commands(Protocol):
    """What prepares a corpus and trains a run. Both return an exit code, as those of the command line are."""

    def prepare(self, run: RunFolder, output: Path) -> int:
        """Prepares a corpus in a folder whose configuration is there; what is printed goes to the end of `output`."""

    def train(self, run: RunFolder, until_step: int | None, output: Path, slot: int) -> int:
        """Trains a run whose configuration is there, up to a step or to its end."""

    def stop(self) -> None:
        """Asks all that are under way to stop at a checkpoint."""

    def kill(self) -> None:
        """Ends all that are under way."""


class Processes:
    """`translator prepare` and `translator train`, in as many processes at a time as there are slots."""

    def __init__(self, slots: int) -> None:
        """Deals out cores, and those of several GPUs that `CUDA_VISIBLE_DEVICES` names."""
        cores = sorted(os.sched_getaffinity(0))
        gpus = [gpu for gpu in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if gpu]
        self._cores = [cores[slot::slots] or cores for slot in range(slots)]
        self._gpus = [",".join(gpus[slot::slots]) for slot in range(slots)] if len(gpus) >= slots > 1 else None
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopping = False

    def prepare(self, run: RunFolder, output: Path) -> int:
        return self._run(["prepare", str(run.config), "--run", str(run.path)], output, None)

    def train(self, run: RunFolder, until_step: int | None, output: Path, slot: int) -> int:
        until = [] if until_step is None else ["--until-step", str(until_step)]
        return self._run(["train", str(run.config), "--run", str(run.path), *until], output, slot)

    def stop(self) -> None:
        self._stopping = True
        for process in list(self._running):
            process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self._stopping = True
        for process in list(self._running):
            process.kill()

    def _run(self, arguments: list[str], output: Path, slot: int | None) -> int:
        # Each run trains alone, also where Slurm has started several tasks, which would train one together.
        environment = os.environ | {TF_CONFIG: "{}"}
        if slot is not None:
            if self._gpus:
                environment["CUDA_VISIBLE_DEVICES"] = self._gpus[slot]
            os.sched_setaffinity(0, self._cores[slot])  # of this thread alone, which the process inherits
        with output.open("ab") as file, contextlib.ExitStack() as stack:
            # In a session of its own: Ctrl-C reaches it through `stop`, once.
            process = subprocess.Popen(
                [sys.executable, "-m", "translator", *arguments],
                env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True,
            )  # fmt: skip
            self._running.add(process)
            stack.callback(self._running.discard, process)
            if self._stopping:  # since before it was in the set
                process.send_signal(signal.SIGTERM)
            return process.wait()


def why(code: int, output: Path) -> str:
    """Why a process ended: the last line that it printed, or the signal that ended it."""
    if code < 0:
        return STOPPED_HOW.format(signal.Signals(-code).name)
    with contextlib.suppress(OSError):
        lines = output.read_bytes()[-20_000:].decode(errors="replace").split("\n")
        if last := next((line.strip() for line in reversed(lines) if line.strip()), ""):
            return last
    return f"exit code {code}"
