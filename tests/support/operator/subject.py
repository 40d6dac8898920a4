"""The parts of the operator that simulated lives are played with: the one place that names them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, TypeVar

from unet_operator.api.status import Status
from unet_operator.build.common import FAIL_AT_ONCE, RETRY_CRASHES
from unet_operator.cluster.client import JOBS, PODS, ApiError, Bucket, Cluster, Kind
from unet_operator.lifecycle.draft import phase, terminal
from unet_operator.loop.reconcile import Reconciler
from unet_operator.loop.settings import Settings
from unet_operator.observe import objects as observed
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

    def hear(self, type_: str, plural: str, body: dict[str, Any]) -> None:
        """Takes in what a watch tells."""
        gone = type_ == "DELETED"
        if plural == "unettrainings":
            (self.store.drop_training if gone else self.store.put_training)(body)
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
    "Bucket",
    "Cluster",
    "Kind",
    "OperatorStore",
    "Reconciler",
    "Settings",
    "Status",
    "at_once",
    "observed",
    "phase",
    "read_status",
    "terminal",
]
