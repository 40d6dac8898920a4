"""The parts of the operator that simulated lives are played with: the one place that names them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, TypeVar

from unet_operator.api.resource import UNetTraining, parse
from unet_operator.api.status import Status
from unet_operator.build.job import FAIL_AT_ONCE, RETRY_CRASHES
from unet_operator.cluster.client import Cluster, Collection, Page
from unet_operator.cluster.errors import ApiError
from unet_operator.cluster.kinds import JOBS, PODS, Kind
from unet_operator.cluster.rate_limit import TokenBucket
from unet_operator.lifecycle.phase import phase, terminal
from unet_operator.loop.read import Reader
from unet_operator.loop.reconcile import Reconciler
from unet_operator.loop.settings import Settings
from unet_operator.observe.objects import Observed
from unet_operator.observe.parse import parse_job, parse_pod
from unet_operator.observe.store import Store as OperatorStore

Result = TypeVar("Result")


def at_once(work: Coroutine[object, None, Result]) -> Result:
    """The result of work that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as done:
        result: Result = done.value
        return result
    raise AssertionError("the work waits for something")


class Brain:
    """An operator without its loops: a store that is told the news, and a reconciler."""

    def __init__(self, client: Cluster, settings: Settings, now: Callable[[], datetime]) -> None:
        self._client, self._settings, self._now = client, settings, now
        self.restart()

    def restart(self) -> None:
        """It dies and comes back, remembering nothing."""
        self.store = OperatorStore()
        self.reconciler = Reconciler(self._client, self.store, self._settings, self._now)

    async def observe(self, key: tuple[str, str]) -> tuple[UNetTraining, Observed]:
        """The training with this (namespace, name), and what the operator sees of it."""
        stored = self.store.training(key)
        assert stored is not None, f"the operator knows no training {key}"
        training = parse(stored.body)
        return training, await Reader(self._client, self.store, self._now).read(training)

    def hear(self, type_: str, plural: str, body: dict[str, Any]) -> None:
        """Takes in what a watch tells."""
        gone = type_ == "DELETED"
        if plural == "unettrainings":
            meta = body["metadata"]
            if gone:
                self.store.drop_training((meta["namespace"], meta["name"]), meta["uid"])
            else:
                self.store.put_training(body)
        elif plural in ("jobs", "pods"):
            (self.store.drop if gone else self.store.put)(plural, body)


def read_status(body: dict[str, Any]) -> Status:
    """A training's status, as the operator reads it."""
    return Status.model_validate(body.get("status") or {})


__all__ = [
    "FAIL_AT_ONCE",
    "JOBS",
    "PODS",
    "RETRY_CRASHES",
    "ApiError",
    "Brain",
    "Cluster",
    "Collection",
    "Kind",
    "Observed",
    "OperatorStore",
    "Page",
    "Reconciler",
    "Settings",
    "Status",
    "TokenBucket",
    "UNetTraining",
    "at_once",
    "parse_job",
    "parse_pod",
    "phase",
    "read_status",
    "terminal",
]
