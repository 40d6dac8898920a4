"""A client of the small API server, for tests of one request at a time."""

from __future__ import annotations

import asyncio

import pytest
from unet_operator.cluster.errors import ApiError
from unet_operator.cluster.kinds import CONFIG_MAPS

from support.operator.kubernetes import ApiServer, serving

NAMESPACE = "clinic"


def run(scenario):
    """Runs a scenario against a fresh server; it must not hang."""

    async def main():
        async with asyncio.timeout(60), serving() as (server, cluster):
            return await scenario(server, cluster)

    return asyncio.run(main())


def error_of(scenario) -> ApiError:
    """The error that a scenario ends with."""
    with pytest.raises(ApiError) as found:
        run(scenario)
    return found.value


async def read(server: ApiServer, cluster):
    """Reads one object."""
    return await cluster.get(CONFIG_MAPS, NAMESPACE, "x")


async def never(request):
    """Says nothing at all."""
    await asyncio.Event().wait()
