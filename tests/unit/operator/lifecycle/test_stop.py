"""In which order pods are stopped, and which are not waited for."""

from __future__ import annotations

from support.operator.making import after, decided, job, launcher_pod, pod, seen, two_workers
from support.operator.moments import ENDED_WORKERS, LAUNCHER_FAILED, SETTLED, restarting
from unet_operator.lifecycle.attempt_end import SETTLE


def test_the_launcher_is_stopped_before_the_workers():
    subject, _ = restarting()
    observed = seen(*two_workers(), job("launcher"), launcher_pod())
    decision = decided(subject, observed, SETTLED)
    assert [a.name for a in decision.actions] == ["brain-launcher-1"]


def test_pods_on_a_lost_node_are_not_waited_for():
    subject, due = restarting()
    lost = pod(
        "worker", 1, 0, disruption="DeletionByTaintManager", deleting_until=after(3600), ready=False
    )
    decision = decided(subject, seen(*ENDED_WORKERS, lost, LAUNCHER_FAILED), due)
    assert decision.status.attempt == 2


def test_a_pod_that_overstays_its_grace_is_not_waited_for():
    subject, due = restarting()
    stuck = pod("worker", 1, 0, deleting_until=due - SETTLE * 2)
    decision = decided(subject, seen(*ENDED_WORKERS, stuck, LAUNCHER_FAILED), due)
    assert decision.status.attempt == 2
