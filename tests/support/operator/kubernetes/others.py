"""Other actors in the cluster: another controller, an administrator, an older version.

Each method is one thing that somebody else does to what is ours, whether a test likes it or
not; what the API server forbids, it forbids them too.
"""

from __future__ import annotations

from support.operator.kubernetes.clock import Clock
from support.operator.kubernetes.objects import Object, with_condition, with_meta
from support.operator.kubernetes.store import Store

HUGE = 10**12
"""A number that no clock and no counter was made for."""
HOLD = "example.com/hold"
"""A finalizer of somebody who never lets go by himself."""


class Others:
    """What somebody else does."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def suspend(self, namespace: str, job: str, suspend: bool = True) -> None:
        """A queue suspends a Job, or lets it go."""
        self._store.patch("jobs", namespace, job, {"spec": {"suspend": suspend}})

    def release(self, namespace: str, job: str) -> None:
        """A queue lets a Job go, whoever had suspended it."""
        self.suspend(namespace, job, False)

    def edit(self, namespace: str, job: str, patch: Object) -> None:
        """Somebody edits a Job.

        Raises:
            Refusal: the API server does not take that edit.
        """
        self._store.patch("jobs", namespace, job, patch)

    def delete(self, namespace: str, job: str) -> None:
        """Somebody deletes a Job."""
        self._store.delete("jobs", namespace, job)

    def hold(self, plural: str, namespace: str, name: str) -> None:
        """Somebody's finalizer keeps an object from going."""
        body = self._store.get(plural, namespace, name)
        held = body["metadata"].get("finalizers", [])
        self._store.set_finalizers(plural, body, [*held, HOLD])

    def let_go(self, plural: str, namespace: str, name: str) -> None:
        """That finalizer is taken away."""
        body = self._store.get(plural, namespace, name)
        held = [f for f in body["metadata"].get("finalizers", ()) if f != HOLD]
        self._store.set_finalizers(plural, body, held)

    def spoil_status(self, namespace: str, name: str, /, **fields: object) -> None:
        """Another version of the operator, or a person, leaves fields in a training's status."""
        body = self._store.get("unettrainings", namespace, name)
        self._store.set_status("unettrainings", body, {**body.get("status", {}), **fields})

    def add_condition(self, namespace: str, training: str, kind: str) -> None:
        """Somebody adds a condition of a type that the operator does not know."""
        body = self._store.get("unettrainings", namespace, training)
        status = body.get("status", {})
        new = {
            "type": kind,
            "status": "True",
            "reason": "Foreign",
            "message": "set by somebody else",
            "lastTransitionTime": self._clock.stamp(),
        }
        conditions = with_condition(status.get("conditions", ()), new)
        self._store.set_status("unettrainings", body, {**status, "conditions": conditions})

    def store_spec(self, namespace: str, name: str, /, **sections: Object) -> None:
        """A spec that was stored under an older schema holds what today's would refuse."""
        body = self._store.get("unettrainings", namespace, name)
        spec = {k: {**body["spec"].get(k, {}), **fields} for k, fields in sections.items()}
        generation = body["metadata"].get("generation", 1) + 1
        stored = with_meta({**body, "spec": {**body["spec"], **spec}}, generation=generation)
        self._store.keep("unettrainings", stored)
