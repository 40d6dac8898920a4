"""What a training says when the API server or its own spec stands in the way."""

from __future__ import annotations

from support.operator.kubernetes import refuse
from support.operator.life import live
from support.operator.making import NAME, NAMESPACE

FULL = refuse(403, "Forbidden", "exceeded quota: small, limited: count/jobs.batch=0")


def test_a_refusal_is_a_condition_an_event_and_a_later_try():
    async def scenario(life):
        life.server.fault(FULL, plural="jobs", times=3)
        assert await life.settle() == 30
        told = life.condition("WorkersReady")
        assert (told["status"], told["reason"]) == ("False", "QuotaExceeded")
        assert "raise the ResourceQuota" in told["message"]
        assert life.status["message"] == told["message"]
        for _ in range(2):
            assert await life.wait(30) == 30
        assert life.events().count("QuotaExceeded") == 1
        await life.wait(30)
        assert life.job("worker") is not None

    live(scenario)


def test_a_standing_refusal_writes_nothing_more():
    async def scenario(life):
        life.server.fault(FULL, plural="jobs", times=100)
        await life.settle()
        before = len(life.status_patches())
        for _ in range(20):
            await life.wait(30)
        assert len(life.status_patches()) == before

    live(scenario)


def test_a_foreign_output_claim_is_refused_and_not_written_to():
    async def scenario(life):
        await life.server.put(
            "persistentvolumeclaims",
            {
                "metadata": {"name": "brain-output", "namespace": NAMESPACE},
                "spec": {"accessModes": ["ReadWriteMany"]},
            },
        )
        for _ in range(5):
            await life.wait(30)
        assert life.status["phase"] == "Pending"
        assert life.condition("Accepted")["reason"] == "NameTaken"
        assert life.events() == ["NameTaken"]
        assert life.server.made("POST", "jobs") == []

    live(scenario, output={"claimName": None, "volumeClaimTemplate": {"size": "1Gi"}})


def test_a_spec_that_this_operator_does_not_know_is_told_by_its_field():
    async def scenario(life):
        assert await life.settle() is None
        told = life.condition("Accepted")
        assert (told["status"], told["reason"]) == ("False", "InvalidSpec")
        assert "spec.training.warmup" in told["message"]
        assert "CRD" in told["message"]
        assert life.status["phase"] == "Pending"
        for _ in range(3):
            await life.wait(300)
        assert life.events() == ["InvalidSpec"]
        assert len(life.status_patches()) == 1

    live(scenario, training={"warmup": 3})


def test_a_spec_that_is_mended_goes_on():
    async def scenario(life):
        await life.settle()
        body = life.server.find("unettrainings", NAME)
        await life.server.put(
            "unettrainings", {**body, "spec": {**body["spec"], "training": {"epochs": 3}}}
        )
        await life.settle()
        assert life.job("worker") is not None

    live(scenario, training={"warmup": 3})


def test_a_training_that_has_ended_stays_as_it_is_when_its_spec_is_no_longer_known():
    async def scenario(life):
        await life.to_training()
        await life.to_the_end()
        before = life.status
        await life.edit(training={"warmup": 3})
        await life.settle()
        assert life.status == before

    live(scenario)
