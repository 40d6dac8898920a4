"""What is read of pods, Jobs and claims, and that nothing in them can stop the operator."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.operator.bodies import condition, job_body, pod_body, running, terminated, waiting
from support.operator.making import NAME, NAMESPACE, UID, seen
from support.operator.making import job as made_job
from support.operator.making import pod as made_pod
from unet_operator.api.labels import LABEL_ATTEMPT, LABEL_NAME, LABEL_ROLE, LABEL_UID
from unet_operator.observe.parse import parse_claim, parse_job, parse_pod

INDEX = "batch.kubernetes.io/job-completion-index"


def test_a_pod_is_known_by_its_training_role_attempt_and_index():
    found = parse_pod(pod_body("worker", 3, 7))
    assert (found.namespace, found.training, found.training_uid) == (NAMESPACE, NAME, UID)
    assert (found.role, found.attempt, found.index) == ("worker", 3, 7)
    assert found.created == datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_pod_of_a_plain_job_has_no_index():
    assert parse_pod(pod_body("launcher")).index is None


def test_a_pod_without_a_node_is_not_scheduled_and_says_why():
    status = {
        "phase": "Pending",
        "conditions": [condition("PodScheduled", "False", "Unschedulable", "0/3 nodes: cpu")],
    }
    found = parse_pod(pod_body(node="", status=status))
    assert (found.scheduled, found.unschedulable) == (False, "0/3 nodes: cpu")
    assert not found.starting


def test_a_gated_pod_is_not_called_unschedulable():
    gated = condition("PodScheduled", "False", "SchedulingGated", "waiting for its group")
    found = parse_pod(pod_body(node="", status={"phase": "Pending", "conditions": [gated]}))
    assert found.unschedulable == ""


def test_a_pod_with_a_node_that_is_pending_is_starting():
    assert parse_pod(pod_body(status={"phase": "Pending"})).starting
    assert not parse_pod(pod_body(status={"phase": "Running"})).starting


@pytest.mark.parametrize(
    ("status", "ready"), [("True", True), ("False", False), ("Unknown", False)]
)
def test_only_a_ready_pod_is_ready(status, ready):
    assert parse_pod(pod_body(status={"conditions": [condition("Ready", status)]})).ready is ready


@pytest.mark.parametrize(
    ("phase", "ended"),
    [
        ("Pending", False),
        ("Running", False),
        ("Succeeded", True),
        ("Failed", True),
        ("Unknown", False),
    ],
)
def test_a_pod_has_ended_when_none_of_its_processes_can_run(phase, ended):
    assert parse_pod(pod_body(status={"phase": phase})).ended is ended


def test_a_disruption_counts_once_it_is_true():
    told = condition("DisruptionTarget", "True", "EvictionByEvictionAPI")
    taken_back = condition("DisruptionTarget", "False", "PreemptionByScheduler")
    assert parse_pod(pod_body(status={"conditions": [told]})).disruption == "EvictionByEvictionAPI"
    assert parse_pod(pod_body(status={"conditions": [taken_back]})).disruption == ""


def test_an_eviction_by_the_kubelet_is_a_disruption_without_its_condition_too():
    found = parse_pod(pod_body(status={"phase": "Failed", "reason": "Evicted"}))
    assert found.disruption == "TerminationByKubelet"


def test_a_condition_tells_more_than_the_reason_evicted():
    status = {
        "phase": "Failed",
        "reason": "Evicted",
        "conditions": [condition("DisruptionTarget", "True", "PreemptionByScheduler")],
    }
    assert parse_pod(pod_body(status=status)).disruption == "PreemptionByScheduler"


def test_how_containers_ended_is_read_with_their_last_words():
    status = {
        "initContainerStatuses": [terminated("rendezvous", 0)],
        "containerStatuses": [terminated("launch", 14, '{"code": 14, "rank": 2}', "OOMKilled")],
    }
    exits = parse_pod(pod_body("launcher", status=status)).exits
    assert list(exits) == ["rendezvous", "launch"]
    assert (exits["launch"].code, exits["launch"].reason) == (14, "OOMKilled")
    assert exits["launch"].message.rank == 2
    assert exits["launch"].finished == datetime(2026, 3, 1, 12, 5, tzinfo=UTC)


def test_a_container_that_runs_has_not_ended():
    found = parse_pod(pod_body("launcher", status={"containerStatuses": [running("launch")]}))
    assert found.exits == {}
    assert found.running == {"launch"}


def test_waiting_for_its_turn_is_not_being_kept_from_starting():
    for reason in ("ContainerCreating", "PodInitializing"):
        status = {"containerStatuses": [waiting("worker", reason)]}
        assert parse_pod(pod_body(status=status)).waiting is None


def test_the_first_container_that_cannot_start_is_named():
    status = {
        "initContainerStatuses": [waiting("rendezvous", "ImagePullBackOff", "Back-off pulling")],
        "containerStatuses": [waiting("launch", "PodInitializing")],
    }
    found = parse_pod(pod_body("launcher", status=status))
    assert found.waiting == ("ImagePullBackOff", "Back-off pulling")


def test_pods_of_a_role_and_attempt_come_by_index():
    pods = [made_pod("worker", 1, index) for index in (10, 2, 0)]
    others = [made_pod("worker", 2, 0), made_pod("launcher", 1)]
    assert [p.index for p in seen(*pods, *others).of("worker", 1)] == [0, 2, 10]


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "²", "9" * 10, "9" * 5000])
def test_an_index_that_is_no_small_number_is_none(text):
    assert parse_pod(pod_body(annotations={INDEX: text})).index is None


@pytest.mark.parametrize("text", ["", "first", "9" * 63])
def test_an_attempt_that_is_no_small_number_is_none_of_ours(text):
    body = pod_body()
    body["metadata"]["labels"][LABEL_ATTEMPT] = text
    assert parse_pod(body).attempt == 0


LABELS = st.dictionaries(
    st.sampled_from([LABEL_NAME, LABEL_UID, LABEL_ROLE, LABEL_ATTEMPT, "app"]),
    st.text(max_size=63),
)


@given(labels=LABELS, index=st.text(), message=st.text(), code=st.integers(0, 2**31 - 1))
def test_whatever_others_write_into_a_pod_it_is_read(labels, index, message, code):
    body = pod_body(
        annotations={INDEX: index},
        status={"containerStatuses": [terminated("worker", code, message)]},
    )
    body["metadata"]["labels"] = labels
    assert parse_pod(body).exits["worker"].code == code


def test_a_pod_with_next_to_nothing_is_read():
    found = parse_pod({"metadata": {"name": "p", "uid": "u", "namespace": "n"}})
    assert (found.phase, found.role, found.scheduled) == ("Pending", "", False)


def test_a_job_is_known_by_its_owner():
    assert parse_job(job_body(owner="someone")).owner_uid == "someone"


def test_an_owner_that_does_not_control_is_no_owner():
    body = job_body()
    body["metadata"]["ownerReferences"][0]["controller"] = False
    assert parse_job(body).owner_uid == ""


@pytest.mark.parametrize("kind", ["Failed", "FailureTarget"])
def test_a_job_that_is_going_to_fail_has_failed(kind):
    assert parse_job(job_body(conditions={kind: "pod 1 exited"})).failed == "pod 1 exited"


def test_a_failure_without_words_is_told_by_its_reason():
    body = job_body(conditions={"Failed": ""})
    assert parse_job(body).failed == "Failed"


def test_a_condition_that_is_not_true_says_nothing():
    body = job_body(conditions={"Failed": "x", "Complete": ""})
    for told in body["status"]["conditions"]:
        told["status"] = "False"
    found = parse_job(body)
    assert (found.failed, found.complete) == ("", False)


def test_what_a_job_asks_for_and_how_it_stands():
    found = parse_job(
        job_body(spec={"completions": 5, "suspend": True}, conditions={"Complete": ""})
    )
    assert (found.completions, found.suspended, found.complete) == (5, True, True)
    assert not found.deleting
    assert parse_job(job_body(deletionTimestamp="2026-03-01T12:00:00Z")).deleting


def test_a_claim_that_is_not_there_still_has_its_name():
    found = parse_claim("msd", None)
    assert (found.name, found.exists) == ("msd", False)


def test_a_claim_is_read_with_its_modes_phase_and_end():
    body = {
        "metadata": {"deletionTimestamp": "2026-03-01T12:00:00Z"},
        "spec": {"accessModes": ["ReadWriteMany"]},
        "status": {"phase": "Bound"},
    }
    found = parse_claim("msd", body)
    assert (found.exists, found.modes, found.phase, found.deleting) == (
        True,
        ("ReadWriteMany",),
        "Bound",
        True,
    )


def test_the_makers_of_other_tests_make_what_is_read():
    ready = {
        "conditions": [condition("Ready")],
        "containerStatuses": [running("worker")],
    }
    assert parse_pod(pod_body("worker", 2, 1, status=ready)) == made_pod("worker", 2, 1)
    body = job_body("launcher", 3)
    body["status"]["active"] = 1
    assert parse_job(body) == made_job("launcher", 3)
