"""Scheduler and kubelet whose every step is the test's: what pods do is what it says.

`support.hand_node.HandNode` offers the same `run`, `meet` and `end` for pods of a real API
server.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from support.operator.kubernetes import pod_status
from support.operator.kubernetes.clock import Clock, read
from support.operator.kubernetes.objects import Object, ended, going, key_of, with_condition
from support.operator.kubernetes.store import Store

NO_ROOM = "0/3 nodes are available: 3 Insufficient cpu."
TAINTED, REMOVED = "DeletionByTaintManager", "DeletionByPodGC"
"""Why a pod is taken away whose node stopped answering, and whose node is gone."""


class Hand:
    """Places pods, each on a node of its own, and runs and ends their containers."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self.linger = 0.0
        """Seconds that containers take to end once they are told to; their grace at most."""
        self.seen_ended = False
        """Whether controllers see a pod that ended before it is gone, as most often they do."""
        self.logs: dict[tuple[str, str], str] = {}
        """Log of (pod, container)."""
        self._silent: set[str] = set()
        """uids of pods whose node stopped answering."""

    def place(self, namespace: str, pod: str) -> None:
        """The scheduler finds a node for a pod."""
        found = self._pod(namespace, pod)
        if found["spec"].get("nodeName"):
            return
        bound = {**found, "spec": {**found["spec"], "nodeName": f"node-of-{pod}"}}
        self._write(self._store.keep("pods", bound), PodScheduled=("True", "", ""))

    def no_room(self, namespace: str, pod: str, why: str = NO_ROOM) -> None:
        """The scheduler finds no node for a pod."""
        found = self._pod(namespace, pod)
        if not found["spec"].get("nodeName"):
            self._write(found, PodScheduled=("False", "Unschedulable", why))

    def run(self, namespace: str, pod: str) -> None:
        """All containers of a pod run and are ready, its init containers are done."""
        self.place(namespace, pod)
        found = self._pod(namespace, pod)
        self._set(found, pod_status.running(found, self._clock.stamp()))

    def meet(self, namespace: str, pod: str) -> None:
        """A pod's init containers run, as the launcher's rendezvous does."""
        self.place(namespace, pod)
        found = self._pod(namespace, pod)
        self._set(found, pod_status.meeting(found, self._clock.stamp()))

    def end(self, namespace: str, pod: str, code: int = 0, said: Object | None = None) -> None:
        """A pod's main containers end with that code and these last words."""
        self.place(namespace, pod)
        found = self._pod(namespace, pod)
        self._set(found, pod_status.done(found, code, said, self._clock.stamp()))

    def fail_early(self, namespace: str, pod: str, code: int, said: Object | None = None) -> None:
        """A pod's init containers end with that code."""
        self.place(namespace, pod)
        found = self._pod(namespace, pod)
        self._set(found, pod_status.failed_early(found, code, said, self._clock.stamp()))

    def keep_waiting(self, namespace: str, pod: str, reason: str, message: str = "") -> None:
        """A pod's first container cannot start."""
        self.place(namespace, pod)
        found = self._pod(namespace, pod)
        status = pod_status.kept_waiting(found, reason, message, self._clock.stamp())
        self._set(found, status)

    def evict(self, namespace: str, pod: str, reason: str = "EvictionByEvictionAPI") -> None:
        """A pod is told to go; an empty reason is somebody who simply deletes it."""
        found = self._pod(namespace, pod)
        if reason:
            found = self._set(
                found, pod_status.disrupted(found["status"], reason, self._clock.stamp())
            )
        self._store.delete(*key_of("pods", found))

    def silence(self, namespace: str, pod: str) -> None:
        """A pod's node stops answering: the pod is told to go, and its last news stays."""
        self.place(namespace, pod)
        found = self._pod(namespace, pod)
        if not found["status"].get("containerStatuses"):
            self.run(namespace, pod)
        self._silent.add(found["metadata"]["uid"])
        self._write(self._pod(namespace, pod), Ready=("False", "NodeStatusUnknown", ""))
        self.evict(namespace, pod, TAINTED)

    def remove_node(self, namespace: str, pod: str) -> None:
        """A pod's node is taken out of the cluster: the pod goes without a word."""
        found = self._pod(namespace, pod)
        status = pod_status.disrupted(found["status"], REMOVED, self._clock.stamp())
        self._set(found, {**status, "phase": "Failed"})
        self._store.delete(*key_of("pods", found), grace=0)

    def is_silent(self, pod: Object) -> bool:
        """Whether the pod's node stopped answering."""
        return pod["metadata"]["uid"] in self._silent

    def see_off(self) -> None:
        """Pods that were told to go end once they have lingered; those without a node at once.

        The latter is the pod garbage collector's work, which a real cluster does every 20 s.
        """
        for pod in self._store.all("pods"):
            if not going(pod) or self.is_silent(pod):
                continue
            placed = bool(pod["spec"].get("nodeName"))
            if not ended(pod):
                if placed and self._clock.now < self._over(pod):
                    continue
                fresh = pod_status.done(pod, pod_status.KILLED, None, self._clock.stamp())
                self._set(pod, fresh if placed else {**pod["status"], "phase": "Failed"})
                if self.seen_ended:
                    continue
            self._store.delete(*key_of("pods", pod), grace=0)

    def _over(self, pod: Object) -> datetime:
        """When the containers of a pod that was told to go have ended."""
        meta = pod["metadata"]
        grace = meta.get("deletionGracePeriodSeconds", 0)
        told = read(meta["deletionTimestamp"]) - timedelta(seconds=grace)
        return told + timedelta(seconds=min(self.linger, grace))

    def _pod(self, namespace: str, pod: str) -> Object:
        return self._store.get("pods", namespace, pod)

    def _set(self, pod: Object, status: Object) -> Object:
        known = pod["status"].get("conditions", ())
        fresh = {c["type"] for c in status.get("conditions", ())}
        kept = [c for c in known if c["type"] not in fresh]
        conditions = [*status.get("conditions", ()), *kept]
        return self._store.set_status("pods", pod, {**status, "conditions": conditions})

    def _write(self, pod: Object, **conditions: tuple[str, str, str]) -> Object:
        """Writes conditions of a pod, each as (status, reason, message)."""
        held = pod["status"].get("conditions", ())
        for kind, (value, reason, message) in conditions.items():
            new = {"type": kind, "status": value, "reason": reason, "message": message}
            held = with_condition(held, {**new, "lastTransitionTime": self._clock.stamp()})
        return self._store.set_status("pods", pod, {**pod["status"], "conditions": list(held)})
