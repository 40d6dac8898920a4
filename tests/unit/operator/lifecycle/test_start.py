"""The start of an attempt: nodes for the workers, then their answers."""

from __future__ import annotations

import pytest
from support.operator.making import (
    NAME,
    NOW,
    advanced,
    after,
    decided,
    job,
    launcher_pod,
    pod,
    seen,
    starting,
    two_workers,
)
from unet_operator.failure.no_room import WAIT_FOR_ROOM
from unet_operator.lifecycle.actions import CreateLauncher


def test_acceptance_names_the_launcher_log_from_the_start():
    assert starting().status.logs.launcher == f"job/{NAME}-launcher-1"


def test_the_launcher_waits_until_every_worker_has_a_node():
    waiting = pod("worker", 1, 1, phase="Pending", scheduled=False, ready=False)
    decision = decided(starting(), seen(job("worker"), pod("worker", 1, 0), waiting))
    assert decision.actions == ()
    assert decision.status.workers == "1/2"


def test_the_launcher_starts_when_every_worker_has_a_node_though_none_is_ready():
    pods = [pod("worker", 1, i, phase="Pending", ready=False) for i in (0, 1)]
    decision = decided(starting(), seen(job("worker"), *pods))
    assert decision.actions == (CreateLauncher(attempt=1),)
    assert decision.status.phase == "Starting"


def test_training_begins_when_rendezvous_is_over():
    decision = decided(starting(), seen(*two_workers(), job("launcher"), launcher_pod()))
    assert decision.status.phase == "Training"
    assert decision.status.workers == "2/2"
    assert [e.reason for e in decision.events] == ["WorkersReady"]


def test_rendezvous_still_running_is_not_training():
    waiting = launcher_pod(exits={}, running=frozenset({"rendezvous"}))
    decision = decided(starting(), seen(*two_workers(), job("launcher"), waiting))
    assert decision.status.phase == "Starting"
    assert decision.status.reason("WorkersReady") == "WaitingForWorkers"


def unschedulable(index: int):
    """A worker that finds no node."""
    return pod(
        "worker",
        1,
        index,
        phase="Pending",
        scheduled=False,
        ready=False,
        unschedulable="0/3 nodes are available: 3 Insufficient cpu.",
    )


def test_a_worker_without_a_node_is_told_once_with_the_remedy():
    observed = seen(job("worker"), pod("worker", 1, 0), unschedulable(1))
    subject = starting()
    first = decided(subject, observed)
    again = decided(advanced(subject, first), observed, after(15))
    assert first.status.reason("WorkersReady") == "Unschedulable"
    assert "Insufficient cpu" in first.status.message
    assert "workers.minReplicas" in first.status.message
    assert [e.reason for e in first.events] == ["Unschedulable"]
    assert again.events == ()
    assert again.status.phase == "Starting"


@pytest.mark.parametrize(("placed", "fit"), [(0, 1), (1, 1), (2, 2)])
def test_for_want_of_room_the_next_attempt_is_smaller(placed, fit):
    change = {"workers": {"replicas": 3, "minReplicas": 1}}
    pods = [pod("worker", 1, i) if i < placed else unschedulable(i) for i in range(3)]
    observed = seen(job("worker", completions=3), *pods)
    subject = starting(**change)
    subject = advanced(subject, decided(subject, observed))
    early = decided(subject, observed, NOW + WAIT_FOR_ROOM / 2)
    assert early.status.phase == "Starting"
    decision = decided(subject, observed, NOW + WAIT_FOR_ROOM)
    assert decision.status.phase == "Restarting"
    assert decision.status.failures == 0
    subject = advanced(subject, decision)
    gone = seen(job("worker", completions=3, suspended=True, active=0))
    due = subject.status.next_attempt_time
    assert decided(subject, gone, due).status.replicas == fit


def test_without_a_smaller_size_it_waits_for_room():
    observed = seen(job("worker"), unschedulable(0), unschedulable(1))
    subject = starting()
    subject = advanced(subject, decided(subject, observed))
    decision = decided(subject, observed, NOW + WAIT_FOR_ROOM * 10)
    assert decision.status.phase == "Starting"
    assert decision.wake is not None
