"""Acceptance: image and claims are looked at before every attempt."""

from __future__ import annotations

import pytest
from support.operator.making import (
    NAME,
    NOW,
    advanced,
    after,
    claims,
    decided,
    seen,
    starting,
    training,
)
from support.operator.phases import go_on, passes, reach
from unet_operator.lifecycle.actions import CreateOutputClaim
from unet_operator.observe.objects import Claim


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


def test_without_any_image_nothing_else_is_looked_at():
    decision = decided(training(), seen(claims={}), has_image=False)
    assert decision.status.reason("Accepted") == "NoImage"


@pytest.mark.parametrize("phase", ["Training", "Evaluating"])
def test_a_claim_that_goes_in_mid_work_is_the_pods_affair(phase):
    """They hold it: Kubernetes keeps a claim in use until its pods have ended."""
    life = reach(phase)
    life.remove_claim("msd")
    life.settle()
    assert life.status["phase"] == phase


def test_a_claim_that_went_between_attempts_is_told_and_waited_for():
    life = reach("Restarting")
    life.remove_claim("msd")
    passes(life, 6, 60)
    assert life.status["attempt"] == 1
    assert life.condition("Accepted")["reason"] == "ClaimNotFound"
    assert "msd" in life.status["message"]
    life.restore_claims()
    go_on(life)
    assert life.status["phase"] == "Succeeded"
