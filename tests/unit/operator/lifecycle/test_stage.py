"""Staging: the data set is fetched before the first attempt."""

from __future__ import annotations

from support.operator.making import advanced, decided, ended, job, pod, seen, training
from unet_operator.lifecycle.actions import CreateStage

SOURCE = {
    "task": "Task04_Hippocampus",
    "volume": {"claimName": "msd"},
    "source": {"https": {"url": "https://example.org/t.tar", "sha256": "a" * 64}},
}


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
