"""The time to live of an ended training."""

from __future__ import annotations

import pytest
from support.operator.making import after, decided, seen
from support.operator.moments import REST, succeeded
from support.operator.phases import ENDED, LIVE, edit, reach
from unet_operator.lifecycle.actions import DeleteTraining


def test_the_time_to_live_deletes_the_training_itself():
    subject = succeeded(runPolicy={"ttlSecondsAfterFinished": 60})
    early = decided(subject, seen(*REST), after(30))
    assert DeleteTraining() not in early.actions
    assert early.wake == pytest.approx(30, abs=0.1)
    assert DeleteTraining() in decided(subject, seen(*REST), after(60)).actions


def test_without_a_time_to_live_it_stays():
    decision = decided(succeeded(), seen(*REST), after(1e8))
    assert decision.actions == ()
    assert decision.wake is None


@pytest.mark.parametrize("phase", ENDED)
@pytest.mark.parametrize("ttl", [0, 60])
def test_after_its_time_to_live_the_training_itself_is_deleted(phase, ttl):
    world = reach(phase, runPolicy={"ttlSecondsAfterFinished": ttl})
    end = world.training.status.completion_time
    edit(world, runPolicy={"ttlSecondsAfterFinished": ttl})
    before = decided(world.training, world.observed(), end + (after(ttl) - after(1)))
    assert (DeleteTraining() in before.actions) is False
    then = decided(world.training, world.observed(), end + (after(ttl) - after(0)))
    assert DeleteTraining() in then.actions


@pytest.mark.parametrize("phase", LIVE)
def test_a_live_training_has_no_time_to_live(phase):
    world = reach(phase)
    edit(world, runPolicy={"ttlSecondsAfterFinished": 0})
    world.settle()
    assert not world.deleted
