"""A yard upon a real API server: its scheduler and controllers, and a hand for a kubelet."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from support.hand_node import Api, HandNode
from support.operator.kubernetes.objects import Object
from support.operator.subject import JOBS, PODS
from support.operator.yard import PATIENCE, job_of_two

REST = 3.0
"""Seconds within which controllers do what they have to do at once."""


class RealYard:
    """See support.operator.yard.Yard, whose methods these are."""

    def __init__(self, api: Api, node: HandNode, namespace: str) -> None:
        self._api, self._node, self._namespace = api, node, namespace

    def make(self, name: str, *, cpu: str = "10m", **spec: object) -> None:
        """See Yard."""
        body = job_of_two(
            name,
            cpu=cpu,
            node=dict(self._node.selector),
            tolerations=list(self._node.tolerations),
            **spec,
        )
        self._api(self._api.cluster.create(JOBS, self._namespace, body))

    def job(self, name: str) -> Object:
        """See Yard."""
        found = self._api(self._api.cluster.get(JOBS, self._namespace, name))
        assert found is not None, f"there is no Job {name}"
        return {"status": {}, **dict(found)}

    def exists(self, name: str) -> bool:
        """See Yard."""
        return self._api(self._api.cluster.get(JOBS, self._namespace, name)) is not None

    def pods(self, name: str) -> list[Object]:
        """See Yard."""
        work = self._api.cluster.list(PODS, self._namespace, labelSelector=f"job-name={name}")
        found: list[Object] = [dict(pod) for pod in self._api(work)[0]]
        return sorted(found, key=lambda pod: str(pod["metadata"]["name"]))

    def run(self, name: str) -> list[str]:
        """See Yard."""
        self.until("two pods have a node", lambda: len(self._placed(name)) == 2)
        found = self._placed(name)
        for pod in found:
            self._node.run(self._namespace, pod)
        return found

    def end(self, pod: str, code: int) -> None:
        """See Yard."""
        self._node.end(self._namespace, pod, code)

    def patch(self, name: str, body: Object) -> None:
        """See Yard."""
        self._api(self._api.cluster.patch(JOBS, self._namespace, name, body))

    def delete(self, name: str) -> None:
        """See Yard."""
        uid = str(self.job(name)["metadata"]["uid"])
        self._api(self._api.cluster.delete(JOBS, self._namespace, name, uid))

    def delete_pod(self, name: str) -> None:
        """See Yard."""
        uid = self._node.pod(self._namespace, name)["metadata"]["uid"]
        self._api(self._api.cluster.delete(PODS, self._namespace, name, uid))

    def evict(self, pod: str) -> None:
        """See Yard."""
        self._node.evict(self._namespace, pod)

    def crowd(self, name: str) -> None:
        """See Yard: the scheduler looks by itself."""

    @contextmanager
    def kubelet_at_rest(self) -> Iterator[None]:
        """See Yard."""
        self._node.answers = False
        try:
            yield
        finally:
            self._node.answers = True

    def until(self, what: str, condition: Callable[[], object]) -> None:
        """See Yard."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, f"never: {what}"
            time.sleep(0.2)

    def settle(self) -> None:
        """See Yard.

        What must not happen has no sign to wait for; so it is given the time to.
        """
        time.sleep(REST)

    def _placed(self, name: str) -> list[str]:
        """Names of the pods that have the hand node and are not going, by index."""
        return [
            str(pod["metadata"]["name"])
            for pod in self.pods(name)
            if pod["spec"].get("nodeName") == self._node.name
            and "deletionTimestamp" not in pod["metadata"]
        ]
