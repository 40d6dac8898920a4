"""Objects under the rules of the API server: versions, uids, generations, deletion.

An object is never changed in place, so whoever holds one holds what it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import count

from support.operator.kubernetes.clock import Clock, written
from support.operator.kubernetes.objects import Key, Object, ended, going, key_of, with_meta
from support.operator.kubernetes.patches import applied, merged
from support.operator.kubernetes.refusal import (
    Refusal,
    already_exists,
    conflict,
    invalid,
    not_found,
)
from support.operator.kubernetes.selectors import selects
from support.operator.kubernetes.validation import refused_change, with_defaults

STATUS_APART = {"jobs", "pods", "unettrainings"}
"""Kinds whose status is written through their subresource alone."""
COUNTED = {"jobs", "pods", "unettrainings", "networkpolicies"}
"""Kinds whose generation counts the changes of their spec."""
GRACE = 30
"""Seconds that a pod which says nothing else has to end."""


@dataclass(frozen=True)
class Change:
    """One thing that happened: what a watch tells of."""

    version: int
    type: str
    plural: str
    body: Object


class Store:
    """All objects of a cluster, and the log of their changes."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.objects: dict[Key, Object] = {}
        self.changes: list[Change] = []
        self.version = 100
        self.listeners: list[Callable[[], None]] = []
        """Called after every change."""
        self.refusals: dict[str, Refusal] = {}
        """Why, by its plural, an admission plugin such as a quota refuses what is new."""
        self._uids = count(1)
        self._applied: dict[Key, Object] = {}
        """What was last applied, by (plural, namespace, uid) of the object it was applied to."""

    def find(self, plural: str, namespace: str, name: str) -> Object | None:
        """An object, if it is there."""
        return self.objects.get((plural, namespace, name))

    def get(self, plural: str, namespace: str, name: str) -> Object:
        """An object.

        Raises:
            Refusal: there is none.
        """
        found = self.find(plural, namespace, name)
        if found is None:
            raise not_found(plural, name)
        return found

    def all(self, plural: str) -> Iterator[Object]:
        """The objects of a kind, as they are now."""
        return iter([body for key, body in self.objects.items() if key[0] == plural])

    def select(
        self, plural: str, namespace: str = "", labels: str = "", fields: str = ""
    ) -> list[Object]:
        """The objects of a kind that fit, by name; an empty namespace is any."""
        return [
            body
            for (kind, place, _), body in sorted(self.objects.items(), key=lambda entry: entry[0])
            if kind == plural and namespace in ("", place) and selects(body, labels, fields)
        ]

    def create(self, plural: str, namespace: str, body: Object) -> Object:
        """Makes an object; what only the API server says is said anew."""
        name = body["metadata"]["name"]
        if (plural, namespace, name) in self.objects:
            raise already_exists(plural, name)
        if plural in self.refusals:
            raise self.refusals[plural]
        made = with_meta(
            body,
            namespace=namespace,
            uid=self.new_uid(),
            creationTimestamp=self.clock.stamp(),
            generation=1 if plural in COUNTED else None,
        )
        if plural in STATUS_APART:
            made["status"] = {"phase": "Pending"} if plural == "pods" else {}
        return self.keep(plural, with_defaults(made) if plural == "jobs" else made, "ADDED")

    def replace(self, plural: str, namespace: str, name: str, body: Object) -> Object:
        """Puts a whole object in the place of one that has not changed since it was read."""
        old = self.get(plural, namespace, name)
        if body["metadata"].get("resourceVersion") not in (None, _version(old)):
            raise conflict(plural, name)
        meta = {**old["metadata"], **body["metadata"]}
        return self._update(plural, old, {**body, "metadata": meta}, status=False)

    def patch(
        self, plural: str, namespace: str, name: str, body: Object, *, status: bool = False
    ) -> Object:
        """Merges `body` into an object, or into its status and nothing else."""
        old = self.get(plural, namespace, name)
        meta = body.get("metadata", {})
        if meta.get("resourceVersion", _version(old)) != _version(old):
            raise conflict(plural, name)
        if meta.get("uid", old["metadata"]["uid"]) != old["metadata"]["uid"]:
            raise invalid(plural, name, "metadata.uid", "field is immutable")
        parts = {"status"} if status else set(body) - ({"status"} & _apart(plural))
        change = {part: merged(old.get(part), body[part]) for part in parts & set(body)}
        return self._update(plural, old, {**old, **change}, status=status)

    def apply(self, plural: str, namespace: str, name: str, body: Object) -> Object:
        """Server-side apply by the operator, the only one here that applies."""
        old = self.find(plural, namespace, name)
        if old is None:
            made = self.create(plural, namespace, body)
        else:
            before = self._applied.get((plural, namespace, old["metadata"]["uid"]), {})
            made = self._update(plural, old, applied(old, before, body), status=False)
        self._applied[plural, namespace, made["metadata"]["uid"]] = body
        return made

    def delete(
        self,
        plural: str,
        namespace: str,
        name: str,
        *,
        uid: str | None = None,
        grace: int | None = None,
    ) -> None:
        """Deletes an object: at once, or when its grace is over and its finalizers are gone."""
        old = self.get(plural, namespace, name)
        if uid is not None and uid != old["metadata"]["uid"]:
            raise conflict(plural, name)
        left = _grace(old, grace) if plural == "pods" else 0
        if left == 0 and not old["metadata"].get("finalizers"):
            self.drop(plural, namespace, name)
            return
        if going(old) and old["metadata"].get("deletionGracePeriodSeconds", 0) <= left:
            return
        until = written(self.clock.now + timedelta(seconds=left))
        self.keep(plural, with_meta(old, deletionTimestamp=until, deletionGracePeriodSeconds=left))

    def set_status(self, plural: str, body: Object, status: Object) -> Object:
        """Writes the status of `body`, as controllers and kubelets do."""
        _, namespace, name = key_of(plural, body)
        old = self.get(plural, namespace, name)
        return self._update(plural, old, {**old, "status": status}, status=True)

    def set_finalizers(self, plural: str, body: Object, finalizers: list[str]) -> None:
        """Says who holds an object; one that is held by nobody and being deleted goes."""
        _, namespace, name = key_of(plural, body)
        old = self.get(plural, namespace, name)
        new = with_meta(old, finalizers=finalizers or None)
        self._update(plural, old, new, status=False)

    def keep(self, plural: str, body: Object, type_: str = "MODIFIED") -> Object:
        """Keeps `body` as it is, whatever was there, and tells of it."""
        self.version += 1
        kept = with_meta(body, resourceVersion=str(self.version))
        self.objects[key_of(plural, kept)] = kept
        self.tell(Change(self.version, type_, plural, kept))
        return kept

    def drop(self, plural: str, namespace: str, name: str) -> None:
        """Takes an object away, whoever holds it, and tells of it."""
        self.version += 1
        gone = with_meta(
            self.objects.pop((plural, namespace, name)), resourceVersion=str(self.version)
        )
        self.tell(Change(self.version, "DELETED", plural, gone))

    def tell(self, change: Change) -> None:
        """Adds to the log of changes."""
        self.changes.append(change)
        for listener in self.listeners:
            listener()

    def as_of(self, version: int) -> dict[Key, Object]:
        """The objects as they were at that version: what a stale cache still answers."""
        found: dict[Key, Object] = {}
        for change in self.changes:
            if change.version > version:
                break
            if change.type == "DELETED":
                found.pop(key_of(change.plural, change.body), None)
            elif change.type != "BOOKMARK":
                found[key_of(change.plural, change.body)] = change.body
        return found

    def new_uid(self) -> str:
        """A uid that no object has."""
        return f"00000000-0000-4000-8000-{next(self._uids):012d}"

    def _update(self, plural: str, old: Object, new: Object, *, status: bool) -> Object:
        new = with_meta(new, resourceVersion=_version(old))
        if plural in STATUS_APART and not status:
            new = {**new, "status": old.get("status", {})}
        if new == old:
            return old
        if plural == "jobs" and not status:
            fault: Refusal | None = refused_change(old, new)
            if fault is not None:
                raise fault
        if plural in COUNTED and new.get("spec") != old.get("spec"):
            new = with_meta(new, generation=old["metadata"].get("generation", 1) + 1)
        kept = self.keep(plural, new)
        over = not kept["metadata"].get("deletionGracePeriodSeconds")
        if going(kept) and over and not kept["metadata"].get("finalizers"):
            self.drop(*key_of(plural, kept))
        return kept


def _apart(plural: str) -> set[str]:
    return {"status"} if plural in STATUS_APART else set()


def _grace(pod: Object, asked: int | None) -> int:
    """Seconds that a pod has to end: none where no process of it can run."""
    if ended(pod) or not pod["spec"].get("nodeName"):
        return 0
    return int(pod["spec"].get("terminationGracePeriodSeconds", GRACE)) if asked is None else asked


def _version(body: Object) -> str:
    return str(body["metadata"]["resourceVersion"])
