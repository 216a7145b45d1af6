"""A sweep whose trainings follow a script: folders such as real ones leave, without a model."""

import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from translator.run_folder import RunFolder
from translator.sweep.halving import Halving
from translator.sweep.run import Asked, make_sweep
from translator.sweep.trials import Sweep

EVERY, LAST = 10, 40  # steps: between validations, and in all
CONFIG = f"""
data:
  train: {{grammar: train, pairs: 40}}
  validation: {{grammar: validation, pairs: 2}}
  test: {{grammar: test, pairs: 2}}
tokenizer: {{vocabulary_size: 100}}
train: {{max_steps: {LAST}, validate_every_steps: {EVERY}}}
"""


class Scripted:
    """Prepares and trains by writing files; each call is noted."""

    def __init__(self, code_of: Callable[[str, int | None], int] = lambda run, until: 0) -> None:
        """`code_of` gives the exit code of a training, before which it does nothing but for code 0."""
        self.prepared: list[str] = []
        self.trained: list[tuple[str, int, int]] = []  # run, from step, to step
        self.stopped = threading.Event()
        self._code_of = code_of
        self._lock = threading.Lock()

    def prepare(self, run: RunFolder, output: Path) -> int:
        with self._lock:
            self.prepared.append(run.path.name)
        run.data.mkdir()
        (run.data / "source.ids").write_bytes(b"ids")
        (run.data / "manifest.json").write_text("{}")
        for side in ("source", "target"):
            (run.path / f"tokenizer.{side}.model").write_bytes(side.encode())
        run.inputs.write_text("[]")
        return 0

    def train(self, run: RunFolder, until_step: int | None, output: Path, slot: int) -> int:
        assert (run.data / "source.ids").read_bytes() == b"ids"
        if code := self._code_of(run.path.name, until_step):
            output.write_text("a line\nout of luck\n\n")
            return code
        rate = run.load_config().train.learning_rate
        before = max((row["step"] for row in rows_of(run)), default=0)
        end = min(until_step or LAST, LAST)
        with run.metrics.open("a") as file:
            for step in range(before + EVERY, end + 1, EVERY):
                row = {"step": step, "validation_bleu": 1000 * rate + step / 10, "training_seconds": 6.0 * step}
                file.write(json.dumps(row) + "\n")
        if end == LAST:
            for path, content in ((run.model, ""), (run.report / "scores.json", json.dumps({"bleu": 2000 * rate}))):
                path.parent.mkdir()
                path.write_text(content)
        with self._lock:
            self.trained.append((run.path.name, before, end))
        return 0

    def stop(self) -> None:
        self.stopped.set()

    kill = stop


def rows_of(run: RunFolder) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.metrics.read_text().splitlines()] if run.metrics.exists() else []


def sweep_of(
    folder: Path, *settings: str, rungs: Sequence[int] = (), eta: float = 2.0, variants: Sequence[str] = ()
) -> Sweep:
    config = folder / "scripted.yaml"
    if not config.exists():
        config.write_text(CONFIG)
    return make_sweep(config, folder / "sweep", Asked(settings, variants), Halving(tuple(rungs), eta))
