"""Suspension and what follows it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.operator.making import (
    advanced,
    after,
    claims,
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
from support.operator.phases import ENDED, LIVE, edit, go_on, reach
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
    world = reach(phase)
    edit(world, runPolicy={"suspend": True})
    for _ in range(10):
        world.settle()
        world.wait(15)
    assert world.training.status.phase == "Suspended"
    assert world.training.status.workers is None
    assert not world.live("worker", "launcher", "stage", "evaluate", "report")
    assert "runPolicy.suspend" in world.training.status.message


@pytest.mark.parametrize("phase", LIVE)
def test_resuming_goes_on_to_the_end_and_counts_no_failure(phase):
    world = reach(phase)
    failures = world.training.status.failures
    edit(world, runPolicy={"suspend": True})
    for _ in range(10):
        world.settle()
        world.wait(15)
    created = list(world.created)
    world.wait(100_000)
    world.settle()
    assert world.created == created, "made something while suspended"
    world.claims = claims()
    edit(world)
    go_on(world)
    assert world.training.status.phase == "Succeeded"
    assert world.training.status.failures == failures


@pytest.mark.parametrize("phase", LIVE)
def test_suspended_and_resumed_at_once_it_still_ends_well(phase):
    world = reach(phase)
    edit(world, runPolicy={"suspend": True})
    world.reconcile()
    edit(world)
    world.claims = claims()
    go_on(world)
    assert world.training.status.phase == "Succeeded"


@pytest.mark.parametrize("phase", ENDED)
def test_what_has_ended_is_not_suspended(phase):
    world = reach(phase)
    edit(world, runPolicy={"suspend": True})
    world.settle()
    assert world.training.status.phase == phase
