"""Leader election: one acts, the other waits, and nobody leads without a Lease."""

from __future__ import annotations

import asyncio

import pytest
from support.operator.client_scenario import never
from support.operator.kubernetes import hang_up, refuse
from support.operator.replicas import NAMESPACE, lease, run
from unet_operator.cluster.leader import DURATION


def test_the_first_to_ask_leads():
    async def scenario(server, clock, replica):
        one = replica("one")
        await one.acquire()
        assert one.leading
        assert lease(server)["holderIdentity"] == "one"
        assert lease(server)["leaseDurationSeconds"] == DURATION
        assert lease(server)["leaseTransitions"] == 0

    run(scenario)


def test_of_two_that_ask_one_leads():
    async def scenario(server, clock, replica):
        one, two = replica("one"), replica("two")
        assert sorted(await asyncio.gather(one.attempt(), two.attempt())) == [False, True]

    run(scenario)


def test_of_two_that_take_a_free_lease_at_once_one_leads():
    async def scenario(server, clock, replica):
        before = replica("zero")
        await before.acquire()
        await before.release()
        tries = (replica(name).attempt() for name in ("one", "two", "three"))
        assert sorted(await asyncio.gather(*tries)) == [False, False, True]

    run(scenario)


def test_a_lease_that_is_renewed_is_never_taken():
    async def scenario(server, clock, replica):
        one, two = replica("one"), replica("two")
        for _ in range(20):
            assert await one.attempt()
            assert not await two.attempt()
            clock.seconds += DURATION - 1

    run(scenario)


def test_a_lease_is_taken_when_it_stood_still_for_its_duration():
    async def scenario(server, clock, replica):
        one, two = replica("one"), replica("two")
        await one.acquire()
        assert not await two.attempt()
        clock.seconds += DURATION
        assert not await two.attempt()
        clock.seconds += 0.1
        assert await two.attempt()
        assert lease(server)["holderIdentity"] == "two"
        assert lease(server)["leaseTransitions"] == 1

    run(scenario)


def test_a_shorter_lease_is_written_and_kept_to():
    async def scenario(server, clock, replica):
        one, two = (replica(name, duration=3) for name in ("one", "two"))
        await one.acquire()
        assert lease(server)["leaseDurationSeconds"] == 3
        assert not await two.attempt()
        clock.seconds += 3.1
        assert await two.attempt()

    run(scenario)


@pytest.mark.parametrize("skew", [-86_400, -20, 20, 86_400])
def test_the_holder_s_wrong_clock_neither_keeps_nor_loses_the_lead(skew):
    async def scenario(server, clock, replica):
        one, two = replica("one", skew), replica("two")
        await one.acquire()
        assert not await two.attempt()
        clock.seconds += DURATION - 1
        assert not await two.attempt()
        clock.seconds += 2
        assert await two.attempt()

    run(scenario)


def test_a_replica_that_starts_later_waits_from_when_it_first_looked():
    async def scenario(server, clock, replica):
        await replica("one").acquire()
        clock.seconds += 10 * DURATION
        late = replica("late")
        assert not await late.attempt()
        clock.seconds += DURATION + 0.1
        assert await late.attempt()

    run(scenario)


def test_a_restarted_replica_has_its_own_lease_at_once():
    async def scenario(server, clock, replica):
        await replica("one").acquire()
        again = replica("one")
        await again.acquire()
        assert lease(server)["leaseTransitions"] == 0

    run(scenario)


def test_acquire_waits_until_the_lease_is_free():
    async def scenario(server, clock, replica):
        one, two = replica("one"), replica("two")
        await one.acquire()
        waiting = asyncio.create_task(two.acquire())
        while len(server.made("GET", "leases")) < 4:
            await asyncio.sleep(0.001)
        assert not two.leading
        await one.release()
        await waiting
        assert two.leading

    run(scenario)


@pytest.mark.parametrize("answer", [refuse(500), refuse(403), hang_up, refuse(409, "Conflict")])
def test_a_try_that_fails_is_not_the_lead(answer):
    async def scenario(server, clock, replica):
        server.fault(answer, plural="leases", times=2)
        one = replica("one")
        assert not await one.attempt()
        await one.acquire()
        assert one.leading

    run(scenario)


def test_a_try_that_hangs_is_given_up():
    async def scenario(server, clock, replica):
        server.fault(never, plural="leases")
        assert not await replica("one").attempt(0.05)

    run(scenario)


def test_a_deleted_lease_is_made_anew_by_its_holder():
    async def scenario(server, clock, replica):
        one = replica("one")
        await one.acquire()
        await server.remove("leases", "unet-operator", NAMESPACE)
        assert await one.attempt()
        assert lease(server)["holderIdentity"] == "one"

    run(scenario)


def test_a_lease_keeps_what_others_wrote_into_it():
    async def scenario(server, clock, replica):
        one = replica("one")
        await one.acquire()
        found = server.find("leases", "unet-operator", NAMESPACE)
        await server.put("leases", {**found, "spec": {**found["spec"], "strategy": "x"}})
        acquired = lease(server)["acquireTime"]
        clock.seconds += 5
        await one.attempt()
        assert lease(server)["strategy"] == "x"
        assert lease(server)["acquireTime"] == acquired
        assert lease(server)["renewTime"] > acquired

    run(scenario)
