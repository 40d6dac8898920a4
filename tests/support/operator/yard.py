"""Where Jobs are tried out: a namespace whose kubelet is the test, simulated or real.

`support.real_yard.RealYard` is the same upon a real API server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from support.operator.direct_client import DirectClient
from support.operator.kubernetes.cluster import SimulatedCluster
from support.operator.kubernetes.objects import Object, condition, holds
from support.operator.subject import FAIL_AT_ONCE, JOBS, PODS, RETRY_CRASHES, at_once

IMAGE = "unet.local/busybox:1"
NAMESPACE = "clinic"
PATIENCE = 120
"""Seconds of the cluster's time within which everything has happened that will."""


class Yard(Protocol):
    """What a statement about Jobs may do and see."""

    def make(self, name: str, *, cpu: str = "10m", **spec: object) -> None:
        """A Job of two pods, as the workers' is, with these fields of its spec."""

    def job(self, name: str) -> Object:
        """A Job, as the API server gives it."""

    def exists(self, name: str) -> bool:
        """Whether there is such a Job."""

    def pods(self, name: str) -> list[Object]:
        """The pods of a Job, by index."""

    def run(self, name: str) -> list[str]:
        """Waits until both pods have a node and runs them; returns their names by index."""

    def end(self, pod: str, code: int) -> None:
        """A pod's containers end with that code."""

    def patch(self, name: str, body: Object) -> None:
        """Patches a Job, as the operator does."""

    def delete(self, name: str) -> None:
        """Deletes a Job, as the operator does."""

    def delete_pod(self, name: str) -> None:
        """Somebody deletes a pod."""

    def evict(self, pod: str) -> None:
        """Somebody evicts a pod."""

    def crowd(self, name: str) -> None:
        """The scheduler looks at the pods of a Job that asks for too much."""

    def kubelet_at_rest(self) -> AbstractContextManager[None]:
        """For so long no pod that is told to go ends."""

    def until(self, what: str, condition: Callable[[], object]) -> None:
        """Returns once `condition()` is true; fails with `what` if it never is."""

    def settle(self) -> None:
        """Lets the controllers do what they have to do at once."""


def job_of_two(
    name: str, *, cpu: str, node: Object, tolerations: list[Object], **spec: object
) -> Object:
    """An Indexed Job of two pods that Pod Security `restricted` lets pass."""
    secure = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    worker = {
        "name": "worker",
        "image": IMAGE,
        "resources": {"requests": {"cpu": cpu}},
        "securityContext": secure,
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    template = {
        "metadata": {"labels": {"unet.dev/role": "worker"}},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 120,
            "nodeSelector": spec.pop("nodeSelector", node),
            "tolerations": tolerations,
            "containers": [worker],
        },
    }
    base: Object = {
        "template": template,
        "completionMode": "Indexed",
        "completions": 2,
        "parallelism": 2,
        "backoffLimit": 0,
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": FAIL_AT_ONCE,
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {**base, **spec},
    }


Statement = Callable[[Yard], None]
RETRIED: Object = {"podFailurePolicy": RETRY_CRASHES}
"""Of a Job whose pods are tried again when they crash."""


def said(yard: Yard, job: str, kind: str) -> Object:
    """A condition of a Job, once it is True."""
    yard.until(f"{job} says {kind}", lambda: holds(yard.job(job).get("status", {}), kind))
    found = condition(yard.job(job)["status"], kind)
    assert found is not None
    return found


def names(yard: Yard, job: str) -> list[str]:
    """Names of the pods of a Job, by index."""
    return [str(pod["metadata"]["name"]) for pod in yard.pods(job)]


def suspend(yard: Yard, job: str, value: bool = True) -> None:
    """Suspends a Job or lets it go."""
    yard.patch(job, {"spec": {"suspend": value}})


class SimulatedYard:
    """A yard in memory."""

    def __init__(self) -> None:
        self._cluster = SimulatedCluster()
        self._client = DirectClient(self._cluster)

    def make(self, name: str, *, cpu: str = "10m", **spec: object) -> None:
        """See Yard."""
        body = job_of_two(name, cpu=cpu, node={}, tolerations=[], **spec)
        at_once(self._client.create(JOBS, NAMESPACE, body))
        self.settle()

    def job(self, name: str) -> Object:
        """See Yard."""
        return self._cluster.store.get("jobs", NAMESPACE, name)

    def exists(self, name: str) -> bool:
        """See Yard."""
        return self._cluster.store.find("jobs", NAMESPACE, name) is not None

    def pods(self, name: str) -> list[Object]:
        """See Yard."""
        return self._cluster.store.select("pods", NAMESPACE, labels=f"job-name={name}")

    def run(self, name: str) -> list[str]:
        """See Yard."""
        self.settle()
        found = [str(pod["metadata"]["name"]) for pod in self.pods(name)]
        for pod in found:
            self._cluster.hand.run(NAMESPACE, pod)
        self.settle()
        return found

    def end(self, pod: str, code: int) -> None:
        """See Yard."""
        self._cluster.hand.end(NAMESPACE, pod, code)
        self.settle()

    def patch(self, name: str, body: Object) -> None:
        """See Yard."""
        at_once(self._client.patch(JOBS, NAMESPACE, name, body))
        self.settle()

    def delete(self, name: str) -> None:
        """See Yard."""
        uid = self.job(name)["metadata"]["uid"]
        at_once(self._client.delete(JOBS, NAMESPACE, name, uid))
        self.settle()

    def delete_pod(self, name: str) -> None:
        """See Yard."""
        uid = self._cluster.store.get("pods", NAMESPACE, name)["metadata"]["uid"]
        at_once(self._client.delete(PODS, NAMESPACE, name, uid))
        self.settle()

    def evict(self, pod: str) -> None:
        """See Yard."""
        self._cluster.hand.evict(NAMESPACE, pod)
        self.settle()

    def crowd(self, name: str) -> None:
        """See Yard."""
        for pod in self.pods(name):
            self._cluster.hand.no_room(NAMESPACE, pod["metadata"]["name"])

    @contextmanager
    def kubelet_at_rest(self) -> Iterator[None]:
        """See Yard."""
        self._cluster.hand.linger = float("inf")
        yield
        self._cluster.hand.linger = 0.0

    def until(self, what: str, condition: Callable[[], object]) -> None:
        """See Yard."""
        self.settle()
        for _ in range(PATIENCE):
            if condition():
                return
            self._cluster.advance(1)
        raise AssertionError(f"never: {what}")

    def settle(self) -> None:
        """See Yard."""
        self._cluster.settle()
