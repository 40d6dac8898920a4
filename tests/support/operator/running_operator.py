"""A whole operator, without kopf, that runs against the small API server."""

from __future__ import annotations

import asyncio

import aiohttp
from unet_operator.loop.operator import Operator
from unet_operator.loop.settings import Settings

from support.operator.bodies import training_body
from support.operator.making import NAME, NAMESPACE

KEY = (NAMESPACE, NAME)


class Running:
    """An operator that runs against the small API server."""

    def __init__(self, server, port: int, **settings: object) -> None:
        self.server, self.port = server, port
        self.stopped = asyncio.Event()
        base = {
            "training_image": "image:1",
            "port": port,
            "leader_election": False,
            "own_namespace": "unet-system",
            "identity": "one",
        }
        self.operator = Operator(Settings(**{**base, **settings}), self.stopped.set)

    async def apply(self, name: str = NAME, *, told: bool = True) -> None:
        """A user applies a training; `told` is whether kopf brings the news."""
        body = await self.server.put("unettrainings", training_body(name, uid=f"uid-{name}"))
        if told:
            self.operator.training_changed("ADDED", body)

    async def until(self, condition) -> None:
        """Waits until the world is as wanted."""
        async with asyncio.timeout(30):
            while not condition():
                await asyncio.sleep(0.005)

    def job(self, name: str = NAME, role: str = "worker") -> dict | None:
        """A training's Job."""
        return self.server.find("jobs", f"{name}-{role}-1")

    async def ask(self, path: str) -> tuple[int, str]:
        """What its HTTP server says."""
        url = f"http://127.0.0.1:{self.port}{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status, await answer.text()
