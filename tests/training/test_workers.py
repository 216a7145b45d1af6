"""Several workers, each a real process, train the model that one process trains; and what becomes of losing one."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
import safetensors.numpy
import tensorflow as tf

from tests.toy_language import PATIENCE_SECONDS, finish, metrics, metrics_without_clock, train, write_language
from translator.cluster import Cluster
from translator.training.workers import DevicesError, WorkerLostError, Workers

LAUNCHER = Path(__file__).parents[2] / "scripts" / "launch_local_workers.py"
# All that has a state of its own; in float32, so that all that is left of a difference is the order of sums, and with
# an epsilon that keeps Adam from taking large steps along gradients that are mere rounding.
SETTINGS = (
    "train.precision=float32", "train.optimizer_epsilon=1e-4", "model.dropout=0.1", "tokenizer.sampling_alpha=0.3",
    "train.micro_batches=2", "train.average_checkpoints=2", "train.early_stopping=bleu", "train.log_every_steps=10",
    "train.validate_every_steps=30", "train.save_every_steps=20", "train.max_steps=90",
)  # fmt: skip
LOST_WITHIN_SECONDS = 20  # on a busy machine; on a quiet one it takes two


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_language(tmp_path_factory.mktemp("workers"))


@pytest.fixture(scope="module")
def writes(folder: Path) -> Path:
    """Where a process notes each file and folder that it makes, changes or removes, if this is on its PYTHONPATH."""
    path = folder / "writes"
    path.mkdir()
    hook = """
        import json, os, sys

        def note(event, arguments):
            changes = event in ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.symlink")
            if event == "open" and isinstance(arguments[2], int):
                changes = bool(arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
            if changes:
                os.write(notes, f"{event} {arguments[0]}\\n".encode())

        if "TF_CONFIG" in os.environ:
            index = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
            notes = os.open(f"WRITES/{index}", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            sys.addaudithook(note)
    """
    (path / "sitecustomize.py").write_text(dedent(hook).replace("WRITES", str(path)), encoding="utf-8")
    return path


def launch(folder: Path, name: str, python_path: str = "") -> "subprocess.Popen[bytes]":
    """Two workers."""
    settings = [f"--set={setting}" for setting in SETTINGS]
    return subprocess.Popen(
        [sys.executable, str(LAUNCHER), "2", "numbers.yaml", "--run", name, *settings],
        cwd=folder, env=os.environ | {"COLUMNS": "200", "PYTHONPATH": python_path},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.fixture(scope="module")
def together(folder: Path, writes: Path) -> Path:
    """A run of two workers."""
    ran = finish(launch(folder, "together", str(writes)))
    assert ran.code == 0, ran.out.decode()
    return folder / "together"


def model_of(run: Path) -> dict[str, np.ndarray]:
    return safetensors.numpy.load_file(run / "model" / "weights.safetensors")


def test_two_workers_train_the_model_of_one_process(folder: Path, together: Path):
    ran = finish(train(folder, "alone", *SETTINGS, 'train.devices=["CPU:0", "CPU:1"]'))
    assert ran.code == 0, ran.err
    theirs, ours = model_of(together), model_of(folder / "alone")
    for name, weights in ours.items():
        np.testing.assert_allclose(theirs[name], weights, atol=1e-4, rtol=0, err_msg=name)
    for one, other in zip(metrics_without_clock(together), metrics_without_clock(folder / "alone"), strict=True):
        assert one == pytest.approx(other, rel=1e-4)


def test_only_the_chief_writes(together: Path, writes: Path):
    by_chief, by_other = (
        [line for line in (writes / index).read_text(encoding="utf-8").splitlines() if together.name in line]
        for index in "01"
    )
    assert any("metrics.jsonl" in line for line in by_chief)
    assert any("checkpoints" in line for line in by_chief)
    assert by_other == []


def workers_of(process: "subprocess.Popen[bytes]") -> list[int]:
    """Process ids of the workers, in their order."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="utf-8")
    return [int(pid) for pid in children.split()]


def wait_for_step(process: "subprocess.Popen[bytes]", run: Path, step: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        with contextlib.suppress(OSError, json.JSONDecodeError):
            if any(row["step"] >= step for row in metrics(run)):
                return
        assert process.poll() is None, finish(process).out.decode()
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("index", [pytest.param(0, marks=pytest.mark.faults), 1])
def test_losing_a_worker_ends_the_other_in_one_line_and_starting_again_resumes(
    folder: Path, together: Path, index: int
):
    name = f"lost-{index}"
    process = launch(folder, name)
    wait_for_step(process, folder / name, 40)
    os.kill(workers_of(process)[index], signal.SIGKILL)
    killed = time.monotonic()
    ran = finish(process)
    assert time.monotonic() - killed < LOST_WITHIN_SECONDS
    other = 1 - index
    said = [line for line in ran.out.decode().splitlines() if line.startswith(f"[{other}]")]
    assert "Traceback" not in ran.out.decode()
    assert said[-1] == f"[{other}] exit code 75"
    assert said[-2].startswith(f"[{other}] worker {other} of 2: worker {index} (127.0.0.1:")
    assert said[-2].endswith("so this one ends too. Start all again: they go on from the newest checkpoint")
    again = finish(launch(folder, name))
    assert again.code == 0, again.out.decode()
    assert "resuming after step " in again.out.decode()
    assert metrics_without_clock(folder / name) == metrics_without_clock(together)
    for key, weights in model_of(together).items():
        np.testing.assert_array_equal(model_of(folder / name)[key], weights)


def test_asking_one_worker_to_stop_stops_all_at_the_same_step(folder: Path, together: Path):
    process = launch(folder, "stopped")
    wait_for_step(process, folder / "stopped", 20)
    os.kill(workers_of(process)[1], signal.SIGTERM)
    ran = finish(process)
    assert ran.code == 75, ran.out.decode()
    lines = ran.out.decode().splitlines()
    stopped = {index: [line for line in lines if line.startswith(f"[{index}] stopped after step ")] for index in (0, 1)}
    assert len(stopped[0]) == len(stopped[1]) == 1
    assert stopped[0][0][3:] == stopped[1][0][3:]
    assert finish(launch(folder, "stopped")).code == 0
    assert metrics_without_clock(folder / "stopped") == metrics_without_clock(together)


def test_slurms_tasks_find_each_other(folder: Path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        job = probe.getsockname()[1]
    step = {
        "SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_NODELIST": "localhost", "SLURM_STEP_TASKS_PER_NODE": "2",
        "SLURMD_NODENAME": "localhost", "SLURM_JOB_ID": str(job),
    }  # fmt: skip
    command = [sys.executable, "-m", "translator", "train", "numbers.yaml", "--run", "slurm", "--set"]
    processes = [
        subprocess.Popen(
            [*command, "train.max_steps=3", "train.warmup_steps=1", "tokenizer.sampling_alpha=0", "data.test=null"],
            cwd=folder, env=os.environ | step | {"SLURM_PROCID": rank, "SLURM_LOCALID": rank},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for rank in "01"
    ]  # fmt: skip
    for ran in map(finish, processes):
        assert ran.code == 0, ran.err
    assert [row["step"] for row in metrics(folder / "slurm")] == [3, 3]


# In this process


@pytest.fixture
def in_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = {"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 1}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))


def test_a_process_by_itself_is_its_own_chief():
    workers = Workers.join(None, print)
    assert workers.chief
    assert workers.count == 1
    assert workers.replicas == range(1)
    assert workers.sum([2.0, 3.0]) == workers.of_chief([2.0, 3.0]) == [2.0, 3.0]


@pytest.mark.usefixtures("in_cluster")
def test_devices_cannot_be_named_for_several_workers():
    with pytest.raises(DevicesError, match="devices is for a single machine"):
        Workers.join(["CPU:0"], print)


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("RPC to /job:worker/replica:0/task:11 failed", "worker 11 (host11:1) has ended"),
        ("from /job:worker/replica:0/task:1 to /job:worker/replica:0/task:0", "worker 0 (host0:1) has ended"),
        ("connection reset", "another worker has ended"),
    ],
)
def test_the_worker_that_is_lost_is_named_if_tensorflow_names_it(message: str, shown: str):
    addresses = {f"/job:worker/replica:0/task:{index}": f"host{index}:1" for index in range(12)}
    workers = Workers(tf.distribute.OneDeviceStrategy("CPU:0"), Cluster(addresses, 1))
    with pytest.raises(WorkerLostError) as caught, workers.together():
        raise tf.errors.UnavailableError(None, None, message)
    assert f"worker 1 of 12: {shown}" in str(caught.value)


def test_without_other_workers_an_error_is_what_it_is():
    with pytest.raises(tf.errors.InternalError), Workers.join(None, print).together():
        raise tf.errors.InternalError(None, None, "broken")
