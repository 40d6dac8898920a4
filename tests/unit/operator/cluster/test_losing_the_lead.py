"""A leader that cannot renew its Lease stops before another may have it."""

from __future__ import annotations

import asyncio

import pytest
from support.operator.client_scenario import never
from support.operator.kubernetes import hang_up, refuse
from support.operator.replicas import NAMESPACE, lease, run
from unet_operator.cluster import leader as module
from unet_operator.cluster.leader import DURATION


def test_a_leader_that_cannot_renew_stops_before_its_lease_is_up():
    async def scenario(server, clock, replica):
        one = replica("one")
        await one.acquire()
        held = asyncio.create_task(one.hold())
        server.fault(refuse(500), plural="leases", times=10**6)
        while len(server.made("GET", "leases")) < 5:
            await asyncio.sleep(0.001)
        assert not held.done()
        clock.seconds += module.DEADLINE
        await held
        assert not one.leading

    run(scenario)


def test_a_renewal_after_some_failures_keeps_the_lead():
    async def scenario(server, clock, replica):
        one = replica("one")
        await one.acquire()
        held = asyncio.create_task(one.hold())
        for _ in range(5):
            server.fault(refuse(503), plural="leases", times=2)
            before = len(server.made("PUT", "leases"))
            while len(server.made("PUT", "leases")) < before + 2:
                await asyncio.sleep(0.001)
            clock.seconds += module.DEADLINE - 1
        assert one.leading
        held.cancel()

    run(scenario)


def test_a_leader_whose_lease_another_has_stops_at_once():
    async def scenario(server, clock, replica):
        one = replica("one")
        await one.acquire()
        stolen = server.find("leases", "unet-operator", NAMESPACE)
        spec = {**stolen["spec"], "holderIdentity": "two"}
        await server.put("leases", {**stolen, "spec": spec})
        await one.hold()
        assert not one.leading
        assert lease(server)["holderIdentity"] == "two"

    run(scenario)


def test_a_leader_whose_renewal_hangs_stops_before_its_lease_is_up(monkeypatch):
    monkeypatch.setattr(module, "DEADLINE", 0.3)

    async def scenario(server, clock, replica):
        one = replica("one")
        await one.acquire()
        server.fault(never, plural="leases", times=10**6)
        held = asyncio.create_task(one.hold())
        while one.leading and not held.done():
            clock.seconds += 0.05
            await asyncio.sleep(0.05)
        await held
        assert clock.seconds < DURATION

    run(scenario)


def test_giving_up_another_s_lease_leaves_it_alone():
    async def scenario(server, clock, replica):
        await replica("one").acquire()
        await replica("two").release()
        assert lease(server)["holderIdentity"] == "one"

    run(scenario)


@pytest.mark.parametrize("answer", [refuse(500), hang_up])
def test_giving_up_without_an_answer_does_not_keep_us_from_stopping(answer):
    async def scenario(server, clock, replica):
        one = replica("one")
        await one.acquire()
        server.fault(answer, plural="leases", times=2)
        await one.release()
        assert not one.leading

    run(scenario)
