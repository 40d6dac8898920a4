"""One look at one training: decided, done, written once, then told."""

from __future__ import annotations

import asyncio
import contextlib
import logging

import pytest
from support.operator.api_server import refuse
from support.operator.bodies import pod_body
from support.operator.life import KEY, LOG, live
from support.operator.making import NAME, NAMESPACE
from unet_operator.cluster.errors import ApiError
from unet_operator.loop.settings import Settings

FULL = refuse(403, "Forbidden", "exceeded quota: small, limited: count/jobs.batch=0")


def patches(life):
    """Status patches so far."""
    return life.server.made("PATCH", "unettrainings")


def test_a_look_writes_the_status_once_guarded_by_the_version_it_saw():
    async def scenario(life):
        seen = life.server.find("unettrainings", NAME)["metadata"]["resourceVersion"]
        await life.look()
        (patch,) = patches(life)
        assert patch.address.sub == "status"
        assert patch.body["metadata"] == {"resourceVersion": seen}
        assert patch.body["status"]["attempt"] == 1

    live(scenario)


def test_the_attempt_is_written_before_its_children_are_made():
    async def scenario(life):
        await life.settle()
        order = [(r.method, r.address.plural) for r in life.server.requests if r.method != "GET"]
        assert order[0] == ("PATCH", "unettrainings")
        assert order.index(("POST", "services")) > 0

    live(scenario)


def test_events_follow_the_write_they_tell_of():
    async def scenario(life):
        await life.settle()
        kinds = [r.address.plural for r in life.server.requests if r.method in ("PATCH", "POST")]
        assert kinds.index("events") > kinds.index("unettrainings")

    live(scenario)


def test_an_event_says_whose_it_is_and_who_says_it():
    async def scenario(life):
        await life.look()
        event = life.server.made("POST", "events")[0].body
        about = event["involvedObject"]
        assert (about["kind"], about["name"], about["namespace"]) == (
            "UNetTraining",
            NAME,
            NAMESPACE,
        )
        assert about["uid"] == life.server.find("unettrainings", NAME)["metadata"]["uid"]
        assert (event["type"], event["reason"]) == ("Normal", "AttemptStarted")
        assert event["reportingInstance"] == "replica-1"
        assert event["metadata"]["namespace"] == NAMESPACE

    live(scenario, Settings(training_image="image:1", identity="replica-1"))


async def looked(life):
    """Looks once, whatever comes of it."""
    with contextlib.suppress(ApiError):
        await life.look()


@pytest.mark.parametrize("code", [409, 422, 500])
def test_no_event_tells_of_what_was_not_written(code):
    async def scenario(life):
        life.server.fault(refuse(code, "Conflict"), method="PATCH", plural="unettrainings")
        await looked(life)
        assert life.events() == []
        assert life.status == {}
        await life.settle()
        assert life.events() == ["AttemptStarted"]

    live(scenario)


def test_a_conflict_reads_the_training_anew_and_looks_again_at_once():
    async def scenario(life):
        life.sync()
        await life.edit(training={"epochs": 7})
        assert await life.reconciler.reconcile(KEY) == 0
        assert life.store.training(KEY).body["spec"]["training"]["epochs"] == 7
        await life.reconciler.reconcile(KEY)
        assert life.status["observedGeneration"] == 2

    live(scenario)


def test_a_training_deleted_between_look_and_write_is_forgotten():
    async def scenario(life):
        life.sync()
        await life.server.remove("unettrainings", NAME)
        assert await life.reconciler.reconcile(KEY) is None
        assert life.store.training(KEY) is None
        assert life.events() == []

    live(scenario)


def test_a_training_deleted_and_made_anew_between_look_and_write_is_taken_in():
    async def scenario(life):
        life.sync()
        await life.server.remove("unettrainings", NAME)
        await life.apply(uid="99999999-7fb9-4fe8-a680-3ee57bd6ea30")
        assert await life.reconciler.reconcile(KEY) == 0
        assert life.store.training(KEY).uid.startswith("9999")
        await life.settle()
        owner = life.job("worker")["metadata"]["ownerReferences"][0]
        assert owner["uid"].startswith("9999")

    live(scenario)


def test_a_training_that_is_not_there_is_no_fault():
    async def scenario(life):
        assert await life.reconciler.reconcile((NAMESPACE, "absent")) is None
        assert life.server.requests == []

    live(scenario)


def test_an_event_that_is_not_taken_does_not_stop_the_work(caplog):
    async def scenario(life):
        life.server.fault(refuse(403, "Forbidden", "no events"), plural="events", times=100)
        await life.settle()
        assert life.job("worker") is not None

    with caplog.at_level(logging.WARNING):
        live(scenario)
    assert "event not recorded" in caplog.text


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
        before = len(patches(life))
        for _ in range(20):
            await life.wait(30)
        assert len(patches(life)) == before

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
        assert len(patches(life)) == 1

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


def test_an_hour_of_refused_progress_is_not_lost():
    async def scenario(life):
        await life.to_training()
        life.server.logs[f"{NAME}-launcher-1-x", "launch"] = LOG + "epoch=3/40 loss=0.5\n"
        life.server.fault(refuse(500), method="PATCH", plural="unettrainings", times=3)
        for _ in range(3):
            with pytest.raises(ApiError):
                await life.wait(20)
        await life.wait(20)
        assert life.status["training"]["epoch"] == 3

    live(scenario)


def test_progress_that_comes_too_soon_is_kept_for_its_time():
    async def scenario(life):
        await life.to_training()
        life.server.logs[f"{NAME}-launcher-1-x", "launch"] = LOG + "epoch=1/40 loss=0.5\n"
        await life.wait(20)
        life.server.logs[f"{NAME}-launcher-1-x", "launch"] = LOG + "epoch=2/40 loss=0.4\n"
        wake = await life.wait(14)
        assert life.status["training"]["epoch"] == 1
        assert wake <= 15
        await life.wait(wake)
        assert life.status["training"]["epoch"] == 2

    live(scenario)


def test_a_transition_is_written_at_once_however_new_the_last_write_is():
    async def scenario(life):
        await life.to_training()
        life.server.logs[f"{NAME}-launcher-1-x", "launch"] = LOG + "epoch=1/40 loss=0.5\n"
        await life.wait(20)
        await life.end("launcher", said={"epoch": 40})
        await life.wait(1)
        assert life.status["phase"] == "Evaluating"

    live(scenario)


def test_each_change_of_phase_is_logged_with_the_training_s_name(caplog):
    async def scenario(life):
        await life.to_training()
        await life.to_the_end()

    with caplog.at_level(logging.INFO, logger="unet_operator.loop.reconcile"):
        live(scenario)
    phases = [r.phase for r in caplog.records if hasattr(r, "phase")]
    assert phases == ["Starting", "Training", "Evaluating", "Succeeded"]
    assert {r.training for r in caplog.records if hasattr(r, "phase")} == {f"{NAMESPACE}/{NAME}"}


def test_two_looks_at_once_at_different_trainings_do_not_meet():
    async def scenario(life):
        other = life.server.find("unettrainings", NAME)
        meta = {**other["metadata"], "name": "second", "uid": "22222222-aaaa"}
        await life.server.put("unettrainings", {**other, "metadata": meta})
        life.sync()
        for _ in range(3):
            await asyncio.gather(
                life.reconciler.reconcile(KEY), life.reconciler.reconcile((NAMESPACE, "second"))
            )
            life.sync()
        jobs = {name for plural, _, name in life.server.objects if plural == "jobs"}
        assert jobs == {"brain-worker-1", "second-worker-1"}

    live(scenario)


def test_unknown_fields_of_the_status_are_no_reason_to_write_again_and_again():
    """A newer operator wrote them; this one takes them back once."""

    async def scenario(life):
        await life.to_training()
        body = life.server.find("unettrainings", NAME)
        await life.server.put("unettrainings", {**body, "status": {**body["status"], "novelty": 1}})
        before = len(patches(life))
        for _ in range(5):
            await life.wait(20)
        assert len(patches(life)) - before <= 1

    live(scenario)


def test_workers_that_come_one_by_one_are_not_each_a_write():
    async def scenario(life):
        await life.settle()
        before = len(patches(life))
        for index in range(20):
            ready = [{"type": "Ready", "status": "True"}]
            await life.server.put(
                "pods", pod_body("worker", 1, index, status={"conditions": ready})
            )
            await life.wait(1)
        assert len(patches(life)) - before <= 3
        await life.wait(15)
        assert life.status["workers"] == "20/40"

    live(scenario, workers={"replicas": 40})
