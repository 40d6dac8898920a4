"""A reader of what no watch reports, with a server, a store and a clock."""

from __future__ import annotations

import asyncio

from unet_operator.loop.read import Reader
from unet_operator.observe.store import Store

from support.operator.bodies import pod_body, running
from support.operator.kubernetes import serving
from support.operator.making import NAME, NAMESPACE, after

LAUNCHER = f"{NAME}-launcher-1-x"


CLAIM = {"spec": {"accessModes": ["ReadWriteMany"]}, "status": {"phase": "Bound"}}


class Seer:
    """A reader with a server, a store and a clock."""

    def __init__(self, server, cluster):
        self.server, self.store, self.now = server, Store(), after(0)
        self.reader = Reader(cluster, self.store, lambda: self.now)

    async def claim(self, name):
        """There is such a claim."""
        body = {"metadata": {"name": name, "namespace": NAMESPACE}, **CLAIM}
        await self.server.put("persistentvolumeclaims", body)

    async def warn(self, uid, message, time="2026-03-01T12:00:10Z", type_="Warning", **fields):
        """Kubernetes records an event about an object."""
        count = len(self.server.objects)
        await self.server.put(
            "events",
            {
                "metadata": {"name": f"e{count}", "namespace": NAMESPACE},
                "involvedObject": {"uid": uid},
                "type": type_,
                "message": message,
                "lastTimestamp": time,
                **fields,
            },
        )

    def reads(self, plural):
        """How often a kind was read."""
        asked = self.server.made("GET")
        return len([r for r in asked if plural in (r.address.plural, r.address.sub)])

    def discoveries(self):
        """How often it was asked what kinds there are."""
        return len([r for r in self.server.made("GET") if not r.address.plural])

    async def look(self, subject, seconds=0.0):
        """A look, so many seconds after the beginning."""
        self.now = after(seconds)
        return await self.reader.read(subject)


def run(scenario):
    """Runs a scenario."""

    async def main():
        async with asyncio.timeout(60), serving() as (server, cluster):
            await scenario(Seer(server, cluster))

    asyncio.run(main())


def launcher_body(**status):
    """A launcher whose mpiexec runs, unless told otherwise."""
    return pod_body("launcher", status={"containerStatuses": [running("launch")], **status})
