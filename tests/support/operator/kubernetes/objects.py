"""Objects as the API server gives them: JSON, held as it is and never changed in place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Object = dict[str, Any]
"""One JSON object.  Its values are whatever JSON holds: tests subscript them freely."""
Key = tuple[str, str, str]
"""Where an object is kept: (plural, namespace, name)."""

ENDED = ("Succeeded", "Failed")
"""Phases of a pod none of whose containers can run any more."""


def key_of(plural: str, body: Object) -> Key:
    """Where `body` is kept."""
    meta = body["metadata"]
    return plural, meta.get("namespace", ""), meta["name"]


def with_meta(body: Object, **fields: object) -> Object:
    """`body` with fields of its metadata replaced; None takes a field away."""
    meta = {**body["metadata"], **fields}
    return {**body, "metadata": {name: value for name, value in meta.items() if value is not None}}


def condition(status: Object, kind: str) -> Object | None:
    """The condition of that type, if it is there."""
    return next((c for c in status.get("conditions", ()) if c["type"] == kind), None)


def holds(status: Object, kind: str) -> bool:
    """Whether the condition of that type is True."""
    found = condition(status, kind)
    return found is not None and found["status"] == "True"


def with_condition(conditions: Iterable[Object], new: Object) -> list[Object]:
    """The conditions with `new` in the place of the one of its type, or at the end."""
    known = list(conditions)
    if any(c["type"] == new["type"] for c in known):
        return [new if c["type"] == new["type"] else c for c in known]
    return [*known, new]


def phase(pod: Object) -> str:
    """A pod's phase."""
    return str(pod.get("status", {}).get("phase", "Pending"))


def ended(pod: Object) -> bool:
    """Whether a pod has ended."""
    return phase(pod) in ENDED


def going(body: Object) -> bool:
    """Whether an object is being deleted."""
    return "deletionTimestamp" in body["metadata"]


def controller_of(body: Object) -> str:
    """uid of the object's controller, empty when it has none."""
    owners = body["metadata"].get("ownerReferences", ())
    return next((str(o["uid"]) for o in owners if o.get("controller")), "")
