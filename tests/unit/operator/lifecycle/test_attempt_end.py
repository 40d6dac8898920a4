"""What ends an attempt: the cause that explains it best, and how long the other ranks may take."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.operator.making import (
    NOW,
    advanced,
    after,
    decided,
    ended,
    failed_launcher,
    job,
    launcher_pod,
    pod,
    running,
    seen,
    starting,
    two_workers,
)
from support.operator.moments import LAUNCHER_FAILED, SETTLED
from support.operator.phases import go_on, passes, reach, silence
from unet_operator.api.status import Plan, TrainingProgress
from unet_operator.lifecycle.attempt_end import LET_CHECKPOINT, LET_NOTICE, SETTLE


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


def lose_peer(subject, saved):
    """The training after ranks lost each other with a checkpoint of that epoch."""
    progress = TrainingProgress(epoch=saved + 1, checkpoint_epoch=saved)
    before = subject.status.model_copy(
        update={"training": progress, "next_attempt_time": None, "last_failure": None}
    )
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
    gone = pod("worker", 1, 1, phase="Failed", exits={"worker": ended(137, reason="OOMKilled")})
    observed = seen(job("worker"), pod("worker", 1, 0), gone, LAUNCHER_FAILED, failed_launcher(13))
    decision = decided(subject, observed, SETTLED)
    assert decision.status.reduced.batch_size == 2
    assert "worker 1 ran out of memory" in decision.status.message


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
            "rendezvous": ended(13, code=13, cause="worker 1 (w-1): name does not resolve"),
        },
    )
    decision = decided(starting(), seen(*two_workers(), LAUNCHER_FAILED, unmet), SETTLED)
    assert decision.status.reason("WorkersReady") == "WorkersUnreachable"
    assert "name does not resolve" in decision.status.message


@pytest.mark.parametrize("role", ["launcher", "worker"])
def test_a_node_that_stops_answering_ends_the_attempt_but_not_the_training(role):
    life = reach("Training")
    silence(life, role)
    life.settle()
    passes(life, 8, 30)
    assert life.status["attempt"] == 2
    assert life.status.get("failures", 0) == 0
    told = " ".join(c["message"] for c in life.status["conditions"])
    assert "stopped answering" in told or life.status["phase"] in ("Starting", "Training")
    go_on(life)
    assert life.status["phase"] == "Succeeded"


def test_a_silent_launcher_is_told_with_its_cause():
    life = reach("Training")
    silence(life, "launcher")
    life.settle()
    assert life.status["phase"] == "Restarting"
    assert life.condition("WorkersReady")["reason"] == "LauncherEvicted"
    assert "the launcher was on a node that stopped answering" in life.status["message"]
    assert "AttemptFailed" in life.events()
