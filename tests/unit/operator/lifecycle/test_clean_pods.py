"""Which pods go at the end and which stay."""

from __future__ import annotations

import pytest
from support.operator.making import decided, job, launcher_done, pod, running, seen, two_workers
from support.operator.moments import REST, succeeded
from support.operator.phases import edit, reach
from unet_operator.lifecycle.actions import CreateEvaluate, DeleteJob, SuspendJob


def test_workers_stay_when_asked_to():
    subject = running(runPolicy={"cleanPodPolicy": "None"})
    decision = decided(subject, seen(*two_workers(), *launcher_done()))
    assert decision.actions == (CreateEvaluate(1),)


def test_after_the_end_what_still_runs_is_stopped():
    decision = decided(succeeded(), seen(job("worker"), pod("worker", 1, 0)))
    assert decision.actions == (SuspendJob("brain-worker-1", "uid-brain-worker-1"),)


def test_clean_all_deletes_every_job():
    decision = decided(succeeded(runPolicy={"cleanPodPolicy": "All"}), seen(*REST))
    assert {a.name for a in decision.actions} == {"brain-worker-1", "brain-launcher-1"}
    assert all(isinstance(a, DeleteJob) for a in decision.actions)


@pytest.mark.parametrize(
    ("policy", "phase", "actions"),
    [
        ("All", "Succeeded", {DeleteJob}),
        ("All", "Failed", {DeleteJob}),
        ("Running", "Failed", {SuspendJob, type(None)}),
        ("None", "Failed", {SuspendJob, type(None)}),
    ],
)
def test_what_is_cleaned_up_at_the_end(policy, phase, actions):
    world = reach(phase, runPolicy={"cleanPodPolicy": policy})
    edit(world, runPolicy={"cleanPodPolicy": policy})
    for _ in range(4):
        world.wait(60)
        for action in world.reconcile().actions:
            assert type(action) in actions
    assert not world.live("worker", "launcher")
    if policy == "All":
        assert world.jobs == {}


def test_kept_workers_are_kept_after_success_alone():
    policy = {"cleanPodPolicy": "None"}
    world = reach("Succeeded", runPolicy=policy)
    edit(world, runPolicy=policy)
    world.wait(600)
    world.settle()
    assert len(world.live("worker")) == 2
