"""One look at one training: decided, done, written once, then told."""

from __future__ import annotations

import asyncio
import contextlib
import logging

import pytest
from support.operator.kubernetes import refuse
from support.operator.life import KEY, live
from support.operator.making import NAME, NAMESPACE
from unet_operator.cluster.errors import ApiError
from unet_operator.loop.settings import Settings


def test_a_look_writes_the_status_once_guarded_by_the_version_it_saw():
    async def scenario(life):
        seen = life.server.find("unettrainings", NAME)["metadata"]["resourceVersion"]
        await life.look()
        (patch,) = life.status_patches()
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


@pytest.mark.parametrize("seconds", [15.0, 2.0])
def test_what_waits_is_looked_at_as_often_as_the_settings_say(seconds):
    async def scenario(life):
        await life.server.remove("persistentvolumeclaims", "msd")
        life.sync()
        assert await life.reconciler.reconcile(KEY) == seconds
        assert life.status["conditions"][0]["reason"] == "ClaimNotFound"

    live(scenario, Settings(training_image="image:1", look_seconds=seconds))


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
