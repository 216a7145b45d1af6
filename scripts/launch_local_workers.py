"""Trains with several workers on this machine, as a cluster would with a machine for each.

    python scripts/launch_local_workers.py 2 configs/quickstart.yaml --run runs/two_workers
    python scripts/launch_local_workers.py 2 configs/quickstart.yaml --set train.max_minutes=5

Each worker is a `translator train` of its own, which finds the others by its `TF_CONFIG`; the cores are dealt out among
them. What a worker says stands behind its number. Ctrl-C or SIGTERM reaches all. The exit code is that of the first one
that failed, or 0.
"""

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from typing import IO


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workers", type=int, help="how many")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="CONFIG …", help="what `train` is to be given")
    given = parser.parse_args()
    if given.workers < 1 or not given.arguments:
        parser.error("give a number of workers, and a configuration")
    addresses = [f"127.0.0.1:{port}" for port in _free_ports(given.workers)]
    processes = [_start(index, addresses, given.arguments) for index in range(given.workers)]

    def pass_on(number: int, _: object) -> None:
        for process in processes:
            process.send_signal(number)

    # Ctrl-C reaches the workers without us: they are in the terminal's foreground as we are.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, pass_on)
    failed: list[int] = []
    threads = [threading.Thread(target=_follow, args=(*worker, failed)) for worker in enumerate(processes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed[0] if failed else 0


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _start(index: int, addresses: list[str], arguments: list[str]) -> "subprocess.Popen[str]":
    cluster = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
    cores = os.sched_getaffinity(0)
    own = sorted(cores)[index :: len(addresses)]
    if own:
        os.sched_setaffinity(0, own)  # which the process inherits
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "translator", "train", *arguments],
            env=os.environ | {"TF_CONFIG": json.dumps(cluster)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
    finally:
        os.sched_setaffinity(0, cores)


def _follow(index: int, process: "subprocess.Popen[str]", failed: list[int]) -> None:
    """Prints what a worker says until it ends."""
    output: IO[str] | None = process.stdout
    assert output is not None
    for line in output:
        print(f"[{index}] {line}", end="", flush=True)
    if code := process.wait():
        # Killed by a signal, a process has the signal's number, negated; shells add it to 128.
        failed.append(code if code > 0 else 128 - code)
        print(f"[{index}] exit code {failed[-1]}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
