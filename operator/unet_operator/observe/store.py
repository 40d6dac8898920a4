"""What the watches have seen, by training.  The only state that the operator keeps.

Newer beats older by resourceVersion, so that a watch that lags behind our own write cannot
take it back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator

from unet_operator.observe.objects import Body, Job, Pod, job, pod

Key = tuple[str, str]
"""(namespace, name) of a training."""

_KEPT = ("name", "namespace", "uid", "generation", "resourceVersion", "deletionTimestamp")


class Store:
    """Trainings, their Jobs and their pods."""

    def __init__(self) -> None:
        self._trainings: dict[Key, Body] = {}
        self._jobs: dict[Key, dict[str, tuple[int, Job]]] = defaultdict(dict)
        self._pods: dict[Key, dict[str, tuple[int, Pod]]] = defaultdict(dict)

    def training(self, key: Key) -> Body | None:
        """The training as last read or written."""
        return self._trainings.get(key)

    def trainings(self) -> Iterator[tuple[Key, Body]]:
        """All trainings."""
        return iter(tuple(self._trainings.items()))

    def jobs(self, key: Key, uid: str) -> dict[str, Job]:
        """The training's own Jobs, by name: those it controls, by uid."""
        found = self._jobs.get(key, {})
        return {name: entry[1] for name, entry in found.items() if entry[1].owner_uid == uid}

    def pods(self, key: Key, uid: str) -> tuple[Pod, ...]:
        """The training's own pods, by the uid in their labels: a namesake that was deleted may
        still have some."""
        found = self._pods.get(key, {}).values()
        return tuple(entry[1] for entry in found if entry[1].training_uid == uid)

    def put_training(self, body: Body) -> Key:
        """Takes a training in, unless a newer one is there."""
        meta = body["metadata"]
        key = (meta["namespace"], meta["name"])
        old = self._trainings.get(key)
        if old is None or version(body) >= version(old):
            self._trainings[key] = {
                "metadata": {k: meta[k] for k in _KEPT if k in meta},
                "spec": body.get("spec", {}),
                "status": body.get("status", {}),
            }
        return key

    def drop_training(self, body: Body) -> Key:
        """Forgets a training that was deleted, not one that followed under its name."""
        meta = body["metadata"]
        key = (meta["namespace"], meta["name"])
        old = self._trainings.get(key)
        if old is not None and old["metadata"]["uid"] == meta["uid"]:
            del self._trainings[key]
        return key

    def keep_trainings(self, listed: Collection[Key], since: int) -> set[Key]:
        """After a list read at version `since`, forgets what it did not hold; returns that."""
        gone = {
            key
            for key, body in self._trainings.items()
            if key not in listed and version(body) <= since
        }
        for key in gone:
            del self._trainings[key]
        return gone

    def put(self, kind: str, body: Body) -> Key:
        """Takes a Job or pod in, unless a newer one is there."""
        shelf, projected = self._project(kind, body)
        key = (projected.namespace, projected.training)
        entry = shelf[key].get(projected.name)
        if entry is None or version(body) >= entry[0]:
            shelf[key][projected.name] = (version(body), projected)
        return key

    def drop(self, kind: str, body: Body) -> Key:
        """Forgets a Job or pod that was deleted."""
        shelf, projected = self._project(kind, body)
        key = (projected.namespace, projected.training)
        entries = shelf.get(key, {})
        if projected.name in entries and entries[projected.name][1].uid == projected.uid:
            del entries[projected.name]
            if not entries:
                del shelf[key]
        return key

    def keep(self, kind: str, uids: set[str], since: int) -> set[Key]:
        """After a list read at version `since`, forgets what it did not hold."""
        shelf = self._jobs if kind == "jobs" else self._pods
        touched: set[Key] = set()
        for key, entries in tuple(shelf.items()):
            for name, (seen, item) in tuple(entries.items()):
                if item.uid not in uids and seen <= since:
                    del entries[name]
                    touched.add(key)
            if not entries:
                del shelf[key]
        return touched

    def _project(
        self, kind: str, body: Body
    ) -> tuple[dict[Key, dict[str, tuple[int, Job | Pod]]], Job | Pod]:
        return (self._jobs, job(body)) if kind == "jobs" else (self._pods, pod(body))


def version(body: Body) -> int:
    """The resourceVersion as a number: Kubernetes promises that they compare so (KEP-5504)."""
    text = body["metadata"].get("resourceVersion", "0")
    return int(text) if text.isdigit() else 0
