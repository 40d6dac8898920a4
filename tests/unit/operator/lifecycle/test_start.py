"""From apply to training: acceptance, staging, the first attempt."""

from __future__ import annotations

import pytest
from support.operator.making import (
    NAME,
    NOW,
    advanced,
    after,
    claims,
    decided,
    ended,
    job,
    launcher_pod,
    pod,
    running,
    seen,
    starting,
    training,
    two_workers,
)
from unet_operator.lifecycle.actions import (
    CreateLauncher,
    CreateOutputClaim,
    CreateStage,
    CreateWorkers,
)
from unet_operator.observe.objects import Claim

SOURCE = {
    "task": "Task04_Hippocampus",
    "volume": {"claimName": "msd"},
    "source": {"https": {"url": "https://example.org/t.tar", "sha256": "a" * 64}},
}


def test_the_attempt_is_written_before_any_child_of_it_is_made():
    decision = decided(training(), seen())
    assert decision.status.attempt == 1
    assert decision.status.phase == "Starting"
    assert decision.actions == ()
    assert decision.wake == 0


def test_children_follow_once_the_attempt_is_written():
    decision = decided(starting(), seen())
    assert decision.actions == (CreateWorkers(attempt=1, replicas=2, gang=False),)


def test_acceptance_names_the_launcher_log_from_the_start():
    assert starting().status.logs.launcher == f"job/{NAME}-launcher-1"


def test_start_time_is_when_it_was_accepted():
    assert starting().status.start_time == NOW


def test_a_missing_claim_is_named_with_its_field_and_nothing_is_made():
    observed = seen(claims={**claims(), "msd": Claim("msd", exists=False)})
    decision = decided(training(), observed)
    accepted = decision.status.condition("Accepted")
    assert decision.actions == ()
    assert decision.status.phase == "Pending"
    assert (accepted.status, accepted.reason) == ("False", "ClaimNotFound")
    assert "spec.dataset.volume.claimName" in accepted.message
    assert "PersistentVolumeClaim msd" in decision.status.message
    assert decision.wake > 0
    assert [e.reason for e in decision.events] == ["ClaimNotFound"]


def test_the_same_refusal_is_told_once():
    observed = seen(claims={**claims(), "msd": Claim("msd", exists=False)})
    first = decided(training(), observed)
    second = decided(advanced(training(), first), observed, after(15))
    assert second.events == ()
    assert second.status == first.status


def test_a_claim_that_appears_lets_the_training_start():
    refused = decided(training(), seen(claims={}))
    decision = decided(advanced(training(), refused), seen(), after(15))
    assert decision.status.attempt == 1
    assert decision.status.holds("Accepted")


def test_several_workers_need_a_shared_claim():
    decision = decided(training(), seen(claims=claims("ReadWriteOnce")))
    assert decision.status.reason("Accepted") == "ClaimNotShareable"
    assert "CFS" in decision.status.message


def test_one_worker_may_use_a_claim_of_one_node():
    decision = decided(training(workers={"replicas": 1}), seen(claims=claims("ReadWriteOnce")))
    assert decision.status.attempt == 1


def test_without_any_image_the_message_says_where_to_set_one():
    decision = decided(training(), seen(), has_image=False)
    assert decision.status.reason("Accepted") == "NoImage"
    assert "training.image" in decision.status.message


def test_a_claim_template_is_made_before_the_workers():
    output = {"claimName": None, "volumeClaimTemplate": {"size": "1Gi"}}
    decision = decided(training(output=output), seen(claims={"msd": claims()["msd"]}))
    assert decision.actions == (CreateOutputClaim(),)


def test_a_claim_template_is_not_made_twice():
    output = {"claimName": None, "volumeClaimTemplate": {"size": "1Gi"}}
    there = {
        **claims(),
        f"{NAME}-output": Claim(f"{NAME}-output", True, ("ReadWriteMany",), training=NAME),
    }
    assert decided(training(output=output), seen(claims=there)).actions == ()


def test_a_source_is_staged_before_the_first_attempt():
    decision = decided(training(dataset=SOURCE), seen())
    assert decision.actions == (CreateStage(),)
    assert decision.status.phase == "Staging"
    assert decision.status.attempt == 0


def test_staging_done_starts_the_attempt():
    subject = training(dataset=SOURCE)
    subject = advanced(subject, decided(subject, seen()))
    decision = decided(subject, seen(job("stage", 0, complete=True)))
    assert decision.status.holds("DataReady")
    assert decision.status.attempt == 1


def test_staging_that_fails_ends_the_training_with_the_pod_s_own_words():
    subject = training(dataset=SOURCE)
    subject = advanced(subject, decided(subject, seen()))
    bad = pod(
        "stage",
        0,
        phase="Failed",
        exits={
            "stage": ended(
                10, code=10, cause="wrong digest", where="t.tar", remedy="correct sha256"
            )
        },
    )
    decision = decided(subject, seen(job("stage", 0, failed="PodFailurePolicy"), bad))
    assert decision.status.phase == "Failed"
    assert decision.status.reason("Failed") == "StagingFailed"
    assert "wrong digest; correct sha256" in decision.status.message


def test_a_staging_image_that_cannot_be_pulled_is_told():
    subject = training(dataset=SOURCE)
    subject = advanced(subject, decided(subject, seen()))
    stuck = pod("stage", 0, phase="Pending", waiting=("ErrImagePull", "no such image"))
    decision = decided(subject, seen(job("stage", 0), stuck))
    assert decision.status.phase == "Staging"
    assert decision.status.reason("DataReady") == "ImagePullFailed"


def test_the_launcher_waits_until_every_worker_has_a_node():
    waiting = pod("worker", 1, 1, phase="Pending", scheduled=False, ready=False)
    decision = decided(starting(), seen(job("worker"), pod("worker", 1, 0), waiting))
    assert decision.actions == ()
    assert decision.status.workers == "1/2"


def test_the_launcher_starts_when_every_worker_has_a_node_though_none_is_ready():
    pods = [pod("worker", 1, i, phase="Pending", ready=False) for i in (0, 1)]
    decision = decided(starting(), seen(job("worker"), *pods))
    assert decision.actions == (CreateLauncher(attempt=1),)
    assert decision.status.phase == "Starting"


def test_training_begins_when_rendezvous_is_over():
    decision = decided(starting(), seen(*two_workers(), job("launcher"), launcher_pod()))
    assert decision.status.phase == "Training"
    assert decision.status.workers == "2/2"
    assert [e.reason for e in decision.events] == ["WorkersReady"]


def test_rendezvous_still_running_is_not_training():
    waiting = launcher_pod(exits={}, running=frozenset({"rendezvous"}))
    decision = decided(starting(), seen(*two_workers(), job("launcher"), waiting))
    assert decision.status.phase == "Starting"
    assert decision.status.reason("WorkersReady") == "WaitingForWorkers"


def test_a_resync_of_a_running_training_writes_and_tells_nothing():
    observed = seen(*two_workers(), job("launcher"), launcher_pod())
    first = decided(running(), observed, after(30))
    again = decided(advanced(running(), first), observed, after(60))
    assert again.status == first.status
    assert first.events == again.events == ()
    assert first.actions == again.actions == ()


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


def test_a_training_being_deleted_is_left_to_the_garbage_collector():
    subject = running()
    gone = subject.meta.model_copy(update={"deletion_timestamp": "2026-03-01T12:00:00Z"})
    decision = decided(type(subject)(gone, subject.spec, subject.status), seen())
    assert decision.actions == ()
    assert decision.status == subject.status
