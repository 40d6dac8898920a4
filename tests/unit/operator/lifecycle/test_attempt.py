"""One attempt after another: what is written first, what is waited for, what is never made anew."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.operator.making import (
    advanced,
    after,
    decided,
    failed_launcher,
    job,
    launcher_done,
    launcher_pod,
    pod,
    running,
    seen,
    starting,
    training,
    two_workers,
)
from support.operator.moments import ENDED_WORKERS, LAUNCHER_FAILED, SETTLED, restarting
from unet_operator.lifecycle.actions import CreateWorkers, SuspendJob


def test_the_attempt_is_written_before_any_child_of_it_is_made():
    decision = decided(training(), seen())
    assert decision.status.attempt == 1
    assert decision.status.phase == "Starting"
    assert decision.actions == ()
    assert decision.wake == 0


def test_children_follow_once_the_attempt_is_written():
    decision = decided(starting(), seen())
    assert decision.actions == (CreateWorkers(attempt=1, replicas=2, gang=False),)


@pytest.mark.parametrize(
    ("available", "policy", "gang"),
    [(True, "auto", True), (False, "auto", False), (True, "none", False)],
)
def test_a_gang_is_used_where_offered_and_wanted(available, policy, gang):
    subject = training(runPolicy={"gang": policy})
    observed = seen(gang_available=available)
    subject = advanced(subject, decided(subject, observed))
    assert decided(subject, observed).actions == (CreateWorkers(1, 2, gang),)
    assert subject.status.gang == ("PodGroup" if gang else "none")


def test_the_size_of_an_attempt_is_fixed_when_it_begins():
    changed = starting()
    changed = advanced(training(workers={"replicas": 5}, generation=2), decided(changed, seen()))
    assert decided(changed, seen()).actions == (CreateWorkers(1, 2, False),)


def test_a_success_that_crosses_a_lost_worker_is_a_success():
    lost = pod("worker", 1, 1, phase="Failed")
    observed = seen(job("worker", failed="x"), pod("worker", 1, 0), lost, *launcher_done())
    assert decided(running(), observed).status.holds("Trained")


def test_a_launcher_pod_that_is_done_before_its_job_says_so_is_not_a_loss():
    done = launcher_done()[1]
    lost = pod("worker", 1, 1, deleting_until=after(120))
    observed = seen(job("worker"), pod("worker", 1, 0), lost, job("launcher"), done)
    assert decided(running(), observed).status.next_attempt_time is None


@pytest.mark.parametrize("missing", ["worker", "launcher"])
def test_a_deleted_job_ends_the_attempt_and_is_not_made_anew(missing):
    things = [*two_workers(), job("launcher"), launcher_pod()]
    observed = seen(*(t for t in things if t.role != missing))
    decision = decided(running(), observed)
    assert decision.status.phase == "Restarting"
    assert decision.actions == ()


def test_between_attempts_the_old_workers_are_released():
    subject, _ = restarting()
    observed = seen(*two_workers(), LAUNCHER_FAILED, failed_launcher(1))
    decision = decided(subject, observed, SETTLED)
    assert decision.actions == (SuspendJob("brain-worker-1", "uid-brain-worker-1"),)


def test_the_next_attempt_waits_for_the_old_pods():
    subject, due = restarting()
    observed = seen(*ENDED_WORKERS, pod("worker", 1, 0, deleting_until=due), LAUNCHER_FAILED)
    decision = decided(subject, observed, due)
    assert decision.status.attempt == 1
    assert decision.wake is not None


def test_the_next_attempt_waits_for_its_time():
    subject, due = restarting()
    observed = seen(*ENDED_WORKERS, LAUNCHER_FAILED)
    decision = decided(subject, observed, SETTLED)
    assert decision.status.attempt == 1
    assert decision.wake == pytest.approx((due - SETTLED).total_seconds(), abs=0.1)


def test_then_its_number_is_written_and_its_children_follow():
    subject, due = restarting()
    observed = seen(*ENDED_WORKERS, LAUNCHER_FAILED, failed_launcher(1))
    decision = decided(subject, observed, due)
    assert decision.status.attempt == 2
    assert decision.status.next_attempt_time is None
    assert decision.actions == ()
    subject = advanced(subject, decision)
    assert decided(subject, observed, due).actions == (CreateWorkers(2, 2, False),)
    assert subject.status.logs.launcher == "job/brain-launcher-2"


def test_a_new_attempt_takes_the_spec_as_it_is_now():
    subject, due = restarting()
    bigger = starting(workers={"replicas": 5})
    subject = replace(subject, spec=bigger.spec)
    decision = decided(subject, seen(*ENDED_WORKERS, LAUNCHER_FAILED), due)
    assert decision.status.replicas == 5


def test_late_news_of_an_older_attempt_changes_nothing():
    subject, due = restarting()
    observed = seen(*ENDED_WORKERS, LAUNCHER_FAILED, failed_launcher(1))
    subject = advanced(subject, decided(subject, observed, due))
    late = seen(
        *ENDED_WORKERS,
        LAUNCHER_FAILED,
        failed_launcher(1),
        *two_workers(2),
        job("launcher", 2),
        launcher_pod(2),
    )
    decision = decided(subject, late, due)
    assert decision.status.phase == "Training"
    assert decision.status.failures == 1


def test_a_resync_of_a_running_training_writes_and_tells_nothing():
    observed = seen(*two_workers(), job("launcher"), launcher_pod())
    first = decided(running(), observed, after(30))
    again = decided(advanced(running(), first), observed, after(60))
    assert again.status == first.status
    assert first.events == again.events == ()
    assert first.actions == again.actions == ()
