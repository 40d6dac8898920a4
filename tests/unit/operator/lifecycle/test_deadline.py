"""The deadline."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.operator.making import (
    NOW,
    advanced,
    after,
    decided,
    job,
    launcher_pod,
    running,
    seen,
    two_workers,
)
from support.operator.phases import EVERY_ROLE, go_on, moment, over, passes, policy, reach
from unet_operator.api.spec.run_policy import RunPolicy
from unet_operator.api.status import Status
from unet_operator.lifecycle.actions import SuspendJob
from unet_operator.lifecycle.deadline import deadline_exceeded
from unet_operator.lifecycle.draft import Draft
from unet_operator.lifecycle.ttl import delete_after_time_to_live


def test_the_deadline_fails_the_training_and_stops_it():
    subject = running(runPolicy={"activeDeadlineSeconds": 100})
    observed = seen(*two_workers(), job("launcher"), launcher_pod())
    early = decided(subject, observed, after(99))
    assert early.status.phase == "Training"
    assert early.wake <= 15
    late = decided(subject, observed, after(100))
    assert late.status.reason("Failed") == "DeadlineExceeded"
    stop = decided(advanced(subject, late), observed, after(101))
    assert stop.actions == (SuspendJob("brain-launcher-1", "uid-brain-launcher-1"),)


@pytest.mark.parametrize("phase", ["Staging", "Starting", "Training", "Restarting", "Evaluating"])
def test_the_deadline_ends_it_and_stops_every_pod(phase):
    life = reach(phase, runPolicy={"activeDeadlineSeconds": 7200})
    life.cluster.clock.now = moment(life, "startTime") + timedelta(seconds=7199)
    life.settle()
    last = life.status["phase"]
    assert not over(life)
    life.wait(1)
    assert life.status["phase"] == "Failed"
    assert life.condition("Failed")["reason"] == "DeadlineExceeded"
    assert "runPolicy.activeDeadlineSeconds (7200 s)" in life.status["message"]
    assert life.status["message"].startswith(f"still {last} after ")
    assert "workers" not in life.status
    passes(life, 4, 60)
    assert not life.live(*EVERY_ROLE)


def test_before_it_is_accepted_no_deadline_runs():
    life = reach("Pending", runPolicy={"activeDeadlineSeconds": 1})
    life.wait(3600)
    assert life.status["phase"] == "Pending"


def test_while_suspended_no_deadline_runs_and_resuming_starts_it_anew():
    life = reach("Training", runPolicy={"activeDeadlineSeconds": 500})
    policy(life, activeDeadlineSeconds=500, suspend=True)
    passes(life, 4, 15)
    life.wait(5000)
    assert life.status["phase"] == "Suspended"
    policy(life, activeDeadlineSeconds=500)
    life.settle()
    assert moment(life, "startTime") == life.now
    go_on(life)
    assert life.status["phase"] == "Succeeded"


def test_a_deadline_beyond_all_dates_that_is_stored_is_lived_with():
    """Older definitions had no bound; the sum was an error at every look."""
    stored = RunPolicy(active_deadline_seconds=10**12, ttl_seconds_after_finished=10**12)
    draft = Draft(Status(start_time=NOW, completion_time=NOW), 1, NOW)
    assert not deadline_exceeded(draft, stored)
    delete_after_time_to_live(draft, stored)
    assert draft.finish().actions == ()
