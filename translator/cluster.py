"""The processes that train one model together, as `TF_CONFIG` or Slurm tells each of them."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass

from translator.errors import TranslatorError

TF_CONFIG = "TF_CONFIG"
JOBS = ("chief", "worker")  # in the order in which TensorFlow counts their tasks


class ClusterError(TranslatorError):
    """A cluster that cannot be made out."""


@dataclass(frozen=True)
class Cluster:
    """Several processes, and which of them this one is."""

    addresses: dict[str, str]  # host:port of each worker by TensorFlow's name for it; the first is the chief
    index: int  # this worker's

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] = os.environ) -> "Cluster | None":
        """What `TF_CONFIG` says, as schedulers set it; None where this process is to train alone.

        Raises:
            ClusterError: it is not what TensorFlow defines, or gives this process a task that has no part in training.
        """
        text = environment.get(TF_CONFIG) or "{}"
        try:
            config = json.loads(text)
            jobs, task = config.get("cluster", {}), config.get("task", {})
            addresses = {_name(job, i): address for job in JOBS for i, address in enumerate(jobs.get(job, []))}
            if len(addresses) < 2:
                return None
            if task["type"] not in JOBS:
                raise ClusterError(f"{TF_CONFIG} makes this process a {task['type']!r}; training has chief and workers")
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
    """What Slurm tells of a step of several tasks (`srun`), as `TF_CONFIG` would; None outside of such a step.

    Where Slurm has not dealt out the GPUs of a machine to its tasks, this does (`CUDA_VISIBLE_DEVICES`).

    Raises:
        ClusterError: Slurm's variables contradict each other, or one that should be a number is none.
    """
    tasks = _number(environment, "SLURM_STEP_NUM_TASKS", "1")
    if tasks < 2 or TF_CONFIG in environment:
        return None
    import tensorflow as tf

    # Without GPUs to deal out, TensorFlow's resolver is given one for each task, or it would find no room for them.
    deals_gpus = shutil.which("nvidia-smi") is not None and "SLURM_GPUS_PER_TASK" not in environment
    gpus = {} if deals_gpus else {"gpus_per_node": tasks, "gpus_per_task": 1, "auto_set_gpu": False}
    # Below the ports that outgoing connections are given, and others for each job: two may share a machine.
    port_base = 12_000 + _number(environment, "SLURM_JOB_ID", "0") % 20_000
    try:
        resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(port_base=port_base, **gpus)
        addresses = resolver.cluster_spec().as_dict()["worker"]
    except (RuntimeError, ValueError, KeyError) as error:
        raise ClusterError(f"Slurm's variables tell of no cluster that could train: {error}") from error
    # The resolver sorts machines by name (node10 before node9), which is not how Slurm counts its tasks.
    own = f"{environment.get('SLURMD_NODENAME')}:{port_base + _number(environment, 'SLURM_LOCALID', '0')}"
    index = addresses.index(own) if own in addresses else _number(environment, "SLURM_PROCID")
    return json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})


def _number(environment: Mapping[str, str], name: str, default: str = "") -> int:
    text = environment.get(name, default)
    try:
        return int(text)
    except ValueError as error:
        raise ClusterError(f"{name}, which Slurm sets, should be a number; found {text!r:.200}") from error
