"""What may happen in any phase: a second look, deletion, the end."""

from __future__ import annotations

import pytest
from support.operator.making import (
    NAME,
    NAMESPACE,
    after,
    decided,
    job,
    pod,
    running,
    seen,
    two_workers,
)
from support.operator.moments import succeeded
from support.operator.phases import ENDED, EVERY_ROLE, LIVE, end_launcher, over, reach, writes


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


@pytest.mark.parametrize("phase", [*LIVE, *ENDED])
def test_a_phase_can_be_reached(phase):
    status = reach(phase).status
    assert status["phase"] == phase
    assert status["message"]


@pytest.mark.parametrize("phase", [*LIVE, *ENDED])
def test_a_second_look_says_and_does_nothing_new(phase):
    life = reach(phase)
    life.settle()
    before, told = life.status, life.events()
    life.wait(1)
    assert life.status == before
    assert life.events() == told


@pytest.mark.parametrize("phase", LIVE)
def test_a_live_training_is_looked_at_again_by_itself(phase):
    life = reach(phase)
    life.settle()
    assert 0 < life.wake <= 130


@pytest.mark.parametrize("phase", [*LIVE, *ENDED])
def test_a_training_that_is_being_deleted_is_left_to_the_garbage_collector(phase):
    life = reach(phase)
    life.cluster.others.hold("unettrainings", NAMESPACE, NAME)
    life.cluster.store.delete("unettrainings", NAMESPACE, NAME)
    before, asked = life.status, writes(life)
    life.cluster.clock.advance(9e6)
    assert life.look() is None
    assert writes(life) == asked
    assert life.status == before


@pytest.mark.parametrize("phase", [*LIVE, *ENDED])
def test_a_deleted_training_leaves_nothing_behind(phase):
    life = reach(phase)
    life.cluster.store.delete("unettrainings", NAMESPACE, NAME)
    for _ in range(4):
        life.look()
        life.cluster.advance(60)
    assert life.jobs() == {}
    assert list(life.find_pods(*EVERY_ROLE)) == []


@pytest.mark.parametrize("code", [0, 10])
def test_what_has_just_ended_is_looked_at_again_at_once_to_stop_what_still_runs(code):
    life = reach("Training", evaluation={"enabled": False})
    end_launcher(life, code)
    life.look()
    assert over(life)
    assert life.wake == 0
    life.settle()
    assert not life.live("worker")
