"""Why pods that should run do not: cause and remedy in one line."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.operator.making import NOW, job, pod, seen
from unet_operator.failure.pods_not_running import why_not_running

JOB = job("worker")
PENDING = {"phase": "Pending", "ready": False, "running": frozenset()}
NOWHERE = {**PENDING, "scheduled": False}


def found(*pods, warnings=None, of=JOB, now=NOW):
    """What keeps those pods from running."""
    return why_not_running(seen(*pods, warnings=warnings or {}), pods, of, now)


def test_pods_that_run_are_no_trouble():
    assert found(pod("worker", 1, 0), pod("worker", 1, 1)) is None


def test_no_node_is_told_with_the_scheduler_s_words_and_the_remedy():
    words = "0/3 nodes are available: 3 Insufficient cpu"
    told = found(pod("worker", 1, 0), pod("worker", 1, 1, unschedulable=words, **NOWHERE))
    assert told.reason == "Unschedulable"
    assert told.message.startswith(f"worker 1 finds no node: {words}; ")
    assert "workers.minReplicas" in told.message


def test_a_volume_may_take_a_minute_to_come_before_it_is_told():
    words = "0/4 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found"
    waiting = pod("worker", 1, 0, unschedulable=words, created=NOW, **NOWHERE)
    assert found(waiting, now=NOW + timedelta(seconds=59)) is None
    told = found(waiting, now=NOW + timedelta(seconds=60))
    assert told.reason == "VolumeNotBound"
    assert "kubectl describe pvc" in told.message


@pytest.mark.parametrize("role", ["launcher", "stage", "report"])
def test_only_workers_can_be_fewer(role):
    told = found(pod(role, unschedulable="no", **NOWHERE), of=job(role, 1))
    assert told.message.startswith(f"the {role} finds no node")
    assert "minReplicas" not in told.message


@pytest.mark.parametrize(
    "reason", ["ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"]
)
@pytest.mark.parametrize("words", ["no such host", ""])
def test_an_image_that_cannot_be_had_names_where_to_set_it(reason, words):
    told = found(pod("worker", 1, 0, waiting=(reason, words), **PENDING))
    assert told.reason == "ImagePullFailed"
    assert (words or reason) in told.message
    assert "spec.image" in told.message
    assert "pods.imagePullSecrets" in told.message


@pytest.mark.parametrize(
    "reason", ["CreateContainerConfigError", "CreateContainerError", "RunContainerError"]
)
def test_a_container_that_cannot_be_made_is_told(reason):
    told = found(pod("worker", 1, 0, waiting=(reason, 'secret "keys" not found'), **PENDING))
    assert told.reason == "ContainerNotCreated"
    assert 'secret "keys" not found' in told.message


def test_waiting_for_a_reason_that_passes_is_no_trouble():
    assert found(pod("worker", 1, 0, waiting=("CrashLoopBackOff", "x"), **PENDING)) is None


def test_a_pod_that_does_not_start_is_told_by_its_last_warning():
    stuck = pod("worker", 1, 0, **PENDING)
    told = found(stuck, warnings={stuck.uid: "MountVolume.SetUp failed: no such file"})
    assert told.reason == "PodNotStarting"
    assert "MountVolume.SetUp failed" in told.message


def test_a_warning_about_a_pod_that_runs_by_now_is_no_news():
    runs = pod("worker", 1, 0)
    assert found(runs, pod("worker", 1, 1), warnings={runs.uid: "it was slow"}) is None


@pytest.mark.parametrize(
    ("warning", "reason", "words"),
    [
        (
            'pods "x" is forbidden: exceeded quota: small, requested: cpu=8',
            "QuotaExceeded",
            "raise the ResourceQuota",
        ),
        (
            'pods "x" is forbidden: violates PodSecurity "restricted:latest": hostPath',
            "ForbiddenByPodSecurity",
            "the namespace's labels",
        ),
        ('admission webhook "mesh" denied the request', "PodsNotCreated", "mesh"),
    ],
)
def test_pods_that_the_api_server_refuses_are_told_by_their_job(warning, reason, words):
    told = found(pod("worker", 1, 0), warnings={JOB.uid: warning})
    assert told.reason == reason
    assert "Job brain-worker-1" in told.message
    assert warning in told.message
    assert words in told.message


def test_a_job_with_all_its_pods_was_only_warned_once_upon_a_time():
    pods = (pod("worker", 1, 0), pod("worker", 1, 1))
    assert found(*pods, warnings={JOB.uid: "exceeded quota"}) is None


@pytest.mark.parametrize("fields", [{"suspended": True}, {"complete": True}])
def test_a_job_that_wants_no_pods_is_in_no_trouble(fields):
    resting = job("worker", **fields)
    assert found(warnings={resting.uid: "exceeded quota"}, of=resting) is None


def test_without_a_job_the_pods_alone_tell():
    assert found(of=None) is None


def test_the_first_pod_in_trouble_is_the_one_told():
    first = pod("worker", 1, 0, waiting=("ErrImagePull", "a"), **PENDING)
    second = pod("worker", 1, 1, unschedulable="no room", **NOWHERE)
    assert found(first, second).reason == "ImagePullFailed"
    assert found(second, first).reason == "Unschedulable"
