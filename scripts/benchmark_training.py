"""How fast training is, and how near to what the machine can do.

    python scripts/benchmark_training.py --set data.root=data/multi30k

Trains a configuration for some steps on one thread and on two (each in a process of its own, as a user would) and
prints target tokens a second, padding not counted; *useful* GFLOP/s, those of the matrix products of real tokens alone;
and their share of the machine's own float32 matrix-product peak, measured in the same process before and after.
The steps are the first of an epoch, so the making of kernels for shapes that were not met before counts in.
`--profile` adds where the time goes, by class of operation.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from translator.config import Config, ModelConfig, load_config
from translator.run_folder import RunFolder
from translator.runtime import start_tensorflow

WARM_UP_STEPS = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=Path("configs/multi30k_en_de.yaml"))
    parser.add_argument("--set", nargs="*", default=[], metavar="key=value", dest="overrides")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--profile", action="store_true", help="also print the time by class of operation")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    config = load_config(arguments.config, arguments.overrides)
    if arguments.one:
        print(json.dumps(measure(config, RunFolder(arguments.run), arguments.one, arguments.steps, arguments.profile)))
        return
    with tempfile.TemporaryDirectory() as folder:
        results = []
        for threads in arguments.threads:
            command = [sys.executable, __file__, *sys.argv[1:], "--one", str(threads), "--run", folder]
            results.append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))
            show(results[-1], results[0])


def measure(config: Config, run: RunFolder, threads: int, steps: int, profile: bool) -> dict[str, Any]:
    """Trains in this process and returns the figures."""
    start_tensorflow(threads)
    import keras
    import tensorflow as tf

    from translator.data.batches import Position, TrainingBatches
    from translator.data.prepare import prepare
    from translator.decoding.translator import build_model
    from translator.training.optimizer import make_optimizer
    from translator.training.step import make_update

    tokenizers, store = prepare(config, run)
    train = config.train
    keras.utils.set_random_seed(train.seed)
    model = build_model(config, *tokenizers, train.precision)
    optimizer = make_optimizer(train, 1000)
    optimizer.build(model.trainable_variables)
    update = make_update(model, optimizer, train, tf.distribute.get_strategy())
    weights = tuple(corpus.weight for corpus in config.data.train)
    batches = TrainingBatches(store, weights, train.batch_tokens, train.seed, micro_batches=train.micro_batches)
    iterator = iter(batches.dataset(Position()))
    began = time.perf_counter()
    for _ in range(WARM_UP_STEPS):
        _, source, target = next(iterator)
        update(source, target).loss_sum.numpy()
    warm_up = time.perf_counter() - began
    peak = matrix_product_peak(tf)
    tokens = flops = slots = 0.0
    classes: Counter[str] = Counter()
    folder = tempfile.mkdtemp() if profile else None
    if folder:
        tf.profiler.experimental.start(folder)
    began, cpu = time.perf_counter(), time.process_time()
    for _ in range(steps):
        _, source, target = next(iterator)
        sums = update(source, target)
        tokens += float(sums.tokens)
        flops += useful_flops(config.model, tokenizers[1].vocabulary_size, source.numpy(), target.numpy())
        slots += target.shape[0] * target.shape[1] * (target.shape[2] - 1)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    if folder:
        tf.profiler.experimental.stop()
        classes = operation_classes(Path(folder))
    peak = max(peak, matrix_product_peak(tf))
    return {
        "threads": threads,
        "tokens_per_second": tokens / seconds,
        "gflops": flops / seconds / 1e9,
        "peak_gflops": peak / 1e9,
        "step_seconds": seconds / steps,
        "cpu_seconds": cpu / steps,
        "fill": tokens / slots,
        "warm_up_seconds": warm_up,
        "peak_memory_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
        "classes": {name: time / steps for name, time in classes.most_common()},
    }


def matrix_product_peak(tf: Any) -> float:
    """Best float32 FLOP/s of a large matrix product: the most that this machine's cores give."""
    best = 0.0
    for size in (1024, 2048):
        a = tf.random.stateless_normal([size, size], seed=[0, size])
        product = tf.function(tf.matmul)
        product(a, a)
        for _ in range(8):
            began = time.perf_counter()
            product(a, a)[0, 0].numpy()
            best = max(best, 2 * size**3 / (time.perf_counter() - began))
    return best


def useful_flops(model: ModelConfig, vocabulary: int, source: Any, target: Any) -> float:
    """Multiplications and additions of a step's matrix products, for real tokens: forward once, backward twice."""
    D, F = model.d_model, model.d_ff * (1.5 if model.activation == "swiglu" else 1)
    S, T = (source != 0).sum(-1).reshape(-1), (target[..., 1:] != 0).sum(-1).reshape(-1)
    encoder = model.encoder_layers * (S * (4 * D * D + 2 * D * F) + 2 * S * S * D)
    memory = model.decoder_layers * S * 2 * D * D
    decoder = model.decoder_layers * (T * (6 * D * D + 2 * D * F) + 2 * T * T * D + 2 * T * S * D)
    return float(3 * 2 * (encoder + memory + decoder + T * D * vocabulary).sum())


def operation_classes(folder: Path) -> Counter[str]:
    """Seconds by kind of operation, from TensorFlow's own trace."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    classes: Counter[str] = Counter()
    for path in folder.rglob("*.xplane.pb"):
        space = xplane_pb2.XSpace()
        space.ParseFromString(path.read_bytes())
        for plane in space.planes:
            names = {key: value.name for key, value in plane.event_metadata.items()}
            for event in (event for line in plane.lines for event in line.events):
                name, colon, kind = names[event.metadata_id].partition(":")
                if colon and "::" not in names[event.metadata_id] and kind.isidentifier() and "update" not in name:
                    classes[kind] += event.duration_ps / 1e12
    return classes


def show(result: dict[str, Any], first: dict[str, Any]) -> None:
    """Prints the figures of a thread count, and how it compares with the first."""
    print(
        f"{result['threads']} threads: {result['tokens_per_second']:,.0f} target tok/s "
        f"({result['tokens_per_second'] / first['tokens_per_second']:.2f}×), {result['gflops']:.0f} useful GFLOP/s, "
        f"{result['gflops'] / result['peak_gflops']:.2f} of the float32 peak ({result['peak_gflops']:.0f}), "
        f"{result['step_seconds'] * 1000:.0f} ms a step ({result['cpu_seconds'] * 1000:.0f} ms of CPU), "
        f"fill {result['fill']:.3f}, warm-up {result['warm_up_seconds']:.1f} s, {result['peak_memory_gb']:.2f} GB",
        flush=True,
    )
    total = sum(result["classes"].values())
    for name, seconds in list(result["classes"].items())[:24]:
        print(f"    {name:36}{seconds * 1000:8.1f} ms  {seconds / total:6.1%}")


if __name__ == "__main__":
    main()
