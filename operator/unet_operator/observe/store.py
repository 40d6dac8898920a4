"""What the watches have seen, by training.  The only state that the operator keeps.

Newer beats older by resourceVersion, so that a watch that lags behind our own write cannot
take it back.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from unet_operator.api.json_object import (
    JsonObject,
    metadata_of,
    required_text,
    resource_version,
    section,
    text,
    version_number,
)
from unet_operator.observe.objects import Job, Pod
from unet_operator.observe.parse import parse_job, parse_pod

Key = tuple[str, str]
"""(namespace, name) of a training."""
Child = TypeVar("Child", Job, Pod)

_KEPT = ("name", "namespace", "uid", "generation", "resourceVersion", "deletionTimestamp")


@dataclass(frozen=True, slots=True)
class StoredTraining:
    """A UNetTraining as last read or written.

    Its spec and status stay as they came: `api.resource` parses them when it is worked on, and
    a status is written as the difference to what there is.
    """

    namespace: str
    name: str
    uid: str
    version: str
    """resourceVersion."""
    body: JsonObject
    """The metadata that are needed, spec and status."""

    @property
    def key(self) -> Key:
        """What it is known by."""
        return self.namespace, self.name

    @property
    def status(self) -> JsonObject:
        """Its status as JSON; empty before it was first looked at."""
        return section(self.body, "status")

    @property
    def phase(self) -> str:
        """status.phase; empty before it was first looked at."""
        return text(self.status, "phase")


def parse_training(body: JsonObject) -> StoredTraining:
    """Keeps of a UNetTraining what is needed.

    Raises:
        UnreadableError: a field is not what the API says.
    """
    meta = metadata_of(body)
    return StoredTraining(
        namespace=required_text(meta, "namespace"),
        name=required_text(meta, "name"),
        uid=text(meta, "uid"),
        version=resource_version(body),
        body={
            "metadata": {field: meta[field] for field in _KEPT if field in meta},
            "spec": section(body, "spec"),
            "status": section(body, "status"),
        },
    )


class _Shelf(Generic[Child]):
    """The Jobs or the pods, by training and name, each with its resourceVersion as a number."""

    def __init__(self, parse: Callable[[JsonObject], Child]) -> None:
        self._parse: Callable[[JsonObject], Child] = parse
        self._children: dict[Key, dict[str, tuple[int, Child]]] = {}

    def __len__(self) -> int:
        return len(self._children)

    def of(self, key: Key) -> list[Child]:
        """Those under the training's name."""
        return [child for _, child in self._children.get(key, {}).values()]

    def put(self, body: JsonObject) -> Key:
        child, version = self._parse(body), version_number(resource_version(body))
        key = (child.namespace, child.training)
        siblings = self._children.setdefault(key, {})
        known = siblings.get(child.name)
        if known is None or version >= known[0]:
            siblings[child.name] = (version, child)
        return key

    def drop(self, body: JsonObject) -> Key:
        child = self._parse(body)
        key = (child.namespace, child.training)
        siblings = self._children.get(key, {})
        if child.name in siblings and siblings[child.name][1].uid == child.uid:
            del siblings[child.name]
            if not siblings:
                del self._children[key]
        return key

    def keep(self, uids: Collection[str], since: int) -> set[Key]:
        touched: set[Key] = set()
        for key, siblings in tuple(self._children.items()):
            for name, (version, child) in tuple(siblings.items()):
                if child.uid not in uids and version <= since:
                    del siblings[name]
                    touched.add(key)
            if not siblings:
                del self._children[key]
        return touched


class Store:
    """Trainings, their Jobs and their pods."""

    def __init__(self) -> None:
        self._trainings: dict[Key, StoredTraining] = {}
        self._jobs = _Shelf(parse_job)
        self._pods = _Shelf(parse_pod)

    def training(self, key: Key) -> StoredTraining | None:
        """The training as last read or written."""
        return self._trainings.get(key)

    def trainings(self) -> Iterator[StoredTraining]:
        """All trainings."""
        return iter(tuple(self._trainings.values()))

    def jobs(self, key: Key, uid: str) -> dict[str, Job]:
        """The training's own Jobs, by name: those it controls, by uid."""
        return {job.name: job for job in self._jobs.of(key) if job.owner_uid == uid}

    def pods(self, key: Key, uid: str) -> tuple[Pod, ...]:
        """The training's own pods, by the uid in their labels: a namesake that was deleted may
        still have some."""
        return tuple(pod for pod in self._pods.of(key) if pod.training_uid == uid)

    def put_training(self, body: JsonObject) -> StoredTraining:
        """Takes a training in, unless a newer one is there; returns the one it was given."""
        training = parse_training(body)
        known = self._trainings.get(training.key)
        newest = version_number(known.version) if known else 0
        if known is None or version_number(training.version) >= newest:
            self._trainings[training.key] = training
        return training

    def drop_training(self, key: Key, uid: str) -> None:
        """Forgets a training that was deleted, not one that followed under its name."""
        known = self._trainings.get(key)
        if known is not None and known.uid == uid:
            del self._trainings[key]

    def keep_trainings(self, listed: Collection[Key], since: str) -> set[Key]:
        """After a list read at resourceVersion `since`, forgets what it did not hold.

        Returns:
            What was forgotten.
        """
        gone = {
            key
            for key, training in self._trainings.items()
            if key not in listed and version_number(training.version) <= version_number(since)
        }
        for key in gone:
            del self._trainings[key]
        return gone

    def put(self, plural: str, body: JsonObject) -> Key:
        """Takes a Job or pod in, unless a newer one is there; returns whose it is."""
        return self._shelf(plural).put(body)

    def drop(self, plural: str, body: JsonObject) -> Key:
        """Forgets a Job or pod that was deleted; returns whose it was."""
        return self._shelf(plural).drop(body)

    def keep(self, plural: str, uids: Collection[str], since: str) -> set[Key]:
        """After a list read at resourceVersion `since`, forgets what it did not hold.

        Returns:
            Whose Jobs or pods were forgotten.
        """
        return self._shelf(plural).keep(uids, version_number(since))

    def _shelf(self, plural: str) -> _Shelf[Job] | _Shelf[Pod]:
        return self._jobs if plural == "jobs" else self._pods
