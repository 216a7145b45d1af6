"""How fast training is on a GPU, how near to what the card can do, and what it waits for.

    python scripts/benchmark_gpu.py --set data.root=data/multi30k
    python scripts/benchmark_gpu.py --sizes base --modes bfloat16-xla --batch-tokens 32768

Takes the steps of `benchmark_training.py` on the first GPU, not waiting for each, as training does not, for
each size of model and each mode in a process of its own. It prints

- target tokens a second, padding not counted, after a round over all batches in which everything is compiled;
- *useful* TFLOP/s, of the matrix products of real tokens alone, and their share of the most that products of the step's
  own shapes, alone and repeated, reach on the card in the same process, in bfloat16;
- the most memory of the card that TensorFlow took for arrays;
- the host's share: how much of the time passes until Python has handed over the last step. Near 1 the card waits for
  the host, near 0 the host for the card;
- the card's kernels by the time that they take, and the share of the time that any of them runs.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmark_training import Trainer, product_peak, product_shapes, useful_flops

SIZES = {
    "base": {"d_model": 512, "d_ff": 2048, "num_heads": 8, "encoder_layers": 6, "decoder_layers": 6},
    "big": {"d_model": 1024, "d_ff": 4096, "num_heads": 16, "encoder_layers": 6, "decoder_layers": 6},
}
MODES = {
    "float32": ["train.precision=float32", "train.xla=false"],
    "bfloat16": ["train.precision=bfloat16", "train.xla=false"],
    "bfloat16-xla": ["train.precision=bfloat16", "train.xla=true"],
}
SHOWN = 12  # kernels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=Path("configs/multi30k_en_de.yaml"))
    parser.add_argument("--set", nargs="*", default=[], metavar="key=value", dest="overrides")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES), help="of the model")
    parser.add_argument("--modes", nargs="+", choices=MODES, default=["bfloat16", "bfloat16-xla"])
    parser.add_argument("--batch-tokens", type=int, default=16384)
    parser.add_argument("--batches", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=4, help="over the batches")
    parser.add_argument("--worker", type=json.loads, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        print(json.dumps(measure(**given.worker)))
        return
    with tempfile.TemporaryDirectory() as folder:
        for size in given.sizes:
            for mode in given.modes:
                sizes = [f"model.{key}={value}" for key, value in SIZES[size].items()]
                overrides = [*sizes, *MODES[mode], f"train.batch_tokens={given.batch_tokens}", *given.overrides]
                task = {"config": str(given.config), "overrides": overrides, "run": folder}
                task |= {"batches": given.batches, "rounds": given.rounds}
                command = [sys.executable, __file__, "--worker", json.dumps(task)]
                done = subprocess.run(command, stdout=subprocess.PIPE)
                if done.returncode:
                    print(f"{size}, {mode}: failed", flush=True)
                else:
                    show(f"{size}, {mode}", json.loads(done.stdout))


def show(name: str, found: dict[str, Any]) -> None:
    print(
        f"{name}: {found['tokens_per_second']:,.0f} target tok/s, {found['tflops']:.1f} useful TFLOP/s, "
        f"{found['tflops'] / found['peak_tflops']:.2f} of the card's {found['peak_tflops']:.0f}; "
        f"{1000 * found['step_seconds']:.1f} ms a step of {found['tokens_a_step']:,.0f} tokens; "
        f"{found['memory_gb']:.2f} GB; host's share {found['host_share']:.2f}; "
        f"first round {found['first_round_seconds']:.1f} s, {found['shapes']} shapes; "
        f"{found['parameters']:,} parameters; {found['device']}"
    )
    total = sum(found["kernels"].values())
    if total:
        print(f"    kernels run {total / found['traced_seconds']:.0%} of the time; by the time that they take:")
    for kernel, seconds in list(found["kernels"].items())[:SHOWN]:
        print(f"    {seconds / total:6.1%}  {kernel[:110]}")
    sys.stdout.flush()


def measure(config: str, overrides: list[str], run: str, batches: int, rounds: int) -> dict[str, Any]:
    """Trains in this process and returns the figures."""
    trainer = Trainer(config, overrides, run, None)
    import tensorflow as tf

    from translator.runtime import gpu_names

    some = trainer.first_batches(batches)
    began = time.perf_counter()
    sums = [trainer.step(*batch) for batch in some]
    first_round = time.perf_counter() - began
    tokens = sum(each.tokens for each in sums)
    model, vocabulary = trainer.config.model, trainer.tokenizers[1].vocabulary_size
    peak = product_peak(
        "bfloat16", [*product_shapes(model, vocabulary, some[0][1].shape), (8192, 8192, 8192)], together=16
    )

    began = time.perf_counter()
    for _ in range(rounds):
        values = [trainer.launch(*batch) for batch in some]
    handed_over = time.perf_counter() - began
    values[-1].numpy()
    seconds = time.perf_counter() - began

    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        began = time.perf_counter()
        values = [trainer.launch(*batch) for batch in some]
        values[-1].numpy()
        traced = time.perf_counter() - began
        tf.profiler.experimental.stop()
        kernels = kernel_seconds(Path(folder))
    flops = rounds * sum(useful_flops(model, vocabulary, s.numpy(), t.numpy()) for s, t in some)
    return {
        "tokens_per_second": rounds * tokens / seconds,
        "tokens_a_step": tokens / batches,
        "step_seconds": seconds / rounds / batches,
        "tflops": flops / seconds / 1e12,
        "peak_tflops": peak / 1e12,
        "memory_gb": tf.config.experimental.get_memory_info("GPU:0")["peak"] / 1e9 if gpu_names() else 0.0,
        "host_share": handed_over / seconds,
        "first_round_seconds": first_round,
        "shapes": len({(*source.shape, *target.shape) for source, target in some}),
        "parameters": trainer.parameters,
        "device": ", ".join(gpu_names()) or "no GPU",
        "kernels": dict(kernels.most_common()),
        "traced_seconds": traced,
    }


def kernel_seconds(folder: Path) -> Counter[str]:
    """Seconds by kernel, from TensorFlow's own trace of the card's streams."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    kernels: Counter[str] = Counter()
    for path in folder.rglob("*.xplane.pb"):
        space = xplane_pb2.XSpace()
        space.ParseFromString(path.read_bytes())
        for plane in (plane for plane in space.planes if plane.name.startswith("/device:GPU")):
            names = {key: value.name for key, value in plane.event_metadata.items()}
            for line in (line for line in plane.lines if line.name.startswith("Stream")):
                for event in line.events:
                    kernels[names[event.metadata_id]] += event.duration_ps / 1e12
    return kernels


if __name__ == "__main__":
    main()
