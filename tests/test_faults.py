"""Runs that are killed, and disks that are full: nothing is lost, nothing done twice.

`make test-faults` runs what takes minutes; `make test` a short version of it.
"""

import contextlib
import itertools
import json
import random
import resource
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.small_disk import fill, small_disk
from tests.toy_language import PATIENCE_SECONDS, finish, metrics, metrics_without_clock, train, write_language

# All that has a state of its own: dropout, subword sampling, micro-batches, averaging, early stopping.
SETTINGS = (
    "model.dropout=0.1", "tokenizer.sampling_alpha=0.3", "train.micro_batches=2", "train.average_checkpoints=3",
    "train.early_stopping=bleu", "train.patience=9", "train.log_every_steps=7", "train.validate_every_steps=20",
    "train.save_every_steps=15", "train.max_steps=200",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_language(tmp_path_factory.mktemp("faults"))


@pytest.fixture(scope="module")
def unhurt(folder: Path) -> Path:
    """A run that nothing happened to."""
    ran = finish(train(folder, "unhurt", *SETTINGS))
    assert ran.code == 0, ran.err
    return folder / "unhurt"


def rows_of(run: Path) -> int:
    with contextlib.suppress(OSError, json.JSONDecodeError):
        return len(metrics(run))
    return 0


def kill(process: "subprocess.Popen[bytes]", run: Path, moment: str, rng: random.Random) -> bool:
    """Ends a process the hard way, at a moment of its training; whether it came to that."""
    before, deadline = rows_of(run), time.monotonic() + PATIENCE_SECONDS
    checkpoints = set((run / "checkpoints").glob("step-*"))

    def reached() -> bool:
        if moment == "in the middle of a save":
            # Of a later one than the first, or no resumed run would ever get further.
            partial = set((run / "checkpoints").glob("*.partial"))
            return bool(partial) and bool(set((run / "checkpoints").glob("step-*")) - checkpoints - partial)
        if moment == "in validation":
            with contextlib.suppress(OSError, json.JSONDecodeError, IndexError):
                return len(metrics(run)) > before and metrics(run)[-1]["step"] % 20 == 0
            return False
        return rows_of(run) > before

    while process.poll() is None and not reached():
        assert time.monotonic() < deadline
        time.sleep(0.001)
    if moment == "in training":
        time.sleep(rng.uniform(0, 2))
    process.send_signal(signal.SIGKILL)
    finish(process)
    return process.returncode == -signal.SIGKILL


def survive(folder: Path, unhurt: Path, name: str, kills: int) -> None:
    """Kills a run so many times, goes on each time, and compares it with the one that nothing happened to."""
    rng = random.Random(kills)
    moments = itertools.cycle(["in training", "in the middle of a save", "in validation"])
    killed = 0
    while killed < kills:
        process = train(folder, name, *SETTINGS)
        if not kill(process, folder / name, next(moments), rng):
            # It came to its end: from the start again, for there are kills left to survive.
            name += "-again"
            continue
        killed += 1
    ran = finish(train(folder, name, *SETTINGS))
    assert ran.code == 0, ran.err
    (last,) = {
        path.name for path in (unhurt / "checkpoints").iterdir() if (path / "optimizer.safetensors").exists()
    } & {max(path.name for path in (unhurt / "checkpoints").iterdir())}
    for file in ("model/weights.safetensors", f"checkpoints/{last}/model.safetensors"):
        assert (folder / name / file).read_bytes() == (unhurt / file).read_bytes(), file
    optimizer = f"checkpoints/{last}/optimizer.safetensors"
    assert (folder / name / optimizer).read_bytes() == (unhurt / optimizer).read_bytes()
    assert metrics_without_clock(folder / name) == metrics_without_clock(unhurt)


def test_a_run_killed_twice_is_the_run_that_was_not(folder: Path, unhurt: Path):
    survive(folder, unhurt, "killed-twice", 2)


@pytest.mark.faults
def test_a_run_killed_ten_times_is_the_run_that_was_not(folder: Path, unhurt: Path):
    survive(folder, unhurt, "killed-ten-times", 10)


@pytest.mark.faults
def test_a_full_disk_keeps_the_last_checkpoint_and_is_waited_for(folder: Path, unhurt: Path):
    checkpoint = max((unhurt / "checkpoints").iterdir())
    kilobytes = sum(path.stat().st_size for path in checkpoint.iterdir()) // 1024
    with small_disk(folder / "disk", "64m"):
        run = folder / "disk" / "run"
        process = train(folder, str(run), *SETTINGS)
        while not list((run / "checkpoints").glob("step-*[1-9]")):
            assert process.poll() is None
            time.sleep(0.01)
        # Takes all that is left but half a checkpoint.
        filler = folder / "disk" / "filler"
        fill(filler, all_but=kilobytes * 512)
        time.sleep(20)
        assert process.poll() is None, finish(process).err
        sound = [path for path in (run / "checkpoints").glob("step-*[0-9]") if (path / "state.json").exists()]
        assert sound
        filler.unlink()
        ran = finish(process)
        assert ran.code == 0, ran.err
        assert "no space left on the disk for a checkpoint of step " in ran.err
        assert "waiting for space, then training continues" in ran.err
        assert metrics_without_clock(run) == metrics_without_clock(unhurt)


def memory(process: "subprocess.Popen[bytes]", what: str) -> int:
    """Bytes of address space, as the kernel counts them: `VmSize` now, `VmPeak` at most so far."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith(what))) * 1024


@pytest.mark.faults
def test_a_step_that_finds_no_memory_is_done_in_parts_with_the_same_result(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    # Steps that take most of a gigabyte and give it back. Masks would differ from one part to another.
    settings = (
        *SETTINGS, "model.d_ff=16384", "train.batch_tokens=4000", "model.dropout=0", "train.precision=float32",
        "train.log_every_steps=1", "train.max_steps=12", "train.warmup_steps=5", "train.optimizer_epsilon=1e-4",
    )  # fmt: skip
    # oneDNN ends the process where it finds no memory, and so does Eigen, though seldom. A GPU's kernels do not.
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    assert finish(train(folder, "enough-memory", *settings)).code == 0
    run = folder / "short-of-memory"
    said = ""
    for _ in range(5):
        process = train(folder, run.name, *settings)
        before = rows_of(run)
        while rows_of(run) < before + 3:
            assert process.poll() is None, finish(process).err
            time.sleep(0.01)
        limit = memory(process, "VmPeak") - 200_000_000
        resource.prlimit(process.pid, resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
        ran = finish(process)
        said += ran.err
        if ran.code != -signal.SIGABRT:
            break
    assert ran.code == 0, ran.err
    assert "out of memory: this step is done in 2 parts, with the same result" in said
    for row, expected in zip(metrics(run), metrics(folder / "enough-memory"), strict=True):
        if "loss" in row:
            assert row["loss"] == pytest.approx(expected["loss"], rel=1e-3)
