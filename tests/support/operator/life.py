"""A training's life through the real reconciler, over HTTP, with a clock that a test sets.

What the Job controller and the nodes do, the test does: it puts pods and conditions as
Kubernetes would.  The store is fed from the server as the watches feed it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from unet_operator.cluster.client import Cluster
from unet_operator.loop.reconcile import Reconciler
from unet_operator.loop.settings import Settings
from unet_operator.observe.store import Store

from support.operator.api_server import ApiServer, Request, serving
from support.operator.bodies import pod_body, running, terminated, training_body
from support.operator.making import NAME, NAMESPACE, NOW, UID

KEY = (NAMESPACE, NAME)
SHARED = {"accessModes": ["ReadWriteMany"]}
LOG = "event=plan patch_size=64,64,64 batch_size=2 global_batch_size=4 precision=float32\n"


class Life:
    """A server, the operator's parts, and the hand of Kubernetes."""

    def __init__(self, server: ApiServer, cluster: Cluster, settings: Settings) -> None:
        self.server, self.cluster = server, cluster
        self.now: datetime = NOW
        self.store = Store()
        self.settings = settings
        self.restart()

    def restart(self) -> None:
        """The operator dies and comes back: it remembers nothing."""
        self.store = Store()
        self.reconciler = Reconciler(self.cluster, self.store, self.settings, lambda: self.now)

    async def apply(self, **spec: object) -> None:
        """A user applies the training; its claims are there."""
        for name in ("msd", "results"):
            await self.server.put(
                "persistentvolumeclaims",
                {"metadata": {"name": name, "namespace": NAMESPACE}, "spec": SHARED},
            )
        await self.server.put("unettrainings", training_body(**spec))

    async def edit(self, **sections: dict) -> None:
        """A user edits the spec."""
        body = self.server.find("unettrainings", NAME)
        new = {key: {**body["spec"].get(key, {}), **fields} for key, fields in sections.items()}
        meta = {**body["metadata"], "generation": body["metadata"]["generation"] + 1}
        await self.server.put(
            "unettrainings", {**body, "metadata": meta, "spec": {**body["spec"], **new}}
        )

    def sync(self) -> None:
        """What the watches would have told by now."""
        for (plural, _, _), body in self.server.objects.items():
            if plural == "unettrainings":
                self.store.put_training(body)
            elif plural in ("jobs", "pods"):
                self.store.put(plural, body)
        for kind in ("jobs", "pods"):
            uids = {
                body["metadata"]["uid"]
                for (plural, _, _), body in self.server.objects.items()
                if plural == kind
            }
            self.store.keep(kind, uids, str(self.server.version))

    async def look(self) -> float | None:
        """The operator looks once."""
        self.sync()
        return await self.reconciler.reconcile(KEY)

    async def settle(self) -> float | None:
        """The operator looks until it wants to wait; returns for how long."""
        for _ in range(20):
            wake = await self.look()
            if wake is None or wake > 0.5:
                return wake
        raise AssertionError("hot loop")

    async def wait(self, seconds: float) -> float | None:
        """Time passes, and the operator looks."""
        self.now += timedelta(seconds=seconds)
        return await self.settle()

    def status_patches(self) -> list[Request]:
        """Writes of its status so far."""
        return self.server.made("PATCH", "unettrainings")

    @property
    def status(self) -> dict:
        """The training's status."""
        return self.server.find("unettrainings", NAME)["status"]

    def condition(self, kind: str) -> dict:
        """One of its conditions."""
        return next(c for c in self.status["conditions"] if c["type"] == kind)

    def events(self) -> list[str]:
        """Reasons of its events, in their order."""
        return [r.body["reason"] for r in self.server.made("POST", "events")]

    def job(self, role: str, number: int = 1) -> dict | None:
        """One of its Jobs."""
        return self.server.find("jobs", f"{NAME}-{role}-{number}")

    async def pods(self, role: str, attempt: int = 1, count: int | None = None, **status: object):
        """The Job controller makes a Job's pods, and nodes take them."""
        for index in range(count) if count is not None else (None,):
            body = pod_body(role, attempt, index, at=None, status=status)
            await self.server.put("pods", body)

    async def meet(self, attempt: int = 1) -> None:
        """Rendezvous is over and mpiexec runs."""
        await self.server.put(
            "pods",
            pod_body(
                "launcher",
                attempt,
                status={
                    "initContainerStatuses": [terminated("rendezvous", 0)],
                    "containerStatuses": [running("launch")],
                },
            ),
        )

    async def end(
        self, role: str, number: int = 1, code: int = 0, said: dict | None = None
    ) -> None:
        """A Job's pod ends, and with it the Job."""
        container = "launch" if role == "launcher" else role
        index = 0 if role == "evaluate" else None
        finished = self.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        state = terminated(container, code, json.dumps(said or {}), finished=finished)
        phase = "Succeeded" if code == 0 else "Failed"
        await self.server.put(
            "pods",
            pod_body(role, number, index, status={"phase": phase, "containerStatuses": [state]}),
        )
        job = self.job(role, number)
        kind = "Complete" if code == 0 else "Failed"
        told = {"type": kind, "status": "True", "reason": "x", "message": "its pod ended"}
        await self.server.put("jobs", {**job, "status": {"conditions": [told]}})

    async def release(self, attempt: int = 1) -> None:
        """The Job controller ends the pods of a Job that was suspended."""
        assert self.job("worker", attempt)["spec"]["suspend"] is True
        for index in range(2):
            await self.server.remove("pods", f"{NAME}-worker-{attempt}-{index}")

    async def to_training(self) -> None:
        """From apply to mpiexec."""
        await self.settle()
        await self.pods("worker", count=2, conditions=[{"type": "Ready", "status": "True"}])
        await self.settle()
        await self.meet()
        await self.settle()

    async def to_the_end(self) -> None:
        """From mpiexec to the Dice table."""
        self.server.logs[f"{NAME}-launcher-1-x", "launch"] = LOG
        await self.wait(20)
        await self.end("launcher", said={"epoch": 40, "epochs": 40, "loss": 0.2})
        await self.settle()
        await self.release()
        await self.end("evaluate")
        await self.settle()
        await self.end("report", said={"meanDice": 0.86, "cases": 36})
        await self.settle()


def live(
    scenario: Callable[[Life], Awaitable[None]], settings: Settings | None = None, **spec: object
) -> None:
    """Runs a scenario with a training that was just applied."""

    async def main() -> None:
        async with asyncio.timeout(60), serving() as (server, cluster):
            life = Life(server, cluster, settings or Settings(training_image="image:1"))
            await life.apply(**spec)
            await scenario(life)

    asyncio.run(main())


__all__ = ["KEY", "LOG", "UID", "Life", "live"]
