"""Suspension and what follows it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.operator.making import (
    advanced,
    after,
    decided,
    job,
    launcher_done,
    launcher_pod,
    running,
    seen,
    trained,
    training,
    two_workers,
)
from support.operator.moments import REST
from support.operator.phases import ENDED, EVERY_ROLE, LIVE, go_on, passes, policy, reach
from unet_operator.lifecycle.actions import CreateEvaluate, SuspendJob

SUSPEND = {"runPolicy": {"suspend": True}}


def test_suspended_from_the_start_it_makes_nothing():
    decision = decided(training(**SUSPEND), seen())
    assert decision.status.phase == "Suspended"
    assert decision.actions == ()


def suspended(observed):
    """A running training that was told to stop, and what is decided."""
    subject = replace(running(), spec=training(**SUSPEND).spec)
    return subject, decided(subject, observed, after(10))


def test_suspending_stops_the_launcher_first_and_waits():
    _, decision = suspended(seen(*two_workers(), job("launcher"), launcher_pod()))
    assert [a.name for a in decision.actions] == ["brain-launcher-1"]
    assert decision.status.phase == "Training"
    assert decision.wake is not None


def test_pods_whose_jobs_somebody_deleted_are_waited_for():
    _, first, _ = two_workers()
    leaving = replace(first, deleting_until=after(60))
    _, decision = suspended(seen(leaving))
    assert decision.status.phase != "Suspended"
    assert decision.wake is not None
    _, decision = suspended(seen(replace(leaving, phase="Failed")))
    assert decision.status.phase == "Suspended"


def test_then_the_workers_and_then_it_is_suspended():
    halted = job("launcher", suspended=True, active=0)
    _, decision = suspended(seen(*two_workers(), halted))
    assert [a.name for a in decision.actions] == ["brain-worker-1"]
    _, decision = suspended(seen(job("worker", suspended=True, active=0), halted))
    assert decision.status.phase == "Suspended"
    assert [e.reason for e in decision.events] == ["Suspended"]


def test_resuming_is_a_new_attempt_that_does_not_count():
    halted = seen(
        job("worker", suspended=True, active=0), job("launcher", suspended=True, active=0)
    )
    subject, decision = suspended(halted)
    subject = replace(advanced(subject, decision), spec=training().spec)
    decision = decided(subject, halted, after(500))
    assert decision.status.attempt == 2
    assert decision.status.failures == 0
    assert decision.status.phase == "Starting"
    assert decision.status.start_time == after(500)


def test_a_launcher_that_failed_while_being_suspended_does_not_count():
    halted = seen(
        job("worker", suspended=True, active=0),
        job("launcher", suspended=True, active=0, failed="exit code 143"),
    )
    subject, decision = suspended(halted)
    assert decision.status.phase == "Suspended"
    subject = replace(advanced(subject, decision), spec=training().spec)
    assert decided(subject, halted, after(500)).status.failures == 0


def test_suspended_and_resumed_before_anything_stopped_is_still_a_new_attempt():
    halted = seen(*two_workers(), job("launcher", suspended=True, active=0))
    decision = decided(running(), halted)
    assert decision.status.phase == "Restarting"
    assert decision.status.failures == 0


def test_training_that_ends_while_being_suspended_is_trained_and_goes_no_further():
    subject, decision = suspended(seen(*two_workers(), *launcher_done()))
    assert decision.status.holds("Trained")
    assert CreateEvaluate(1) not in decision.actions
    decision = decided(advanced(subject, decision), seen(*REST), after(20))
    assert decision.status.phase == "Suspended"


def test_an_evaluation_is_paused_and_goes_on():
    subject = replace(trained(), spec=training(**SUSPEND).spec)
    decision = decided(subject, seen(*REST, job("evaluate")))
    assert decision.actions == (SuspendJob("brain-evaluate-1", "uid-brain-evaluate-1"),)
    paused = seen(*REST, job("evaluate", suspended=True, active=0))
    subject = advanced(subject, decided(subject, paused))
    assert subject.status.phase == "Suspended"
    resumed = decided(replace(subject, spec=training().spec), paused)
    assert resumed.actions == (
        SuspendJob("brain-evaluate-1", "uid-brain-evaluate-1", suspend=False),
    )


@pytest.mark.parametrize("phase", LIVE)
def test_suspending_stops_every_pod_and_then_says_so(phase):
    life = reach(phase)
    policy(life, suspend=True)
    passes(life, 10, 15)
    assert life.status["phase"] == "Suspended"
    assert "workers" not in life.status
    assert not life.live(*EVERY_ROLE)
    assert "runPolicy.suspend" in life.status["message"]


@pytest.mark.parametrize("linger", [0, 100])
@pytest.mark.parametrize("seen_ended", [True, False], ids=["fails its Job", "just goes"])
@pytest.mark.parametrize("phase", LIVE)
def test_resuming_goes_on_to_the_end_and_counts_no_failure(phase, seen_ended, linger):
    life = reach(phase)
    life.hand.linger, life.hand.seen_ended = linger, seen_ended
    failures = life.status.get("failures", 0)
    policy(life, suspend=True)
    passes(life, 10, 15)
    created = life.created()
    life.wait(100_000)
    assert life.created() == created, "made something while suspended"
    life.restore_claims()
    policy(life)
    go_on(life)
    assert life.status["phase"] == "Succeeded"
    assert life.status.get("failures", 0) == failures


@pytest.mark.parametrize("phase", LIVE)
def test_suspended_and_resumed_at_once_it_still_ends_well(phase):
    life = reach(phase)
    policy(life, suspend=True)
    life.look()
    policy(life)
    life.restore_claims()
    go_on(life)
    assert life.status["phase"] == "Succeeded"


@pytest.mark.parametrize("phase", ENDED)
def test_what_has_ended_is_not_suspended(phase):
    life = reach(phase)
    policy(life, suspend=True)
    life.settle()
    assert life.status["phase"] == phase
