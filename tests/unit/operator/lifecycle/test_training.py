"""What may happen in any phase: a second look, deletion, the end."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.operator.making import after, decided, job, pod, running, seen, two_workers
from support.operator.moments import succeeded
from support.operator.phases import ENDED, LIVE, edit, reach
from unet_operator.lifecycle.phase import terminal


@pytest.mark.parametrize("phase", [*LIVE, *ENDED])
def test_a_phase_can_be_reached(phase):
    status = reach(phase).training.status
    assert status.phase == phase
    assert status.message


@pytest.mark.parametrize("phase", [*LIVE, *ENDED])
def test_a_second_look_says_and_does_nothing_new(phase):
    world = reach(phase)
    before = world.training.status
    told = list(world.told)
    world.wait(1)
    world.settle()
    assert world.training.status == before
    assert world.told == told


@pytest.mark.parametrize("phase", LIVE)
def test_a_live_training_is_looked_at_again_by_itself(phase):
    assert 0 < reach(phase).reconcile().wake <= 130


@pytest.mark.parametrize("phase", [*LIVE, *ENDED])
def test_a_training_that_is_being_deleted_is_left_to_the_garbage_collector(phase):
    world = reach(phase)
    going = world.training.meta.model_copy(update={"deletion_timestamp": "2026-03-01T12:00:00Z"})
    decision = decided(replace(world.training, meta=going), world.observed(), after(9e6))
    assert (decision.actions, decision.events, decision.wake) == ((), (), None)
    assert decision.status == world.training.status


def test_a_training_being_deleted_is_left_to_the_garbage_collector():
    subject = running()
    gone = subject.meta.model_copy(update={"deletion_timestamp": "2026-03-01T12:00:00Z"})
    decision = decided(type(subject)(gone, subject.spec, subject.status), seen())
    assert decision.actions == ()
    assert decision.status == subject.status


@pytest.mark.parametrize(
    "observed",
    [
        seen(),
        seen(*two_workers()),
        seen(job("launcher", failed="x")),
        seen(pod("worker", 1, 0, phase="Failed")),
        seen(claims={}),
    ],
)
def test_after_the_end_nothing_is_made_whatever_is_missing(observed):
    for decision in (decided(succeeded(), observed), decided(succeeded(), observed, after(9e6))):
        assert decision.status.phase == "Succeeded"
        assert not [a for a in decision.actions if type(a).__name__.startswith("Create")]
        assert decision.events == ()


@pytest.mark.parametrize("code", [0, 10])
def test_what_has_just_ended_is_looked_at_again_at_once_to_stop_what_still_runs(code):
    world = reach("Training", evaluation={"enabled": False})
    edit(world, evaluation={"enabled": False})
    world.end(world.live("launcher")[0], code, "launch")
    decision = world.reconcile()
    assert terminal(decision.status)
    assert decision.wake == 0
    world.settle()
    assert not world.live("worker")
