"""A toy language to train on, number words translated word by word, and the command line in processes of its own."""

import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ENGLISH = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
GERMAN = ["null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"]
SPLITS = {"train": 800, "val": 40, "test": 60}
MAX_STEPS = 300
PATIENCE_SECONDS = 300  # for a process of ours, on however busy a machine

CONFIG: dict[str, Any] = {
    "data": {"train": "train.{lang}", "validation": "val.{lang}", "test": "test.{lang}", "max_tokens": 24},
    "tokenizer": {"vocabulary_size": 44, "sampling_alpha": 0.5},
    "model": {"d_model": 32, "d_ff": 64, "num_heads": 2, "encoder_layers": 1, "decoder_layers": 1, "dropout": 0.05},
    "train": {
        "max_steps": MAX_STEPS,
        "batch_tokens": 800,
        "micro_batches": 2,
        "learning_rate": 0.01,
        "warmup_steps": 30,
        "log_every_steps": 20,
        "validate_every_steps": 60,
        "save_every_steps": 70,
        "average_checkpoints": 3,
    },
    "search": {"beam_size": 2},
}


def written(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def write_language(folder: Path) -> Path:
    """Writes the corpus and a configuration, `numbers.yaml`; runs go to the folder too."""
    rng = random.Random(3)
    numbers: dict[tuple[int, ...], None] = {}
    while len(numbers) < sum(SPLITS.values()):
        numbers[tuple(rng.randrange(10) for _ in range(rng.randint(3, 6)))] = None
    rest = iter(numbers)
    for split, pairs in SPLITS.items():
        chosen = [next(rest) for _ in range(pairs)]
        for language, words in (("en", ENGLISH), ("de", GERMAN)):
            written(folder / f"{split}.{language}", [" ".join(words[digit] for digit in digits) for digits in chosen])
    config = CONFIG | {"data": CONFIG["data"] | {"root": str(folder)}}
    (folder / "numbers.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return folder


@dataclass
class Ran:
    """A command that came to its end."""

    code: int
    out: bytes
    err: str


def start(folder: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    # As wide as no line of a message, and of this checkout whatever is installed.
    environment = os.environ | {"COLUMNS": "200", "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-m", "translator", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, env=environment, stdin=pipe, stdout=pipe, stderr=pipe)


def finish(process: "subprocess.Popen[bytes]", given: bytes = b"") -> Ran:
    try:
        out, err = process.communicate(given, timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return Ran(process.returncode, out, err.decode())


def train(folder: Path, name: str, *settings: str) -> "subprocess.Popen[bytes]":
    return start(folder, "train", "numbers.yaml", "--run", name, *[f"--set={setting}" for setting in settings])


def metrics(run_folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run_folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def metrics_without_clock(run_folder: Path) -> list[dict[str, Any]]:
    """What two runs of the same configuration have in common."""
    return [
        {key: value for key, value in row.items() if "seconds" not in key and "per_second" not in key}
        for row in metrics(run_folder)
    ]
