"""An action that the API server refuses: told once, in the condition it holds up, then awaited."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.operator.making import (
    NAME,
    advanced,
    after,
    claims,
    decided,
    launcher_done,
    running,
    seen,
    starting,
    training,
    two_workers,
)
from unet_operator.failure.obstacle import Obstacle
from unet_operator.lifecycle.actions import (
    CreateEvaluate,
    CreateLauncher,
    CreateOutputClaim,
    CreateStage,
    CreateWorkers,
)
from unet_operator.lifecycle.refused_object import RETRY_SECONDS, with_refusal

STAGED = {"dataset": {"source": {"https": {"url": "https://example.org/t", "sha256": "a" * 64}}}}
MADE = {"output": {"claimName": None, "volumeClaimTemplate": {"size": "1Gi"}}}
NO_ROOM = Obstacle("QuotaExceeded", "no room; raise it")


def told(subject, decision, action, seconds=0.0, refusal=NO_ROOM):
    """What is written when that action is refused."""
    return with_refusal(subject, decision, action, refusal, after(seconds))


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        (CreateOutputClaim(), "Accepted"),
        (CreateStage(), "DataReady"),
        (CreateWorkers(1, 2, False), "WorkersReady"),
        (CreateLauncher(1), "WorkersReady"),
        (CreateEvaluate(1), "Evaluated"),
    ],
)
def test_it_is_told_in_the_condition_that_it_holds_up(action, kind):
    subject = starting()
    found = told(subject, decided(subject, seen()), action)
    condition = found.status.condition(kind)
    assert (condition.status, condition.reason) == ("False", "QuotaExceeded")
    assert condition.message == found.status.message == "no room; raise it"
    assert [(e.type, e.reason) for e in found.events] == [("Warning", "QuotaExceeded")]
    assert found.wake == RETRY_SECONDS
    assert found.actions == ()


@pytest.mark.parametrize(
    ("changes", "action"),
    [
        ({}, CreateWorkers(1, 2, False)),
        (STAGED, CreateStage()),
        (MADE, CreateOutputClaim()),
    ],
)
def test_met_again_it_changes_and_tells_nothing(changes, action):
    observed = seen(claims={"msd": claims()["msd"], "results": claims()["results"]})
    subject = training(**changes)
    for _ in range(2):
        subject = advanced(subject, told(subject, decided(subject, observed), action))
    again = told(subject, decided(subject, observed, after(30)), action, 30)
    assert again.status == subject.status
    assert again.events == ()


def test_another_reason_is_told_anew():
    subject = starting()
    action = CreateWorkers(1, 2, False)
    subject = advanced(subject, told(subject, decided(subject, seen()), action))
    decision = decided(subject, seen(), after(30))
    other = told(subject, decision, action, 30, Obstacle("Forbidden", "not allowed"))
    assert [e.reason for e in other.events] == ["Forbidden"]


def test_a_training_that_is_not_accepted_goes_no_further():
    """Its attempt must not be written: the claim would never be asked for again."""
    subject = training(**MADE)
    decision = decided(subject, seen(claims={"msd": claims()["msd"]}))
    assert decision.status.attempt == 1
    found = told(subject, decision, CreateOutputClaim())
    assert found.status.attempt == 0
    assert found.status.phase == "Pending"
    again = decided(advanced(subject, found), seen(claims={"msd": claims()["msd"]}), after(30))
    assert CreateOutputClaim() in again.actions


def test_what_was_reached_before_the_refusal_stays():
    """The network is trained, whether or not its evaluation may run."""
    subject = running()
    decision = decided(subject, seen(*two_workers(), *launcher_done(epoch=40)))
    found = told(subject, decision, CreateEvaluate(1))
    assert found.status.holds("Trained")
    assert found.status.training.epoch == 40
    assert found.status.phase == "Evaluating"
    assert [e.reason for e in found.events] == ["Trained", "QuotaExceeded"]
    afterwards = decided(advanced(subject, found), seen(), after(30))
    assert afterwards.status.next_attempt_time is None, "a lost Job does not train it again"
    assert CreateEvaluate(1) in afterwards.actions


def test_the_message_of_what_is_in_order_is_kept():
    subject = training(**STAGED)
    found = told(subject, decided(subject, seen()), CreateStage())
    assert found.status.condition("Accepted").message


def test_staging_that_is_refused_does_not_claim_to_have_begun():
    subject = training(**STAGED)
    found = told(subject, decided(subject, seen()), CreateStage())
    assert [e.reason for e in found.events] == ["QuotaExceeded"]


def test_once_it_is_let_through_the_condition_follows():
    subject = training(**STAGED)
    subject = advanced(subject, told(subject, decided(subject, seen()), CreateStage()))
    through = decided(subject, seen(), after(30))
    assert through.status.reason("DataReady") == "Staging"
    assert [e.reason for e in through.events] == ["Staging"]


def test_a_long_refusal_is_cut_to_what_a_condition_takes():
    subject = starting()
    found = told(
        subject,
        decided(subject, seen()),
        CreateWorkers(1, 2, False),
        refusal=Obstacle("Rejected", "x" * 5000),
    )
    assert len(found.status.message) == 1024
    assert len(found.status.condition("WorkersReady").message) == 1024


def test_it_is_decided_for_the_generation_that_was_seen():
    subject = replace(starting(), meta=training(generation=7).meta)
    found = told(subject, decided(subject, seen()), CreateWorkers(1, 2, False))
    assert found.status.observed_generation == 7
    assert found.status.condition("WorkersReady").observed_generation == 7
    assert NAME not in found.status.reason("WorkersReady")
