"""The time to live of an ended training."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.operator.making import after, decided, seen
from support.operator.moments import REST, succeeded
from support.operator.phases import ENDED, LIVE, moment, policy, reach
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
@pytest.mark.parametrize("ttl", [1, 60])
def test_after_its_time_to_live_the_training_itself_is_deleted(phase, ttl):
    life = reach(phase)
    policy(life, ttlSecondsAfterFinished=ttl)
    end = moment(life, "completionTime")
    life.cluster.clock.now = end + timedelta(seconds=ttl - 1)
    life.settle()
    assert not life.gone
    life.wait(1)
    assert life.gone


@pytest.mark.parametrize("phase", ENDED)
def test_no_time_to_live_at_all_deletes_it_at_its_end(phase):
    life = reach(phase)
    policy(life, ttlSecondsAfterFinished=0)
    life.settle()
    assert life.gone


@pytest.mark.parametrize("phase", LIVE)
def test_a_live_training_has_no_time_to_live(phase):
    life = reach(phase)
    policy(life, ttlSecondsAfterFinished=0)
    life.settle()
    assert not life.gone
