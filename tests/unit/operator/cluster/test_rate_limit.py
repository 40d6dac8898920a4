"""The rate limit: a burst, then a steady rate, and silence when the server asks for it."""

from __future__ import annotations

import asyncio

import pytest
from support.operator.client_scenario import NAMESPACE
from support.operator.kubernetes import refuse, serving
from unet_operator.cluster import rate_limit
from unet_operator.cluster.errors import ApiError
from unet_operator.cluster.kinds import CONFIG_MAPS
from unet_operator.cluster.rate_limit import TokenBucket


def test_a_429_holds_every_request_for_as_long_as_the_server_asks():
    waits = []

    class Watched(TokenBucket):
        """Notes what it is told."""

        def hold(self, seconds):
            waits.append(seconds)

    async def main(headers):
        async with serving(Watched(1e6, 10**6)) as (server, cluster):
            server.fault(refuse(429, "TooManyRequests", "slow down", headers))
            with pytest.raises(ApiError) as found:
                await cluster.get(CONFIG_MAPS, NAMESPACE, "x")
            assert found.value.status == 429
            assert await cluster.get(CONFIG_MAPS, NAMESPACE, "x") is None

    asyncio.run(main({"Retry-After": "7"}))
    asyncio.run(main({}))
    asyncio.run(main({"Retry-After": "Sun, 01 Mar 2026 12:00:00 GMT"}))
    assert waits == [7, 1, 1]


class Clock:
    """A clock that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_bucket_lets_a_burst_through_and_then_keeps_the_rate():
    bucket = TokenBucket(10, 2, Clock())
    delays = [bucket.delay() for _ in range(5)]
    assert delays == [0, 0, *(pytest.approx(n / 10) for n in (1, 2, 3))]


def test_the_bucket_fills_again_but_not_above_the_burst():
    clock = Clock()
    bucket = TokenBucket(10, 3, clock)
    for _ in range(3):
        bucket.delay()
    clock.now += 0.1
    assert bucket.delay() == pytest.approx(0)
    assert bucket.delay() == pytest.approx(0.1)
    clock.now += 3600
    assert [bucket.delay() for _ in range(4)] == [0, 0, 0, pytest.approx(0.1)]


def test_a_held_bucket_delays_all_until_the_time_is_over():
    clock = Clock()
    bucket = TokenBucket(10, 5, clock)
    bucket.hold(4)
    assert bucket.delay() == pytest.approx(4)
    bucket.hold(1)
    assert bucket.delay() == pytest.approx(4), "a shorter hold does not lift a longer one"
    clock.now += 4
    assert bucket.delay() == 0


def test_a_server_cannot_hold_us_for_ever():
    bucket = TokenBucket(10, 5, Clock())
    bucket.hold(1e9)
    assert bucket.delay() == rate_limit.LONGEST_HOLD
