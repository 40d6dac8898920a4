"""A training's life through the real reconciler, over HTTP, with a clock that a test sets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from support.operator.kubernetes.cluster import SimulatedCluster
from support.operator.kubernetes.objects import Object
from support.operator.kubernetes.requests import Request
from support.operator.kubernetes.server import ApiServer
from support.operator.kubernetes.serving import serving
from support.operator.making import NAMESPACE, UID
from support.operator.scene import KEY, PLAN, Scene
from support.operator.subject import Cluster, OperatorStore, Reconciler, Settings

LOG = PLAN
SETTINGS = Settings(training_image="image:1")


class Life(Scene):
    """A server, the operator's parts, and the hand of Kubernetes."""

    def __init__(self, server: ApiServer, client: Cluster, settings: Settings) -> None:
        super().__init__(server.cluster, client, server, settings)
        self.server = server

    @property
    def reconciler(self) -> Reconciler:
        """The operator's reconciler."""
        return self.brain.reconciler

    @property
    def store(self) -> OperatorStore:
        """What the operator knows."""
        return self.brain.store

    async def apply(self, *, uid: str = UID, **spec: object) -> None:
        """A user applies the training; its claims are there."""
        self.submit(spec, uid=uid)

    async def edit(self, **sections: Object) -> None:
        """A user edits sections of the spec."""
        spec = self.training["spec"]
        self.change(**{name: {**spec.get(name, {}), **new} for name, new in sections.items()})

    async def look(self) -> float | None:
        """The operator looks once."""
        self.sync()
        before = {} if self.gone else self.training
        try:
            return await self.brain.reconciler.reconcile(KEY)
        finally:
            self.check(before)

    async def settle(self) -> float | None:
        """Operator and controllers act until the operator wants to wait; returns for how long."""
        for _ in range(30):
            wake = await self.look()
            version = self.cluster.store.version
            self.cluster.settle()
            if (wake is None or wake > 0.5) and self.cluster.store.version == version:
                return wake
        raise AssertionError("hot loop")

    async def wait(self, seconds: float) -> float | None:
        """Time passes, and operator and controllers act."""
        self.cluster.advance(seconds)
        return await self.settle()

    def status_patches(self) -> list[Request]:
        """Writes of its status so far."""
        return self.server.made("PATCH", "unettrainings")

    async def workers_answer(self, attempt: int = 1) -> None:
        """Every worker has a node and is ready."""
        for pod in list(self.find_pods("worker", attempt=attempt)):
            self.hand.run(NAMESPACE, pod["metadata"]["name"])

    async def meet(self, attempt: int = 1) -> None:
        """Rendezvous is over and mpiexec runs."""
        for pod in list(self.find_pods("launcher", attempt=attempt)):
            self.hand.run(NAMESPACE, pod["metadata"]["name"])

    async def end(
        self, role: str, number: int = 1, *, code: int = 0, said: Object | None = None
    ) -> None:
        """The pods of a Job end, and with them the Job."""
        for pod in list(self.find_pods(role, attempt=number)):
            self.hand.end(NAMESPACE, pod["metadata"]["name"], code, said)
        self.cluster.settle()

    async def to_training(self, attempt: int = 1) -> None:
        """From apply, or from the end of the last attempt, to mpiexec."""
        await self.settle()
        await self.workers_answer(attempt)
        await self.settle()
        await self.meet(attempt)
        await self.settle()

    async def to_the_end(self, attempt: int = 1) -> None:
        """From mpiexec to the Dice table."""
        self.log(PLAN, attempt)
        await self.wait(20)
        await self.end("launcher", attempt, said={"epoch": 40, "epochs": 40, "loss": 0.2})
        await self.settle()
        await self.end("evaluate")
        await self.settle()
        await self.end("report", said={"meanDice": 0.86, "cases": 36})
        await self.settle()


def live(
    scenario: Callable[[Life], Awaitable[None]], settings: Settings | None = None, **spec: object
) -> None:
    """Runs a scenario with a training that was just applied."""

    async def main() -> None:
        async with asyncio.timeout(60), serving(cluster=SimulatedCluster()) as (server, client):
            life = Life(server, client, settings or SETTINGS)
            life.submit(spec)
            await scenario(life)

    asyncio.run(main())


__all__ = ["KEY", "LOG", "Life", "live"]
