"""The parts put together, without kopf: news in, work done, faults survived."""

from __future__ import annotations

import asyncio
import logging

from support.operator.bodies import pod_body
from support.operator.kubernetes import refuse
from support.operator.making import NAME, NAMESPACE
from support.operator.running_operator import KEY
from unet_operator.cluster.watch import Watch
from unet_operator.loop import operator as run
from unet_operator.loop.reconcile import Reconciler


def test_news_of_a_training_is_worked_on_at_once(play):
    async def scenario(running):
        await running.apply()
        await running.until(running.job)
        assert running.server.find("unettrainings", NAME)["status"]["phase"] == "Starting"

    play(scenario)


def test_news_of_its_pods_is_worked_on_too(play):
    async def scenario(running):
        await running.apply()
        await running.until(running.job)
        for index in range(2):
            await running.server.put("pods", pod_body(index=index, owner=f"uid-{NAME}"))
        await running.until(lambda: running.job(role="launcher"))

    play(scenario)


def test_it_is_ready_when_both_lists_are_in(play):
    async def scenario(running):
        async with asyncio.timeout(30):
            while (await running.ask("/readyz"))[0] != 200:
                await asyncio.sleep(0.005)
        listed = {r.address.plural for r in running.server.made("GET") if "limit" in r.query}
        assert {"jobs", "pods"} <= listed

    play(scenario)


def test_a_training_that_nobody_told_of_is_found_by_the_next_resync(play, monkeypatch):
    monkeypatch.setattr(run, "RESYNC", 0.05)

    async def scenario(running):
        await running.apply(told=False)
        await running.until(running.job)

    play(scenario)


def test_a_training_that_went_unseen_is_forgotten_by_the_next_resync(play, monkeypatch):
    async def scenario(running):
        await running.apply()
        await running.until(running.job)
        monkeypatch.setattr(run, "RESYNC", 0.05)
        await running.server.remove("unettrainings", NAME)
        await running.until(lambda: running.operator._store.training(KEY) is None)

    monkeypatch.setattr(run, "RESYNC", 0.2)
    play(scenario)


def test_a_resync_that_fails_is_followed_by_another(play, monkeypatch):
    monkeypatch.setattr(run, "RESYNC", 0.05)

    async def scenario(running):
        running.server.fault(refuse(500), method="GET", plural="unettrainings", times=2)
        await running.apply(told=False)
        await running.until(running.job)

    play(scenario)


def test_a_deleted_training_is_let_go(play):
    async def scenario(running):
        await running.apply()
        await running.until(running.job)
        body = running.server.find("unettrainings", NAME)
        await running.server.remove("unettrainings", NAME)
        running.operator.training_changed("DELETED", body)
        assert running.operator._store.training(KEY) is None
        await running.until(lambda: len(running.operator._queue) == 0)

    play(scenario)


def test_a_fault_in_one_training_does_not_stop_the_others(play, monkeypatch, caplog):
    whole = Reconciler.reconcile

    async def faulty(self, key):
        if key[1] == "poison":
            raise RuntimeError("a fault of ours")
        return await whole(self, key)

    monkeypatch.setattr(Reconciler, "reconcile", faulty)

    async def scenario(running):
        await running.apply("poison")
        await running.apply("sound")
        await running.until(lambda: running.job("sound"))
        assert not running.stopped.is_set()
        text = (await running.ask("/metrics"))[1]
        assert "unet_operator_reconcile_failures_total 1.0" in text

    with caplog.at_level(logging.ERROR):
        play(scenario)
    told = [r for r in caplog.records if r.getMessage() == "fault in the operator"]
    assert {r.training for r in told} == {f"{NAMESPACE}/poison"}
    assert told[0].exc_info


def test_a_part_that_fails_stops_the_operator(play, monkeypatch, caplog):
    async def broken(self):
        raise RuntimeError("no watch any more")

    monkeypatch.setattr(Watch, "run", broken)

    async def scenario(running):
        async with asyncio.timeout(30):
            await running.stopped.wait()

    with caplog.at_level(logging.ERROR):
        play(scenario)
    assert "a part of the operator failed" in caplog.text
