"""What befell a worker says what follows."""

from __future__ import annotations

import pytest
from support.operator.failures import COUNTED, FREE, LESS, means_of
from support.operator.making import after, ended, pod
from unet_operator.failure.lost_worker import deleted_workers_job, failed_workers_job, lost_worker


@pytest.mark.parametrize(
    ("fields", "reason", "means", "words"),
    [
        ({"disruption": "PreemptionByScheduler"}, "WorkerPreempted", FREE, "preempted"),
        ({"disruption": "EvictionByEvictionAPI"}, "WorkerEvicted", FREE, "drain"),
        ({"disruption": "TerminationByKubelet"}, "WorkerEvicted", FREE, "its node"),
        ({"disruption": "DeletionByTaintManager"}, "WorkerEvicted", FREE, "taint"),
        (
            {"disruption": "DeletionByTaintManager", "ready": False},
            "NodeLost",
            FREE,
            "stopped answering",
        ),
        ({"disruption": "DeletionByPodGC"}, "NodeLost", FREE, "node that is gone"),
        ({"deleting_until": after(120)}, "WorkerDeleted", FREE, "deleted"),
        (
            {"phase": "Failed", "exits": {"worker": ended(137, reason="OOMKilled")}},
            "WorkerOutOfMemory",
            LESS,
            "ran out of memory",
        ),
        ({"phase": "Failed", "exits": {"worker": ended(1)}}, "WorkerFailed", COUNTED, "code 1"),
        (
            {"phase": "Failed", "exits": {"worker": ended(2, cause="no host key")}},
            "WorkerFailed",
            COUNTED,
            "code 2: no host key",
        ),
        ({"phase": "Failed"}, "WorkerFailed", COUNTED, "ended"),
        ({"phase": "Succeeded", "exits": {"worker": ended(0)}}, "WorkerFailed", COUNTED, "code 0"),
    ],
)
def test_what_befell_a_worker_says_what_follows(fields, reason, means, words):
    failure = lost_worker((pod("worker", 1, 0), pod("worker", 1, 3, **fields)))
    assert (failure.reason, means_of(failure)) == (reason, means)
    assert failure.message.startswith("worker 3 ")
    assert words in failure.message


def test_a_node_evicted_for_its_memory_is_not_a_worker_out_of_memory():
    """The kubelet evicts whom it likes when the node, not the pod, lacks memory."""
    evicted = pod(
        "worker",
        1,
        0,
        phase="Failed",
        disruption="TerminationByKubelet",
        exits={"worker": ended(137)},
    )
    assert lost_worker((evicted,)).reason == "WorkerEvicted"


def test_workers_that_serve_are_not_lost():
    starting = pod("worker", 1, 1, phase="Pending", ready=False, running=frozenset())
    assert lost_worker((pod("worker", 1, 0), starting)) is None
    assert lost_worker(()) is None


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"phase": "Failed", "exits": {"worker": ended(1)}}, "WorkerFailed"),
        ({"exits": {"worker": ended(137, reason="OOMKilled")}}, "WorkerOutOfMemory"),
        ({"disruption": "EvictionByEvictionAPI"}, "WorkerEvicted"),
    ],
)
def test_the_pods_that_a_failed_job_deletes_do_not_hide_why_it_failed(fields, reason):
    swept = [pod("worker", 1, index, deleting_until=after(120)) for index in (0, 1, 3)]
    culprit = pod("worker", 1, 2, **fields)
    failure = lost_worker((*swept[:2], culprit, swept[2]))
    assert failure.reason == reason
    assert failure.message.startswith("worker 2 ")


def test_a_pod_swept_up_that_has_ended_is_still_only_deleted():
    swept = pod(
        "worker", 1, 0, phase="Failed", deleting_until=after(1), exits={"worker": ended(143)}
    )
    assert lost_worker((swept,)).reason == "WorkerDeleted"


@pytest.mark.parametrize(
    ("fields", "announced"),
    [
        ({"disruption": "PreemptionByScheduler"}, True),
        ({"disruption": "EvictionByEvictionAPI"}, True),
        ({"deleting_until": after(120)}, True),
        ({"disruption": "DeletionByPodGC"}, False),
        ({"phase": "Failed", "exits": {"worker": ended(1)}}, False),
        ({"phase": "Failed", "exits": {"worker": ended(137, reason="OOMKilled")}}, False),
    ],
)
def test_only_a_worker_that_is_told_to_go_lets_its_ranks_checkpoint(fields, announced):
    assert lost_worker((pod("worker", 1, 0, **fields),)).announced is announced


def test_a_workers_job_that_is_gone_or_has_failed_without_a_pod_is_a_loss_too():
    assert deleted_workers_job().counted is False
    failure = failed_workers_job("pod failed")
    assert (failure.reason, failure.counted) == ("WorkerFailed", True)
    assert "pod failed" in failure.message
