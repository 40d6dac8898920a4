"""The operator and its lead: taken up, lost, and given up at the end."""

from __future__ import annotations

import asyncio
import socket

from support.operator.bodies import pod_body
from support.operator.making import NAME
from support.operator.running_operator import KEY


async def held_by_another(server):
    """Somebody else leads."""
    await server.put(
        "leases",
        {
            "metadata": {"name": "unet-operator", "namespace": "unet-system"},
            "spec": {"holderIdentity": "another", "leaseDurationSeconds": 15},
        },
    )


def test_while_another_leads_it_watches_and_writes_nothing(play):
    async def scenario(running):
        await running.apply()
        await running.server.put("pods", pod_body(index=0, owner=f"uid-{NAME}"))
        await running.until(lambda: len(running.server.made("GET", "leases")) > 5)
        assert len(running.operator._store.pods(KEY, f"uid-{NAME}")) == 1
        assert [r.method for r in running.server.requests if r.method != "GET"] == []
        assert "unet_operator_leading 0.0" in (await running.ask("/metrics"))[1]
        assert (await running.ask("/healthz"))[0] == 200

    play(scenario, held_by_another, leader_election=True)


def test_when_the_lead_is_free_it_takes_up_what_waits(play):
    async def scenario(running):
        await running.apply()
        await running.until(lambda: running.server.made("GET", "leases"))
        await running.server.remove("leases", "unet-operator", "unet-system")
        await running.until(running.job)
        assert "unet_operator_leading 1.0" in (await running.ask("/metrics"))[1]

    play(scenario, held_by_another, leader_election=True)


def test_a_lost_lease_stops_it(play):
    async def scenario(running):
        await running.until(lambda: running.server.find("leases", "unet-operator", "unet-system"))
        lease = running.server.find("leases", "unet-operator", "unet-system")
        stolen = {**lease["spec"], "holderIdentity": "thief"}
        await running.server.put("leases", {**lease, "spec": stolen})
        async with asyncio.timeout(30):
            await running.stopped.wait()
        assert "unet_operator_leading 0.0" in (await running.ask("/metrics"))[1]

    play(scenario, leader_election=True)


def test_at_its_end_it_gives_up_the_lead_and_closes_every_part(play):
    kept = []

    async def scenario(running):
        kept.append(running)
        await running.until(lambda: running.server.find("leases", "unet-operator", "unet-system"))
        await running.until(lambda: running.operator._leader is not None)

    play(scenario, leader_election=True)
    (running,) = kept
    assert (
        running.server.find("leases", "unet-operator", "unet-system")["spec"]["holderIdentity"]
        == ""
    )
    assert not running.operator._tasks
    with socket.socket() as again:
        again.bind(("127.0.0.1", running.port))
