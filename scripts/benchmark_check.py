"""Speed and memory of `translator check` on a generated corpus.

Sentences are of made-up words (Zipf's and Mandelbrot's law, 13 words a side on average). Printed are wall time,
processor time, and the growth of the peak of memory for each pair beyond a smaller corpus's.
"""

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from translator.config.schema import Config
from translator.data.checks.corpora import check_corpora

WORDS = 50_000
PAIRS_TOGETHER = 20_000


def write_corpus(folder: Path, name: str, pairs: int, seed: int) -> None:
    """Writes pairs of sentences of made-up words, those of the target with other endings than those of the source."""
    draw = np.random.default_rng(seed)
    letters = np.random.default_rng(0).integers(ord("a"), ord("z") + 1, (WORDS, 9), np.uint8)
    sizes = np.random.default_rng(1).integers(2, 8, WORDS)
    words = [row[:size].tobytes().decode() for row, size in zip(letters, sizes, strict=True)]
    shares = np.cumsum(1 / (np.arange(WORDS) + 2.7))
    endings = {"en": "", "de": "en"}
    with (folder / f"{name}.en").open("w") as english, (folder / f"{name}.de").open("w") as german:
        for start in range(0, pairs, PAIRS_TOGETHER):
            counts = draw.integers(4, 22, min(PAIRS_TOGETHER, pairs - start))
            drawn = np.searchsorted(shares, draw.random(int(counts.sum())) * shares[-1])
            for ids in np.split(drawn, np.cumsum(counts)[:-1]):
                for file, language in ((english, "en"), (german, "de")):
                    file.write(" ".join(words[i] + endings[language] for i in ids) + ".\n")


def measure(folder: Path, name: str) -> dict[str, float]:
    """Checks a corpus in this process: seconds, processor seconds, peak bytes."""
    data = {"root": folder, "train": f"{name}.{{lang}}", "validation": "val.{lang}"}
    config = Config.model_validate({"data": data, "train": {"max_steps": 1}})
    wall, processor = time.perf_counter(), time.process_time()
    report = check_corpora(config)
    return {
        "pairs": report.corpora[-1].pairs,
        "seconds": time.perf_counter() - wall,
        "processor_seconds": time.process_time() - processor,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def main() -> None:
    """Measures two sizes, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--evaluation-pairs", type=int, default=3_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_corpus(folder, "val", arguments.evaluation_pairs, seed=3)
        figures = []
        for pairs in (arguments.pairs // 4, arguments.pairs):
            write_corpus(folder, f"train{pairs}", pairs, seed=2)
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                figures.append(pool.apply(measure, (folder, f"train{pairs}")))
            print(json.dumps(figures[-1]))
        small, large = figures
        more = large["pairs"] - small["pairs"]
        print(f"{large['seconds'] / large['pairs'] * 1e6:.1f} s for a million pairs, wall time")
        print(f"{large['processor_seconds'] / large['pairs'] * 1e6:.1f} s for a million pairs, processor time")
        print(f"{(large['peak_bytes'] - small['peak_bytes']) / more:.1f} bytes for each pair more")


if __name__ == "__main__":
    main()
