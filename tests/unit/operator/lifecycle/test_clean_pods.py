"""Which pods go at the end and which stay."""

from __future__ import annotations

import pytest
from support.operator.making import decided, job, launcher_done, pod, running, seen, two_workers
from support.operator.moments import REST, succeeded
from support.operator.phases import passes, reach, writes
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
    ("clean", "phase", "verbs"),
    [
        ("All", "Succeeded", {"DELETE"}),
        ("All", "Failed", {"DELETE"}),
        ("Running", "Failed", {"PATCH"}),
        ("None", "Failed", {"PATCH"}),
    ],
)
def test_what_is_cleaned_up_at_the_end(clean, phase, verbs):
    life = reach(phase, runPolicy={"cleanPodPolicy": clean})
    ended = len(writes(life))
    passes(life, 4, 60)
    after = writes(life)[ended:]
    assert {method for method, plural in after if plural == "jobs"} <= verbs
    assert {plural for _, plural in after} <= {"jobs"}
    assert not life.live("worker", "launcher")
    if clean == "All":
        assert life.jobs() == {}


def test_kept_workers_are_kept_after_success_alone():
    life = reach("Succeeded", runPolicy={"cleanPodPolicy": "None"})
    life.wait(600)
    assert len(life.staying("worker")) == 2
