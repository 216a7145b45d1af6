"""What a large corpus takes: time and memory to prepare it, and to feed training from it.

    python scripts/benchmark_input.py --pairs 10000000 --folder build/input

Writes so many pairs with the built-in grammar, then runs `translator prepare` on all cores, and training's input on
one, as a user would. Memory is what processes hold for themselves (RssAnon), all of them together: pages of the
memory-mapped corpus, which the system takes back when it likes, are not counted. What is in the folder already is not
done again, but for the preparation. `--words 1000000` makes sentences of so many made-up words, the n-th 1/n as common
as the first; it asks the memory of `--sampling` for more than the grammar's few words do.
"""

import argparse
import functools
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from translator.config.load import load_config
from translator.grammar import sentence_pairs
from translator.run_folder import RunFolder

PAIRS_A_FILE = 250_000
INPUT_SECONDS = 20  # of the processor: what else runs on its core changes no figure
SYLLABLES = [onset + vowel for onset in "bdfgklmnprstvwz" for vowel in "aeiou"]
CHARACTERS = [chr(0x4E00 + i) for i in range(2000)]  # of words without spaces between them


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, default=Path("build/input"))
    parser.add_argument("--vocabulary-size", type=int, default=2000)
    parser.add_argument("--words", type=int, default=0, help="distinct made-up words, instead of the grammar's")
    parser.add_argument("--without-spaces", action="store_true", help="such words in Chinese characters, end to end")
    parser.add_argument("--kind", choices=["unigram", "bpe"], default="unigram", help="tokenizer.kind")
    parser.add_argument("--batch-tokens", type=int, default=4096)
    parser.add_argument(
        "--sampling", type=float, default=0.0, help="tokenizer.sampling_alpha of the input that is timed"
    )
    parser.add_argument(
        "--modified", type=float, default=0.0, help="share of the pairs that are modified, by all modifiers alike"
    )
    parser.add_argument("--input", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    config, run = arguments.folder / "config.yaml", arguments.folder / "run"
    if arguments.input:
        print(json.dumps(measure_input(config, run, arguments.sampling, arguments.modified)))
        return
    files = write_corpus(arguments.folder, arguments.pairs, arguments.words, arguments.without_spaces)
    config.write_text(yaml.safe_dump(_config(files, arguments)))
    shutil.rmtree(run, ignore_errors=True)
    size = sum(path.stat().st_size for path in arguments.folder.glob("part-*"))
    _, seconds, peak = watched([sys.executable, "-m", "translator", "prepare", str(config), "--run", str(run)])
    stored = sum(path.stat().st_size for path in (run / "data").iterdir())
    millions = arguments.pairs / 1e6
    print(
        f"prepare: {arguments.pairs:,} pairs, {size / 1e9:.2f} GB of text, in {seconds:.0f} s on "
        f"{os.cpu_count()} cores, vocabulary included ({seconds / millions:.1f} s a million pairs); "
        f"{peak / 2**30:.2f} GiB of memory; {stored / 1e9:.2f} GB on disk, {stored / arguments.pairs:.0f} bytes a pair",
        flush=True,
    )
    command = ["taskset", "-c", "0", sys.executable, __file__, "--folder", str(arguments.folder), "--input"]
    command += ["--sampling", str(arguments.sampling), "--modified", str(arguments.modified)]
    # Twice: the first start may have to read TensorFlow itself from the disk.
    (first, _, _), (again, _, peak) = watched(command), watched(command)
    first_start, figures = json.loads(first)["first_batch_seconds"], json.loads(again)
    print(
        f"input, one core: first batch {figures['first_batch_seconds']:.1f} s after the start of the process "
        f"({first_start:.1f} s the first time), of which the plan of an epoch took {figures['plan_seconds']:.1f} s; "
        f"{figures['first_tokens_per_second']:,.0f} target tokens/s in the first {INPUT_SECONDS} s, "
        f"{figures['tokens_per_second']:,.0f} after 1,000 batches more; {peak / 2**30:.2f} GiB of memory"
    )


def _config(files: list[str], arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "data": {
            "root": str(arguments.folder),
            "train": files,
            "validation": {"grammar": "validation", "pairs": 100},
        },
        "tokenizer": {"vocabulary_size": arguments.vocabulary_size, "kind": arguments.kind},
        "train": {"max_epochs": 1, "batch_tokens": arguments.batch_tokens},
    }


def write_corpus(folder: Path, pairs: int, words: int, without_spaces: bool) -> list[str]:
    """Writes the corpus in parts, on all cores, and returns their names with {lang} for the language."""
    folder.mkdir(parents=True, exist_ok=True)
    sizes = [min(PAIRS_A_FILE, pairs - start) for start in range(0, pairs, PAIRS_A_FILE)]
    with ProcessPoolExecutor() as pool:
        write = functools.partial(_write_part, folder, words, without_spaces)
        return list(pool.map(write, range(len(sizes)), sizes))


def _write_part(folder: Path, words: int, without_spaces: bool, number: int, pairs: int) -> str:
    kind = f"-{words}-words{'-end-to-end' * without_spaces}" * bool(words)
    name = f"part-{number:04d}-of-{pairs}{kind}.{{lang}}"
    paths = [folder / name.replace("{lang}", language) for language in ("en", "de")]
    if not all(path.exists() for path in paths):
        source = made_up_pairs(words, without_spaces, number) if words else sentence_pairs("train", seed=number)
        texts = zip(*itertools.islice(source, pairs), strict=True)
        for path, lines in zip(paths, texts, strict=True):
            partial = path.with_suffix(".partial")
            partial.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            partial.rename(path)
    return name


def made_up_pairs(words: int, without_spaces: bool, seed: int) -> Iterator[tuple[str, str]]:
    """Sentences whose words follow Zipf's law; each side spells a word's number in its own way."""
    generator = random.Random(seed)
    space, digits = ("", CHARACTERS) if without_spaces else (" ", SYLLABLES)
    while True:
        numbers = [int(words ** generator.random()) for _ in range(generator.randint(5, 25))]
        yield (
            space.join(_made_up(number, digits) for number in numbers),
            space.join(_made_up(number * 7 + 3, digits) for number in numbers),
        )


def _made_up(number: int, digits: list[str]) -> str:
    spelled = []
    while number:
        number, digit = divmod(number, len(digits))
        spelled.append(digits[digit])
    return "".join(spelled)


def measure_input(config_path: Path, run: Path, alpha: float, modified: float) -> dict[str, float]:
    """Opens the prepared corpus as training does, and goes through batches as fast as they come.

    The tokens per second are counted from the first batch, when sampling meets most words, and again after a thousand
    batches more.
    """
    from translator.runtime import start_tensorflow

    start_tensorflow(1)
    from translator.config.modifiers import ModifiersConfig
    from translator.data.batches import TrainingBatches
    from translator.data.modifiers import MODIFIERS, Modifying
    from translator.data.plan import Position
    from translator.data.prepare import prepare
    from translator.data.sampling import Sampling

    config = load_config(config_path)
    tokenizers, store = prepare(config, RunFolder(run))
    weights = tuple(corpus.weight for corpus in config.data.train)
    assert isinstance(config.train.batch_tokens, int)
    sampling = Sampling(tokenizers, alpha) if alpha else None
    shares = ModifiersConfig.model_validate(dict.fromkeys(MODIFIERS, modified / len(MODIFIERS)))
    batches = TrainingBatches(
        store,
        weights,
        config.train.batch_tokens,
        config.train.seed,
        modifying=Modifying(store, tokenizers, shares) if modified else None,
        sampling=sampling,
    )
    iterator = iter(batches.dataset(Position()))
    next(iterator)
    first_batch = _seconds_since_start()
    began = time.perf_counter()
    batches.plan(1)
    plan = time.perf_counter() - began
    first = _tokens_per_second(iterator)
    for _ in itertools.islice(iterator, 1000):
        pass
    return {
        "first_batch_seconds": first_batch,
        "plan_seconds": plan,
        "first_tokens_per_second": first,
        "tokens_per_second": _tokens_per_second(iterator),
    }


def _tokens_per_second(batches: Iterator[Any]) -> float:
    tokens, began = 0, time.process_time()
    while (seconds := time.process_time() - began) < INPUT_SECONDS:
        _, target = next(batches)
        tokens += int((target.numpy()[..., 1:] != 0).sum())
    return tokens / seconds


def _seconds_since_start() -> float:
    """Since this process began, imports and all."""
    started = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    return float(Path("/proc/uptime").read_text().split()[0]) - started


def watched(command: list[str]) -> tuple[str, float, int]:
    """Runs a command; returns what it printed, its seconds, and the most bytes that it and its children held."""
    began, peak = time.perf_counter(), 0
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    ended = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(0.1):
            peak = max(peak, sum(map(_anonymous_memory, _family(process.pid))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    printed, _ = process.communicate()
    ended.set()
    watcher.join()
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with code {process.returncode}")
    return printed, time.perf_counter() - began, peak


def _family(pid: int) -> list[int]:
    """A process and all its descendants."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    except OSError:
        return []
    return [pid, *(member for child in children for member in _family(child))]


def _anonymous_memory(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("RssAnon")), 0)


if __name__ == "__main__":
    main()
