"""Actions to perform against the small API server, and objects that are in their way."""

from __future__ import annotations

import asyncio

import pytest
from unet_operator.build.context import Context
from unet_operator.lifecycle.actions import (
    CreateEvaluate,
    CreateLauncher,
    CreateOutputClaim,
    CreateReport,
    CreateStage,
    CreateWorkers,
)
from unet_operator.loop.perform import Performer
from unet_operator.observe.store import Store

from support.operator.kubernetes import ApiServer, serving
from support.operator.making import NAME, NAMESPACE, UID, training

KEY = (NAMESPACE, NAME)


OTHER = "99999999-7fb9-4fe8-a680-3ee57bd6ea30"


SOURCE = {"https": {"url": "https://example.org/t.tar", "sha256": "a" * 64}}


SUBJECT = training(
    dataset={"source": SOURCE},
    output={"claimName": None, "volumeClaimTemplate": {"size": "1Gi"}},
)


CREATES = [
    CreateOutputClaim(),
    CreateStage(),
    CreateWorkers(1, 2, True),
    CreateLauncher(1),
    CreateEvaluate(1),
    CreateReport(1),
]


WORKERS = [
    ("services", "brain-mpi"),
    ("networkpolicies", "brain-mpi"),
    ("secrets", f"brain-ssh-{UID[:8]}-1"),
    ("configmaps", "brain-config-1"),
    ("podgroups", "brain-worker-1"),
    ("jobs", "brain-worker-1"),
]


class Stage:
    """A server, a performer, and a training that asks."""

    def __init__(self, server: ApiServer, performer: Performer, store: Store) -> None:
        self.server, self.performer, self.store = server, performer, store

    async def do(self, action, subject=SUBJECT):
        """Performs an action."""
        await self.performer.perform(Context(subject, "image:1"), action)

    def objects(self):
        """What there is: (plural, name)."""
        return {(plural, name) for plural, _, name in self.server.objects}


def run(scenario):
    """Runs a scenario on a stage."""

    async def main():
        async with asyncio.timeout(60), serving() as (server, cluster):
            store = Store()
            return await scenario(Stage(server, Performer(cluster, store), store))

    return asyncio.run(main())


def fails(scenario, kind):
    """The error that a scenario ends with."""
    with pytest.raises(kind) as found:
        run(scenario)
    return found.value


def foreign(name: str, *owners: dict) -> dict:
    """An object under our name that we did not make."""
    return {
        "metadata": {"name": name, "namespace": NAMESPACE, "ownerReferences": list(owners)},
        "spec": {"theirs": True},
    }
