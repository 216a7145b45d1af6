"""The workers that train together: processes in step with each other, on one machine or on many."""

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence

import tensorflow as tf

from translator.cluster import Cluster
from translator.errors import TRY_AGAIN, TranslatorError


class DevicesError(TranslatorError):
    """Devices that are not there, or cannot be chosen here."""


class WorkerLostError(TranslatorError):
    """Another worker has ended, so that this one cannot go on."""

    exit_code = TRY_AGAIN
    exits_at_once = True  # TensorFlow would wait for the lost worker to say goodbye, for up to a minute


class Workers:
    """Processes that take each step together; a single one is its own chief.

    The chief, which is the first, is the one that writes, and the one whose clock counts.
    """

    def __init__(self, strategy: tf.distribute.Strategy, cluster: Cluster | None = None) -> None:
        """`strategy` spans the replicas of all workers; the others are those of `cluster`, if there is one."""
        self.strategy = strategy
        self.addresses = cluster.addresses if cluster else {"": ""}
        self.index = cluster.index if cluster else 0
        replicas = strategy.num_replicas_in_sync // len(self.addresses)
        self.replicas = range(self.index * replicas, (self.index + 1) * replicas)  # this process's, of all

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float64)])
        def total(values: tf.Tensor) -> tf.Tensor:
            def of_replica() -> tf.Tensor:
                context = tf.distribute.get_replica_context()
                is_first = context.replica_id_in_sync_group == self.replicas.start
                own = tf.where(is_first, values, tf.zeros_like(values))
                return context.all_reduce(tf.distribute.ReduceOp.SUM, own)

            return strategy.experimental_local_results(strategy.run(of_replica))[0]

        self._total = total

    @classmethod
    def join(cls, devices: Sequence[str] | None, say: Callable[[str], None]) -> "Workers":
        """Meets the other workers, if there are any, and waits until all are there.

        Args:
            devices: of this machine, to train on together; None takes every GPU, or else the CPU. Several share each
                batch out.
            say: told whom this worker waits for.

        Raises:
            DevicesError: some are not there; or there are other workers, whose devices cannot be named here.
        """
        cluster = Cluster.of_environment()
        if cluster is None:
            return cls(_strategy(devices))
        if devices:
            raise DevicesError(
                "train.devices is for a single machine; with several workers each takes the GPUs that it sees "
                "(CUDA_VISIBLE_DEVICES), or else its CPU"
            )
        others = [address for index, address in enumerate(cluster.addresses.values()) if index != cluster.index]
        say(f"worker {cluster.index} of {len(cluster.addresses)}: waiting for {', '.join(others)}")
        return cls(tf.distribute.MultiWorkerMirroredStrategy(), cluster)

    @property
    def count(self) -> int:
        return len(self.addresses)

    @property
    def chief(self) -> bool:
        """Whether this is the one that writes."""
        return self.index == 0

    def sum(self, values: Sequence[float]) -> list[float]:
        """Adds up the values of all workers, and gives the sums to all."""
        if self.count == 1:
            return list(values)
        return self._total(tf.constant(values, tf.float64)).numpy().tolist()

    def of_chief(self, values: Sequence[float]) -> list[float]:
        """Gives the chief's values to all."""
        return self.sum(values if self.chief else [0.0] * len(values))

    def wait(self) -> None:
        """Returns when all workers have come to this point."""
        self.sum([0.0])

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """For what all do together: nobody leaves before the others are done, and the loss of one is told.

        Raises:
            WorkerLostError: another worker has ended.
        """
        try:
            yield
            self.wait()
        except (
            tf.errors.UnavailableError,
            tf.errors.AbortedError,
            tf.errors.CancelledError,
            tf.errors.DeadlineExceededError,
            tf.errors.FailedPreconditionError,
            tf.errors.InternalError,
        ) as error:
            if self.count == 1:
                raise
            raise WorkerLostError(
                f"worker {self.index} of {self.count}: {self._lost(str(error))} has ended or cannot be reached, so "
                "this one ends too. Start all again: they go on from the newest checkpoint"
            ) from error

    def _lost(self, message: str) -> str:
        """The worker that an error of TensorFlow is about, as far as it says."""
        for index, (name, address) in enumerate(self.addresses.items()):
            if index != self.index and re.search(rf"{name}(?!\d)", message):
                return f"worker {index} ({address})"
        return "another worker"


def _strategy(devices: Sequence[str] | None) -> tf.distribute.Strategy:
    """One device trains by itself; several share each batch out."""
    available = [device.name.removeprefix("/device:") for device in tf.config.list_logical_devices()]
    names = devices or [name for name in available if name.startswith("GPU")]
    if missing := [name for name in names if name not in available]:
        raise DevicesError(f"train.devices names {', '.join(missing)}; this machine has {', '.join(available)}")
    if len(names) > 1:
        return tf.distribute.MirroredStrategy(names)
    return tf.distribute.OneDeviceStrategy(names[0] if names else "CPU:0")
