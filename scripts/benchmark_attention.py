"""Time and memory of attention with all weights at once, and in chunks of keys.

    python scripts/benchmark_attention.py --lengths 512 2048 8192

Self-attention of the encoder and its gradient, for one sentence of so many tokens: `plain`, with all weights at once,
and `chunks`, with `model.attention.encoder.chunk`. Each measurement is a process of its own, since the memory that it
held at most is asked of the operating system; it is given less what the process holds before the first step. Before
all, both are compared on a short sentence.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from translator.runtime import start_tensorflow

COMPARED = 300  # tokens


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lengths", type=int, nargs="+", default=[512, 1024, 2048, 4096, 8192], help="in tokens")
    parser.add_argument("--chunk", type=int, default=128, help="keys at a time")
    parser.add_argument("--d-model", type=int, default=256)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--steps", type=int, default=3, help="of which the fastest is given")
    parser.add_argument("--worker", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(TASKS[arguments.worker.pop("task")](**arguments.worker)))
        return
    sizes = {"d_model": arguments.d_model, "heads": arguments.heads, "chunk": arguments.chunk}
    print(f"largest difference at {COMPARED} tokens: {_run('compare', **sizes)['difference']:.1e}")
    print(f"| {'tokens':>6} | {'plain, s':>8} | {'chunks, s':>9} | {'plain, MB':>9} | {'chunks, MB':>10} |")
    print(f"|{'-' * 8}|{'-' * 10}|{'-' * 11}|{'-' * 11}|{'-' * 12}|")
    for length in arguments.lengths:
        plain, chunks = (
            _run("measure", length=length, steps=arguments.steps, **sizes | {"chunk": chunk})
            for chunk in (None, arguments.chunk)
        )
        print(
            f"| {length:6,} | {plain['seconds']:8.3f} | {chunks['seconds']:9.3f} "
            f"| {plain['megabytes']:9,.0f} | {chunks['megabytes']:10,.0f} |",
            flush=True,
        )


def _run(task: str, **arguments: Any) -> dict[str, Any]:
    command = [sys.executable, __file__, "--worker", json.dumps({"task": task, **arguments})]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _step(d_model: int, heads: int, chunk: int | None) -> Any:
    """The output of a layer and the gradient of its square: float32 [1, T, D] -> two of the same."""
    start_tensorflow()
    import keras
    import tensorflow as tf

    from translator.config.schema import ModelConfig
    from translator.model.attention.context import Context
    from translator.model.attention.kinds import parts_of
    from translator.model.attention.layer import SelfAttention

    attention = {"encoder": {"chunk": chunk}}
    config = ModelConfig.model_validate({"d_model": d_model, "num_heads": heads, "attention": attention})
    keras.utils.set_random_seed(1)
    layer = SelfAttention(d_model, heads, 0.0, parts_of(config, "encoder", 0))
    layer.build()

    @tf.function(input_signature=[tf.TensorSpec([None, None, d_model])])
    def step(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        positions = tf.range(tf.shape(x)[1])
        with tf.GradientTape() as tape:
            tape.watch(x)
            output = layer(x, context=Context(positions, positions))[0].output
            loss = tf.reduce_sum(output**2)
        return output, tape.gradient(loss, x)

    return lambda length: step(tf.random.stateless_normal([1, length, d_model], [1, 2]))


def measure(length: int, steps: int, **sizes: Any) -> dict[str, float]:
    """The fastest step's time, and the memory that steps took beyond what the process held before."""
    step = _step(**sizes)
    step(2)  # compiles it
    before, seconds = _peak(), []
    for _ in range(steps):
        started = time.perf_counter()
        step(length)[1].numpy()
        seconds.append(time.perf_counter() - started)
    return {"seconds": min(seconds), "megabytes": (_peak() - before) / 1e6}


def compare(d_model: int, heads: int, chunk: int) -> dict[str, float]:
    """The largest difference between outputs, and between gradients, of the two."""
    plain, chunks = (_step(d_model, heads, size)(COMPARED) for size in (None, chunk))
    return {"difference": max(float(abs(one - other).numpy().max()) for one, other in zip(plain, chunks, strict=True))}


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


TASKS: dict[str, Callable[..., dict[str, float]]] = {"measure": measure, "compare": compare}

if __name__ == "__main__":
    main()
