"""The deadline."""

from __future__ import annotations

import pytest
from support.operator.making import (
    advanced,
    after,
    decided,
    job,
    launcher_pod,
    running,
    seen,
    two_workers,
)
from support.operator.phases import edit, go_on, reach
from unet_operator.lifecycle.actions import SuspendJob
from unet_operator.lifecycle.phase import terminal


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
    world = reach(phase, runPolicy={"activeDeadlineSeconds": 7200})
    world.now = world.training.status.start_time
    world.now += after(7199) - after(0)
    world.settle()
    last = world.training.status.phase
    assert not terminal(world.training.status)
    world.wait(1)
    world.settle()
    status = world.training.status
    assert (status.phase, status.reason("Failed")) == ("Failed", "DeadlineExceeded")
    assert "runPolicy.activeDeadlineSeconds (7200 s)" in status.message
    assert status.message.startswith(f"still {last} after ")
    assert status.workers is None
    for _ in range(4):
        world.wait(60)
        world.settle()
    assert not world.live("worker", "launcher", "stage", "evaluate", "report")


def test_before_it_is_accepted_no_deadline_runs():
    world = reach("Pending", runPolicy={"activeDeadlineSeconds": 1})
    world.wait(3600)
    world.settle()
    assert world.training.status.phase == "Pending"


def test_while_suspended_no_deadline_runs_and_resuming_starts_it_anew():
    policy = {"activeDeadlineSeconds": 500}
    world = reach("Training", runPolicy=policy)
    edit(world, runPolicy={**policy, "suspend": True})
    for _ in range(4):
        world.settle()
        world.wait(15)
    world.wait(5000)
    world.settle()
    assert world.training.status.phase == "Suspended"
    edit(world, runPolicy=policy)
    world.settle()
    assert world.training.status.start_time == world.now
    go_on(world)
    assert world.training.status.phase == "Succeeded"
