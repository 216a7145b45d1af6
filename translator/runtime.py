"""Starting TensorFlow: quietly, only when it is needed, and set up before anything runs on it."""

import contextlib
import os
import sys
from collections.abc import Iterator

from translator.cluster import TF_CONFIG, tf_config_of_slurm


def start_tensorflow(threads: int | None = None, cpu_devices: int = 1) -> None:
    """Imports TensorFlow without its log lines, and makes its kernels give the same result for the same input.

    Call it before the first import of a module that imports TensorFlow; later calls change nothing. In a step of
    several tasks of Slurm's, it writes their cluster to where TensorFlow looks for one.

    Args:
        threads: cores that one operation may use, and operations that may run side by side; None takes all cores.
        cpu_devices: devices, CPU:0, CPU:1 and so on, that the cores are to be shared out to.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _silent_standard_error():
        import tensorflow as tf

        if cluster := tf_config_of_slurm():  # before a GPU is looked at: it may choose them
            os.environ[TF_CONFIG] = cluster
        if threads is not None:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
        tf.config.experimental.enable_op_determinism()
        if cpu_devices > 1:
            cpus = [tf.config.LogicalDeviceConfiguration()] * cpu_devices
            tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], cpus)
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)


@contextlib.contextmanager
def _silent_standard_error() -> Iterator[None]:
    """Sends what C++ code writes to file descriptor 2 to nowhere: TensorFlow's first lines heed no log level."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)
