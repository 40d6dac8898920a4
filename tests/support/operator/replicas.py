"""Replicas of the operator that want one Lease, and a clock that a test sets."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from unittest import mock

from unet_operator.cluster import leader
from unet_operator.cluster.leader import Leader

from support.operator.kubernetes import serving
from support.operator.making import NOW

NAMESPACE = "unet-system"


class Clock:
    """A clock that a test sets, in seconds."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def run(scenario):
    """Runs a scenario with a server, a clock and a maker of replicas, which try again at once."""

    async def main():
        quick = mock.patch.object(leader, "PERIOD", 0.001)
        async with asyncio.timeout(60), serving() as (server, cluster):
            clock = Clock()

            def replica(name, skew=0.0, **options):
                """A replica whose wall clock is wrong by so many seconds."""

                def wall_clock():
                    return NOW + timedelta(seconds=clock.seconds + skew)

                return Leader(cluster, NAMESPACE, name, wall_clock, clock, **options)

            with quick:
                return await scenario(server, clock, replica)

    return asyncio.run(main())


def lease(server):
    """The Lease's spec."""
    return server.find("leases", "unet-operator", NAMESPACE)["spec"]
