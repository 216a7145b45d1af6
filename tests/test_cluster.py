"""Clusters, as the environment describes them."""

import json
from typing import Any

import pytest

from translator.cluster import Cluster, ClusterError, tf_config_of_slurm

ADDRESSES = ["one:1", "two:2", "three:3"]


def cluster(jobs: dict[str, list[str]], job: str, index: Any) -> Cluster | None:
    return Cluster.of_environment({"TF_CONFIG": json.dumps({"cluster": jobs, "task": {"type": job, "index": index}})})


@pytest.mark.parametrize("index", [0, 2])
def test_a_worker_is_told_by_its_index(index: int):
    found = cluster({"worker": ADDRESSES}, "worker", index)
    assert found is not None
    assert list(found.addresses.values()) == ADDRESSES
    assert found.index == index


def test_a_chief_comes_before_the_workers_and_an_index_may_be_a_string():
    jobs = {"worker": ADDRESSES[1:], "chief": ADDRESSES[:1]}
    found = [cluster(jobs, job, index) for job, index in (("chief", 0), ("worker", "0"), ("worker", 1))]
    assert [each.index for each in found if each] == [0, 1, 2]
    assert all(each and list(each.addresses.values()) == ADDRESSES for each in found)
    assert found[0]
    assert list(found[0].addresses)[1] == "/job:worker/replica:0/task:0"


@pytest.mark.parametrize("text", ["", "{}", '{"cluster": {}}', '{"cluster": {"worker": ["one:1"]}, "task": {}}'])
def test_a_process_by_itself_is_no_cluster(text: str):
    assert Cluster.of_environment({"TF_CONFIG": text}) is None
    assert Cluster.of_environment({}) is None


@pytest.mark.parametrize(
    "text",
    [
        "{", "[]", "null", '{"cluster": []}', '{"cluster": {"worker": 3}}', '{"cluster": {"worker": ["a:1", "b:2"]}}',
        '{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 2}}',
        '{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": "no"}}',
        '{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "chief", "index": 0}}',
    ],
)  # fmt: skip
def test_what_is_no_cluster_is_shown_with_an_example(text: str):
    with pytest.raises(ClusterError) as caught:
        Cluster.of_environment({"TF_CONFIG": text})
    assert str(caught.value).startswith('TF_CONFIG should be as {"cluster": {"worker": ["host:port", …]}')
    assert f"found {text!r}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_task_that_has_no_part_in_training_is_named():
    with pytest.raises(ClusterError, match="TF_CONFIG makes this process a 'ps'"):
        cluster({"worker": ADDRESSES, "ps": ["four:4"]}, "ps", 0)


# Slurm


def step(node: str, local: int, rank: int) -> dict[str, str]:
    """What `srun` sets for one of four tasks on two machines."""
    return {
        "SLURM_STEP_NUM_TASKS": "4", "SLURM_STEP_NODELIST": "node[9-10]", "SLURM_STEP_TASKS_PER_NODE": "2(x2)",
        "SLURM_PROCID": str(rank), "SLURM_LOCALID": str(local), "SLURMD_NODENAME": node, "SLURM_JOB_ID": "40017",
    }  # fmt: skip


@pytest.fixture
def in_step(monkeypatch: pytest.MonkeyPatch):
    """Tells the cluster as a task of the step finds it; TensorFlow's resolver reads the process's own environment."""

    def found(environment: dict[str, str]) -> Cluster:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        text = tf_config_of_slurm(environment)
        assert text is not None
        cluster = Cluster.of_environment({"TF_CONFIG": text})
        assert cluster is not None
        return cluster

    return found


def test_slurms_tasks_are_workers_each_at_the_address_of_its_own_machine(in_step: Any):
    tasks = [("node9", 0), ("node9", 1), ("node10", 0), ("node10", 1)]
    for rank, (node, local) in enumerate(tasks):
        cluster = in_step(step(node, local, rank))
        # The port is the job's, and the task's on its machine.
        assert sorted(cluster.addresses.values()) == ["node10:12017", "node10:12018", "node9:12017", "node9:12018"]
        assert list(cluster.addresses.values())[cluster.index] == f"{node}:{12017 + local}"


def test_outside_of_a_step_of_several_tasks_there_is_no_cluster():
    assert tf_config_of_slurm({}) is None
    assert tf_config_of_slurm({"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4"}) is None
    assert tf_config_of_slurm(step("node9", 0, 0) | {"SLURM_STEP_NUM_TASKS": "1"}) is None
    assert tf_config_of_slurm(step("node9", 0, 0) | {"TF_CONFIG": "{}"}) is None


def test_variables_that_contradict_each_other_are_an_error(in_step: Any):
    with pytest.raises(ClusterError, match="Requested 5 tasks but only 4 were assigned"):
        in_step(step("node9", 0, 0) | {"SLURM_STEP_NUM_TASKS": "5"})


@pytest.mark.parametrize("name", ["SLURM_STEP_NUM_TASKS", "SLURM_JOB_ID", "SLURM_LOCALID"])
def test_a_variable_that_is_no_number_is_named(in_step: Any, name: str):
    with pytest.raises(ClusterError, match=f"{name}, which Slurm sets, should be a number; found 'four'"):
        in_step(step("node9", 0, 0) | {name: "four"})
