r"""What each kind of attention does to a translator: one budget of steps, one order of data, one table.

    python scripts/compare_attention.py
    python scripts/compare_attention.py --config configs/multi30k_en_de.yaml --set data.root=data/multi30k \
        --kinds default rotary null_key entmax15 --seeds 1 --steps 2145 --folder runs/attention_multi30k

Each kind of `KINDS` is trained with every seed, in a process of its own, from the configuration with the kind's
settings; whatever else decides a run is the same. The table, as Markdown and as CSV in the folder, has

- BLEU on the test set, the mean over the seeds, and its difference to the default, paired by sentence and seed, each
  with a 95% bootstrap interval over the sentences. How far apart seeds are is in the CSV;
- AER of the cross-attention, where the corpus is the built-in one, whose alignment is known: the layer is chosen on
  pairs of the validation split, and the rest is as in `translator align`;
- the entropy of a query's weights in nats, and the share of its attention that goes to no token: means over layers,
  heads and queries of the cross-attention. Weights that may be negative count by their absolute value;
- parameters, time and memory of a training step as ratios to the default, each measured beside it in turns.

It can be interrupted, and goes on from there: a run that is complete is not trained again, and what was measured is
kept in the folder. Delete `FOLDER/KIND` to measure a kind again.
"""

import argparse
import csv
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from translator.evaluation.bootstrap import bleu_difference
from translator.run_folder import RunFolder
from translator.runtime import start_tensorflow

if TYPE_CHECKING:
    from translator.evaluation.report import Report

PLACES = "encoder", "decoder", "cross"


def everywhere(*settings: str) -> list[str]:
    """Settings of the attention in all three places."""
    return [f"model.attention.{place}.{setting}" for place in PLACES for setting in settings]


def within(*settings: str) -> list[str]:
    """Settings of both kinds of self-attention."""
    return [f"model.attention.{place}.{setting}" for place in PLACES[:2] for setting in settings]


KINDS: dict[str, list[str]] = {
    "default": [],
    "dot_product": everywhere("score=dot_product"),
    "norm_scaled": everywhere("score=norm_scaled"),
    "cosine": everywhere("score=cosine"),
    "additive": everywhere("score=additive"),
    "local": within("window=4"),
    "local_then_global": within("window=[4, null]"),
    "top_k": everywhere("selection=top_k", "top_k=4"),
    "sparsemax": everywhere("selection=sparsemax"),
    "entmax15": everywhere("selection=entmax15"),
    "signed": everywhere("selection=signed"),
    "differential": everywhere("selection=differential"),
    "sigmoid": everywhere("selection=sigmoid"),
    "off_by_one": everywhere("silence=zero"),
    "sink": everywhere("silence=sink"),
    "null_key": everywhere("silence=null_key"),
    "no_positions": ["model.positions=none"],
    "learned_positions": ["model.positions=learned"],
    "t5": ["model.positions=t5"],
    "shaw": ["model.positions=shaw"],
    "rotary": ["model.positions=rotary"],
    "alibi": ["model.positions=alibi"],
    "forgetting": ["model.attention.decoder.forgetting=true"],
    "gated": everywhere("gate=elementwise"),
    "grouped_query": everywhere("key_value_heads=2"),
    "multi_query": everywhere("key_value_heads=1"),
}
SPEED_BATCHES, SPEED_ROUNDS = 8, 3  # of which a process measures the time of a step


class Row(NamedTuple):
    """What is known of a kind."""

    kind: str
    bleu: float
    bleu_low: float
    bleu_high: float
    difference: float
    difference_low: float
    difference_high: float
    by_seed: str
    aer: float | None
    entropy: float
    nothing: float | None
    parameters: float  # ratios to the default, as the next two
    time: float
    memory: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=Path("configs/quickstart.yaml"))
    parser.add_argument("--set", nargs="*", default=[], metavar="key=value", dest="overrides")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--steps", type=int, default=400, help="of each training")
    parser.add_argument("--turns", type=int, default=2, help="in which the time of a step is measured")
    parser.add_argument("--folder", type=Path, default=Path("runs/attention"))
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    start_tensorflow()
    if arguments.read:
        print(json.dumps(attention_of(arguments.read)))
        return 0
    kinds = list(dict.fromkeys(["default", *arguments.kinds]))
    for seed, kind in itertools.product(arguments.seeds, kinds):
        train(arguments, kind, seed)
    for kind in kinds[1:]:
        measure_costs(arguments, kind)
    rows = [row_of(arguments, kind) for kind in kinds]
    write_csv(arguments.folder / "table.csv", rows)
    table = "\n".join(markdown(rows))
    (arguments.folder / "table.md").write_text(f"{table}\n", encoding="utf-8")
    print(table)
    return 0


def run_of(arguments: argparse.Namespace, kind: str, seed: int) -> Path:
    return Path(arguments.folder / kind / f"seed-{seed}")


def settings_of(arguments: argparse.Namespace, kind: str) -> list[str]:
    return [*arguments.overrides, *KINDS[kind]]


def train(arguments: argparse.Namespace, kind: str, seed: int) -> None:
    """Trains a run, or goes on with it, and reads its attention."""
    run = run_of(arguments, kind, seed)
    if report_of(run) is None:
        print(f"training {run}", file=sys.stderr, flush=True)
        budget = [f"train.max_steps={arguments.steps}", f"train.seed={seed}"]
        settings = [f"--set={setting}" for setting in (*settings_of(arguments, kind), *budget)]
        command = [sys.executable, "-m", "translator", "train", str(arguments.config), "--run", str(run), *settings]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    if not (read := run / "attention.json").exists():
        command = [sys.executable, __file__, "--read", str(run)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
        read.write_bytes(done.stdout)


def attention_of(run: Path) -> dict[str, Any]:
    """Reads the attention of a run's model."""
    from translator import Translator
    from translator.data.batches import length_sorted, pad
    from translator.data.corpora.formats import read_all

    translator, config = Translator.load(run), RunFolder(run).load_config()
    pairs = read_all(config.data.test or (), config.data)
    model = translator.transformer.model
    sources = translator.source.encode([pair.source for pair in pairs])
    targets = translator.target.encode([pair.target for pair in pairs])
    entropy = taken = count = 0.0
    for rows in length_sorted(sources, 64):
        source_ids, target_in = pad([sources[i] for i in rows], eos=True), pad([targets[i] for i in rows], bos=True)
        states = model.decode(target_in, model.encode(source_ids))
        weights = np.abs(np.stack([layer.cross_weights.numpy() for layer in states.layers]))  # [L, B, H, T, S]
        sums = weights.sum(-1)
        shares = weights / np.maximum(sums, 1e-9)[..., None]
        entropies = -(shares * np.log(np.maximum(shares, 1e-9))).sum(-1)
        real = np.broadcast_to((target_in != 0)[None, :, None], sums.shape)
        entropy, taken, count = entropy + entropies[real].sum(), taken + sums[real].sum(), count + real.sum()
    competes = config.model.attention.cross.selection in ("softmax", "sparsemax", "entmax15", "top_k")
    return {
        "entropy": float(entropy / count),
        "nothing": float(1 - taken / count) if competes else None,
        "parameters": int(sum(np.prod(weight.shape) for weight in model.named_weights().values())),
        "aer": error_rate(run) if any(corpus.grammar for corpus in config.data.test or ()) else None,
    }


def error_rate(run: Path) -> float:
    """AER on the built-in test split, with the layer that is best on the validation split."""
    from translator import grammar
    from translator.evaluation.alignment_error import alignment_score
    from translator.inspect.alignment import Aligner, AlignmentOptions
    from translator.inspect.word_weights import Reading

    aligner = Aligner.load(run)
    layers = range(1, aligner.directions[0].reader.model.config.decoder_layers + 1)

    def measured(split: str, number: int, reading: Reading) -> float:
        gold = list(itertools.islice(grammar.aligned_pairs(split), number))
        texts = [each.english for each in gold], [each.german for each in gold]
        found = aligner.align(*texts, AlignmentOptions(reading))
        return alignment_score(
            [each.links for each in found], [each.sure for each in gold], [each.possible for each in gold]
        ).error_rate

    readings = [Reading("weights", layer, None, where) for layer in layers for where in ("written", "read")]
    best = min(readings, key=lambda reading: measured("validation", 500, reading))
    return measured("test", 1000, best)


def measure_costs(arguments: argparse.Namespace, kind: str) -> None:
    """Time and memory of a step, the default's and the kind's in turns."""
    if (path := arguments.folder / kind / "costs.json").exists():
        return
    benchmark = Path(__file__).with_name("benchmark_training.py")
    costs: dict[str, list[dict[str, float]]] = {"default": [], kind: []}
    with tempfile.TemporaryDirectory() as folder:
        for _, name in itertools.product(range(arguments.turns), costs):
            (run := Path(folder) / name).mkdir(exist_ok=True)
            task = {
                "config": str(arguments.config), "overrides": settings_of(arguments, name), "run": str(run),
                "threads": 1, "batches": SPEED_BATCHES, "rounds": SPEED_ROUNDS,
            }  # fmt: skip
            command = [sys.executable, str(benchmark), "--worker", json.dumps({"task": "speed", "arguments": task})]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
            found = json.loads(done.stdout)
            costs[name].append({"seconds": found["cpu_seconds"], "gb": found["peak_gb"]})
    path.write_text(json.dumps([costs["default"], costs[kind]]), encoding="utf-8")


def row_of(arguments: argparse.Namespace, kind: str) -> Row:
    """Puts together what was measured."""
    read = [json.loads((run_of(arguments, kind, seed) / "attention.json").read_text()) for seed in arguments.seeds]
    reports = [
        [report for seed in arguments.seeds if (report := report_of(run_of(arguments, name, seed)))]
        for name in ("default", kind)
    ]
    references, language = [pair.target for pair in reports[0][0].pairs], language_of(arguments)
    default, own = ([report.hypotheses for report in of_kind] for of_kind in reports)
    found = bleu_difference(default, own, references, language)
    time = memory = 1.0
    if kind != "default":
        costs = json.loads((arguments.folder / kind / "costs.json").read_text())
        time, memory = (statistics.median(ratios(costs[0], costs[1], name)) for name in ("seconds", "gb"))
    base = json.loads((run_of(arguments, "default", arguments.seeds[0]) / "attention.json").read_text())
    return Row(
        kind,
        *found.second,
        *found.difference,
        " ".join(f"{report.scores.bleu:.2f}" for report in reports[1]),
        mean([each["aer"] for each in read]),
        statistics.fmean(each["entropy"] for each in read),
        mean([each["nothing"] for each in read]),
        read[0]["parameters"] / base["parameters"],
        time,
        memory,
    )


def report_of(run: Path) -> "Report | None":
    """How a run that is complete translates its test set."""
    from translator.evaluation.report import Report

    return Report.read(RunFolder(run).report)


def language_of(arguments: argparse.Namespace) -> str:
    return RunFolder(run_of(arguments, "default", arguments.seeds[0])).load_config().data.target


def ratios(default: Sequence[dict[str, float]], own: Sequence[dict[str, float]], name: str) -> list[float]:
    return [a[name] / b[name] for a, b in zip(own, default, strict=True)]


def mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(Row._fields)
        writer.writerows(rows)


def markdown(rows: Sequence[Row]) -> list[str]:
    lines = [
        "| kind | BLEU | against the default | AER | entropy | to no token | parameters | time | memory |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        difference = (
            "–" if row.kind == "default" else
            f"{row.difference:+.2f} [{row.difference_low:+.2f}, {row.difference_high:+.2f}]"
        )  # fmt: skip
        cells = [
            f"`{row.kind}`",
            f"{row.bleu:.2f} [{row.bleu_low:.2f}, {row.bleu_high:.2f}]",
            difference,
            "–" if row.aer is None else f"{100 * row.aer:.1f}",
            f"{row.entropy:.2f}",
            "–" if row.nothing is None else f"{max(0.0, row.nothing):.2f}",
            f"{row.parameters:.3f}",
            f"{row.time:.2f}",
            f"{row.memory:.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    sys.exit(main())
