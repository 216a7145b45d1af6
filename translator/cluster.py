"""The processes that train one model together, as `TF_CONFIG` or Slurm describes them."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass

from translator.errors import TranslatorError

TF_CONFIG = "TF_CONFIG"
JOBS = ("chief", "worker")  # in the order in which TensorFlow numbers their tasks


class ClusterError(TranslatorError):
    """An environment that does not describe a cluster."""


@dataclass(frozen=True)
class Cluster:
    """Several processes, and the index of this one."""

    addresses: dict[str, str]  # host:port of each worker, by its name in TensorFlow; the first is the chief
    index: int  # this worker's

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] = os.environ) -> "Cluster | None":
        """Reads `TF_CONFIG`, as schedulers set it; None where this process trains alone.

        Raises:
            ClusterError: it is not in TensorFlow's format, or gives this process a task that takes no part in training.
        """
        text = environment.get(TF_CONFIG) or "{}"
        try:
            config = json.loads(text)
            jobs, task = config.get("cluster", {}), config.get("task", {})
            addresses = {_name(job, i): address for job in JOBS for i, address in enumerate(jobs.get(job, []))}
            if len(addresses) < 2:
                return None
            if task["type"] not in JOBS:
                raise ClusterError(
                    f"{TF_CONFIG} makes this process a {task['type']!r}; only a chief and workers take part in training"
                )
            index = list(addresses).index(_name(task["type"], task["index"]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ClusterError(
                f'{TF_CONFIG} should be as {{"cluster": {{"worker": ["host:port", …]}}, "task": {{"type": "worker", '
                f'"index": 0}}}}; found {text!r:.200} ({type(error).__name__}: {error})'
            ) from error
        return cls(addresses, index)


def _name(job: str, index: int | str) -> str:
    return f"/job:{job}/replica:0/task:{index}"


def tf_config_of_slurm(environment: Mapping[str, str] = os.environ) -> str | None:
    """Translates a Slurm step of several tasks (`srun`) to the content of `TF_CONFIG`; None outside of such a step.

    Where Slurm has not assigned the GPUs of a machine to its tasks, this does (`CUDA_VISIBLE_DEVICES`).

    Raises:
        ClusterError: Slurm's variables contradict each other, or one that should be a number is not.
    """
    tasks = _number(environment, "SLURM_STEP_NUM_TASKS", "1")
    if tasks < 2 or TF_CONFIG in environment:
        return None
    import tensorflow as tf

    # Without GPUs to assign, TensorFlow's resolver is told one for each task; with none it would refuse the tasks.
    assigns_gpus = shutil.which("nvidia-smi") is not None and "SLURM_GPUS_PER_TASK" not in environment
    gpus = {} if assigns_gpus else {"gpus_per_node": tasks, "gpus_per_task": 1, "auto_set_gpu": False}
    # Below the ephemeral ports, and different for each job: two jobs may share a machine.
    port_base = 12_000 + _number(environment, "SLURM_JOB_ID", "0") % 20_000
    try:
        resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(port_base=port_base, **gpus)
        addresses = resolver.cluster_spec().as_dict()["worker"]
    except (RuntimeError, ValueError, KeyError) as error:
        raise ClusterError(f"Slurm's variables do not describe a cluster: {error}") from error
    # The resolver sorts machines by name (node10 before node9), which is not the order of Slurm's tasks.
    own = f"{environment.get('SLURMD_NODENAME')}:{port_base + _number(environment, 'SLURM_LOCALID', '0')}"
    index = addresses.index(own) if own in addresses else _number(environment, "SLURM_PROCID")
    return json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})


def _number(environment: Mapping[str, str], name: str, default: str = "") -> int:
    text = environment.get(name, default)
    try:
        return int(text)
    except ValueError as error:
        raise ClusterError(f"{name}, which Slurm sets, should be a number; found {text!r:.200}") from error
