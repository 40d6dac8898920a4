"""What ends an attempt, what the next one is like, and when there is none."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.operator.making import (
    NOW,
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
    two_workers,
)
from unet_operator.api.status import Plan, TrainingProgress
from unet_operator.failure.backoff import delay_after
from unet_operator.failure.no_room import WAIT_FOR_ROOM
from unet_operator.lifecycle.actions import CreateWorkers, SuspendJob
from unet_operator.lifecycle.attempt_end import LET_CHECKPOINT, LET_NOTICE, SETTLE

LAUNCHER_FAILED = job("launcher", failed="pod failed", active=0)
SETTLED = after(SETTLE.total_seconds() + 1)
ENDED_WORKERS = (job("worker", suspended=True, active=0),)


def failing(code: int, **said: object):
    """A running training whose launcher ended with that code, and what is decided."""
    subject = running()
    observed = seen(*two_workers(), LAUNCHER_FAILED, failed_launcher(code, **said))
    return subject, decided(subject, observed, SETTLED)


@pytest.mark.parametrize(
    ("code", "reason"), [(2, "UsageError"), (10, "BadData"), (11, "NotANumber"), (12, "DiskFull")]
)
def test_codes_that_trying_again_cannot_mend_are_final(code, reason):
    _, decision = failing(code, cause="the cause", where="the place", remedy="the remedy")
    assert decision.status.phase == "Failed"
    assert decision.status.reason("Failed") == reason
    assert decision.status.message == "the place: the cause; the remedy"
    assert decision.status.completion_time == SETTLED


@pytest.mark.parametrize("code", [2, 10, 11, 12])
def test_a_final_code_without_words_still_says_what_to_do(code):
    _, decision = failing(code)
    assert ";" in decision.status.message
    assert len(decision.status.message.split(";")[1]) > 10


def test_bad_data_takes_back_that_the_data_is_ready():
    _, decision = failing(10, cause="no label for case 7")
    assert decision.status.condition("DataReady").status == "False"


@pytest.mark.parametrize(
    ("code", "failures"),
    [(1, 1), (13, 0), (134, 1), (143, 0), (255, 1)],
)
def test_other_codes_are_followed_by_another_attempt_and_count_if_the_training_is_at_fault(
    code, failures
):
    _, decision = failing(code, cause="rank 1 is gone")
    assert decision.status.phase == "Restarting"
    assert decision.status.failures == failures
    assert decision.status.next_attempt_time > SETTLED
    assert [e.reason for e in decision.events] == ["AttemptFailed"]


def test_an_unexplained_end_waits_for_news_of_the_worker_behind_it():
    observed = seen(*two_workers(), LAUNCHER_FAILED, failed_launcher(13))
    decision = decided(running(), observed, after(1))
    assert decision.status.phase == "Training"
    assert 0 < decision.wake <= SETTLE.total_seconds()


def test_a_code_that_names_the_fault_does_not_wait():
    observed = seen(*two_workers(), LAUNCHER_FAILED, failed_launcher(10))
    assert decided(running(), observed, after(1)).status.phase == "Failed"


def test_the_limit_of_failures_is_the_end():
    subject = running(runPolicy={"backoffLimit": 0})
    observed = seen(*two_workers(), LAUNCHER_FAILED, failed_launcher(1, cause="crash"))
    decision = decided(subject, observed, SETTLED)
    assert decision.status.reason("Failed") == "BackoffLimitExceeded"
    assert "crash" in decision.status.message
    assert "kubectl logs job/brain-launcher-1" in decision.status.message


def test_the_message_tells_where_training_was_and_where_it_resumes():
    subject = running()
    progress = TrainingProgress(epoch=7, epochs=40, checkpoint_epoch=6)
    status = subject.status.model_copy(update={"training": progress})
    observed = seen(*two_workers(), LAUNCHER_FAILED, failed_launcher(255, cause="rank 1: killed"))
    decision = decided(replace(subject, status=status), observed, SETTLED)
    assert decision.status.message == ("rank 1: killed at epoch 7; attempt 2 resumes from epoch 6")


def lose_peer(subject, saved):
    """The training after ranks lost each other with a checkpoint of that epoch."""
    progress = TrainingProgress(epoch=saved + 1, checkpoint_epoch=saved)
    before = subject.status.model_copy(update={"training": progress, "next_attempt_time": None})
    observed = seen(*two_workers(), LAUNCHER_FAILED, failed_launcher(13))
    return replace(
        subject, status=decided(replace(subject, status=before), observed, SETTLED).status
    )


def test_lost_peers_are_free_as_long_as_training_advances_between_them():
    subject = running(runPolicy={"backoffLimit": 0})
    for saved in (0, 1, 5):
        subject = lose_peer(subject, saved)
    assert subject.status.failures == 0


def test_peers_lost_again_and_again_without_a_later_checkpoint_are_failures():
    subject = running(runPolicy={"backoffLimit": 1})
    failures = []
    for _ in range(3):
        subject = lose_peer(subject, 4)
        failures.append(subject.status.failures)
    assert failures == [0, 1, 2]
    assert subject.status.reason("Failed") == "BackoffLimitExceeded"


def test_out_of_memory_halves_the_batch_first_and_is_not_counted():
    subject = running()
    plan = Plan(patch_size="128,128,128", batch_size=2)
    subject = replace(subject, status=subject.status.model_copy(update={"plan": plan}))
    observed = seen(*two_workers(), LAUNCHER_FAILED, failed_launcher(14, rank=2))
    decision = decided(subject, observed, SETTLED)
    assert decision.status.reduced.batch_size == 1
    assert decision.status.reduced.patch_size is None
    assert decision.status.failures == 0
    assert decision.status.message.endswith("attempt 2 starts with batch 1")


def test_then_it_halves_the_patch_then_it_fails_with_the_remedy():
    plan = Plan(patch_size="128,128,96", batch_size=1)
    subject = running()
    subject = replace(subject, status=subject.status.model_copy(update={"plan": plan}))
    observed = seen(*two_workers(), LAUNCHER_FAILED, failed_launcher(14))
    second = decided(subject, observed, SETTLED)
    assert second.status.reduced.patch_size == "64,64,48"
    status = second.status.model_copy(
        update={"next_attempt_time": None, "plan": Plan(patch_size="64,64,48", batch_size=1)}
    )
    third = decided(replace(subject, status=status), observed, SETTLED)
    assert third.status.reason("Failed") == "OutOfMemory"
    assert "workers.resources.limits.memory" in third.status.message


def test_a_worker_killed_for_memory_counts_as_out_of_memory():
    plan = Plan(patch_size="128,128,128", batch_size=4)
    subject = running()
    subject = replace(subject, status=subject.status.model_copy(update={"plan": plan}))
    gone = pod("worker", 1, 1, phase="Failed", exits={"worker": _exit(137, "OOMKilled")})
    observed = seen(job("worker"), pod("worker", 1, 0), gone, LAUNCHER_FAILED, failed_launcher(13))
    decision = decided(subject, observed, SETTLED)
    assert decision.status.reduced.batch_size == 2
    assert "worker 1 ran out of memory" in decision.status.message


def _exit(code, reason):
    from support.operator.making import ended

    return ended(code, reason=reason)


@pytest.mark.parametrize(
    ("disruption", "reason"),
    [
        ("PreemptionByScheduler", "WorkerPreempted"),
        ("EvictionByEvictionAPI", "WorkerEvicted"),
        ("TerminationByKubelet", "WorkerEvicted"),
        ("DeletionByTaintManager", "NodeLost"),
        ("DeletionByPodGC", "NodeLost"),
    ],
)
def test_disruptions_are_named_and_do_not_count(disruption, reason):
    silent = reason == "NodeLost"
    lost = pod("worker", 1, 1, disruption=disruption, deleting_until=after(120), ready=not silent)
    observed = seen(job("worker"), pod("worker", 1, 0), lost, LAUNCHER_FAILED, failed_launcher(143))
    decision = decided(running(), observed)
    assert decision.status.reason("WorkersReady") == reason
    assert decision.status.failures == 0
    assert decision.status.phase == "Restarting"


def test_a_deleted_worker_is_recorded_before_it_vanishes():
    going = pod("worker", 1, 0, deleting_until=after(120))
    observed = seen(job("worker"), going, pod("worker", 1, 1), job("launcher"), launcher_pod())
    decision = decided(running(), observed)
    assert decision.status.reason("WorkersReady") == "WorkerDeleted"
    assert "worker 0 was deleted" in decision.status.message
    assert decision.status.next_attempt_time is None


def test_the_recorded_cause_outlives_its_pod():
    going = pod("worker", 1, 0, deleting_until=after(120))
    observed = seen(job("worker"), going, pod("worker", 1, 1), job("launcher"), launcher_pod())
    subject = running()
    subject = advanced(subject, decided(subject, observed))
    later = seen(job("worker"), pod("worker", 1, 1), LAUNCHER_FAILED, failed_launcher(13))
    decision = decided(subject, later, after(40))
    assert decision.status.phase == "Restarting"
    assert decision.status.reason("WorkersReady") == "WorkerDeleted"
    assert decision.status.failures == 0


@pytest.mark.parametrize(
    ("fields", "patience"),
    [
        ({"deleting_until": after(120)}, LET_CHECKPOINT),
        ({"disruption": "DeletionByTaintManager", "ready": False}, LET_NOTICE),
        ({"phase": "Failed"}, LET_NOTICE),
    ],
)
def test_a_launcher_that_does_not_notice_is_ended_after_a_while(fields, patience):
    observed = seen(
        job("worker"),
        pod("worker", 1, 0, **fields),
        pod("worker", 1, 1),
        job("launcher"),
        launcher_pod(),
    )
    subject = running()
    subject = advanced(subject, decided(subject, observed))
    soon = decided(subject, observed, NOW + patience / 2)
    assert soon.status.next_attempt_time is None
    late = decided(subject, observed, NOW + patience)
    assert late.status.next_attempt_time is not None


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


def test_an_evicted_launcher_does_not_count():
    evicted = launcher_pod(phase="Failed", disruption="EvictionByEvictionAPI", running=frozenset())
    decision = decided(running(), seen(*two_workers(), LAUNCHER_FAILED, evicted), SETTLED)
    assert decision.status.failures == 0
    assert "evicted" in decision.status.message


def test_rendezvous_that_meets_nobody_is_named():
    unmet = launcher_pod(
        phase="Failed",
        running=frozenset(),
        exits={
            "rendezvous": _said(13, "worker 1 (w-1): name does not resolve"),
        },
    )
    decision = decided(starting(), seen(*two_workers(), LAUNCHER_FAILED, unmet), SETTLED)
    assert decision.status.reason("WorkersReady") == "WorkersUnreachable"
    assert "name does not resolve" in decision.status.message


def _said(code, cause):
    from support.operator.making import ended

    return ended(code, code=code, cause=cause)


def restarting():
    """A training between two attempts, and the moment the next one is due."""
    subject = running()
    observed = seen(*two_workers(), LAUNCHER_FAILED, failed_launcher(1))
    subject = advanced(subject, decided(subject, observed, SETTLED))
    return subject, subject.status.next_attempt_time


def test_between_attempts_the_old_workers_are_released():
    subject, _ = restarting()
    observed = seen(*two_workers(), LAUNCHER_FAILED, failed_launcher(1))
    decision = decided(subject, observed, SETTLED)
    assert decision.actions == (SuspendJob("brain-worker-1", "uid-brain-worker-1"),)


def test_the_launcher_is_stopped_before_the_workers():
    subject, _ = restarting()
    observed = seen(*two_workers(), job("launcher"), launcher_pod())
    decision = decided(subject, observed, SETTLED)
    assert [a.name for a in decision.actions] == ["brain-launcher-1"]


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


def test_pods_on_a_lost_node_are_not_waited_for():
    subject, due = restarting()
    lost = pod(
        "worker", 1, 0, disruption="DeletionByTaintManager", deleting_until=after(3600), ready=False
    )
    decision = decided(subject, seen(*ENDED_WORKERS, lost, LAUNCHER_FAILED), due)
    assert decision.status.attempt == 2


def test_a_pod_that_overstays_its_grace_is_not_waited_for():
    subject, due = restarting()
    stuck = pod("worker", 1, 0, deleting_until=due - SETTLE * 2)
    decision = decided(subject, seen(*ENDED_WORKERS, stuck, LAUNCHER_FAILED), due)
    assert decision.status.attempt == 2


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


def unschedulable(index: int):
    """A worker that finds no node."""
    return pod(
        "worker",
        1,
        index,
        phase="Pending",
        scheduled=False,
        ready=False,
        unschedulable="0/3 nodes are available: 3 Insufficient cpu.",
    )


def test_a_worker_without_a_node_is_told_once_with_the_remedy():
    observed = seen(job("worker"), pod("worker", 1, 0), unschedulable(1))
    subject = starting()
    first = decided(subject, observed)
    again = decided(advanced(subject, first), observed, after(15))
    assert first.status.reason("WorkersReady") == "Unschedulable"
    assert "Insufficient cpu" in first.status.message
    assert "workers.minReplicas" in first.status.message
    assert [e.reason for e in first.events] == ["Unschedulable"]
    assert again.events == ()
    assert again.status.phase == "Starting"


@pytest.mark.parametrize(("placed", "fit"), [(0, 1), (1, 1), (2, 2)])
def test_for_want_of_room_the_next_attempt_is_smaller(placed, fit):
    change = {"workers": {"replicas": 3, "minReplicas": 1}}
    pods = [pod("worker", 1, i) if i < placed else unschedulable(i) for i in range(3)]
    observed = seen(job("worker", completions=3), *pods)
    subject = starting(**change)
    subject = advanced(subject, decided(subject, observed))
    early = decided(subject, observed, NOW + WAIT_FOR_ROOM / 2)
    assert early.status.phase == "Starting"
    decision = decided(subject, observed, NOW + WAIT_FOR_ROOM)
    assert decision.status.phase == "Restarting"
    assert decision.status.failures == 0
    subject = advanced(subject, decision)
    gone = seen(job("worker", completions=3, suspended=True, active=0))
    due = subject.status.next_attempt_time
    assert decided(subject, gone, due).status.replicas == fit


def test_without_a_smaller_size_it_waits_for_room():
    observed = seen(job("worker"), unschedulable(0), unschedulable(1))
    subject = starting()
    subject = advanced(subject, decided(subject, observed))
    decision = decided(subject, observed, NOW + WAIT_FOR_ROOM * 10)
    assert decision.status.phase == "Starting"
    assert decision.wake is not None


def test_the_wait_doubles_up_to_five_minutes():
    waits = [delay_after(attempt) for attempt in range(1, 12)]
    assert waits[:4] == [5, 10, 20, 40]
    assert waits == sorted(waits)
    assert waits[-1] == 300
