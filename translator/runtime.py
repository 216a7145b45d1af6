"""Starts TensorFlow, configured before anything runs, and tells what this process has to compute with."""

import contextlib
import os
import resource
import sys
from collections.abc import Iterator

from translator.cluster import TF_CONFIG, tf_config_of_slurm

_started = False
_threads: int | None = None


def start_tensorflow(threads: int | None = None, cpu_devices: int = 1) -> None:
    """Imports TensorFlow without its log lines, and makes its kernels deterministic.

    Call it before the first import of a module that imports TensorFlow; later calls change nothing. Where TensorFlow is
    running already, as in a notebook, it is configured as far as it still can be. In a Slurm step of several tasks,
    `TF_CONFIG` is set to their cluster.

    Args:
        threads: of one operation, and operations that may run in parallel; None takes all cores.
        cpu_devices: logical devices, CPU:0, CPU:1 and so on, that share the cores.

    Raises:
        RuntimeError: TensorFlow is running already, with fewer CPU devices.
    """
    global _started, _threads
    if _started:
        return
    _started, _threads = True, threads
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _silent_standard_error():
        import tensorflow as tf

        tf.get_logger().setLevel("ERROR")  # it warns of graphs that are traced several times, which ours are on purpose
        if cluster := tf_config_of_slurm():  # before GPUs are listed: it may choose them
            os.environ[TF_CONFIG] = cluster
        if threads is not None:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
        tf.config.experimental.enable_op_determinism()
        if cpu_devices > 1:
            cpus = [tf.config.LogicalDeviceConfiguration()] * cpu_devices
            tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], cpus)
        for gpu in tf.config.list_physical_devices("GPU"):
            with contextlib.suppress(RuntimeError):  # it is in use already
                tf.config.experimental.set_memory_growth(gpu, True)


def cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def peak_memory() -> int:
    """The most bytes that this process has held in memory so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def own_threads() -> int:
    """How many threads this process computes on: as `start_tensorflow` was told, or one for each core."""
    return _threads or cores()


def gpu_names() -> list[str]:
    """The model of each GPU that TensorFlow sees, once it has been started."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    return [tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name) for gpu in gpus]


@contextlib.contextmanager
def _silent_standard_error() -> Iterator[None]:
    """Discards what C++ code writes to file descriptor 2: TensorFlow's first lines ignore the log level."""
    sys.stderr.flush()
    kept = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(null)
        os.close(kept)
