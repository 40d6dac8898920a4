"""A node whose kubelet is the test: pods are scheduled to it, and do what the test says.

API server, scheduler and Job controller are real; only what runs inside containers is not.
So every end of every pod can be had at once, without an image.  `Hand` in
`support.operator.kubernetes.hand` offers the same for the pods of a simulated cluster.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import uuid4

from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration
from unet_operator.cluster.client import Cluster
from unet_operator.cluster.errors import ApiError
from unet_operator.cluster.kinds import LEASES, PODS, Kind
from unet_operator.cluster.rate_limit import TokenBucket
from unet_operator.cluster.transport import Request

from support.operator.kubernetes import pod_status
from support.operator.kubernetes.objects import Object

Result = TypeVar("Result")
NODES = Kind("v1", "nodes")
HAND = "unet.dev/hand"
"""Key of its taint and of the label by which pods ask for it."""
LEASE_NAMESPACE = "kube-node-lease"
ROOM = {"cpu": "64", "memory": "256Gi", "pods": "200", "ephemeral-storage": "100Gi"}
BEAT = 5.0
"""Seconds between two signs of life; a node is called lost after 20."""


class Api:
    """The API server as the administrator sees it, for code that does not await."""

    def __init__(self, kubeconfig: str) -> None:
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.cluster: Cluster = self(_connect(kubeconfig))

    def __call__(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Runs `work` to its end."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(120)

    def get(self, kind: Kind, namespace: str, name: str) -> Object:
        """An object; fails when it is not there."""
        found = self(self.cluster.get(kind, namespace, name))
        assert found is not None, f"{namespace} has no {name} among its {kind.plural}"
        return dict(found)

    def listed(self, kind: Kind, namespace: str, **query: str) -> list[Object]:
        """Objects of a namespace, as labelSelector and fieldSelector say."""
        return [dict(body) for body in self(self.cluster.list(kind, namespace, **query)).objects]

    def try_out(self, kind: Kind, namespace: str, body: Object) -> None:
        """Creates an object, but for keeping it; raises ApiError when it is refused.

        A field that is unknown or comes twice is refused, as it is by kubectl.
        """
        query = {"dryRun": "All", "fieldValidation": "Strict"}
        request = Request("POST", kind.path(namespace), kind.plural, query, body)
        self(self.cluster._transport.fetch(request))

    def close(self) -> None:
        """Closes the connections."""
        self(self.cluster.close())
        self.loop.call_soon_threadsafe(self.loop.stop)


async def _connect(kubeconfig: str) -> Cluster:
    configuration = Configuration()
    await config.load_kube_config(
        config_file=kubeconfig or None, client_configuration=configuration
    )
    return Cluster(ApiClient(configuration), TokenBucket(1e6, 10**6))


def now(form: str = "%Y-%m-%dT%H:%M:%SZ") -> str:
    """The present time as Kubernetes writes it."""
    return datetime.now(UTC).strftime(form)


class HandNode:
    """See the module.  Pods reach it by `selector` and `tolerations`."""

    def __init__(self, api: Api) -> None:
        self.api, self.name = api, f"hand-{uuid4().hex[:8]}"
        self._stop = threading.Event()
        self.answers = True
        """Whether it still gives signs of life."""
        self.api(self._create())
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()

    @property
    def selector(self) -> dict[str, str]:
        """What pods must select to come here."""
        return {HAND: self.name}

    @property
    def tolerations(self) -> list[dict[str, str]]:
        """What pods must tolerate to come here."""
        return [{"key": HAND, "operator": "Exists", "effect": "NoSchedule"}]

    def close(self) -> None:
        """Takes the node away."""
        self._stop.set()
        self._thread.join()
        self.api(self._remove())

    def run(self, namespace: str, pod: str) -> None:
        """All containers of a pod run and are ready, its init containers are done."""
        self._set(namespace, pod, pod_status.running(self.pod(namespace, pod), now()))

    def meet(self, namespace: str, pod: str) -> None:
        """A pod's init containers run, as the launcher's rendezvous does."""
        self._set(namespace, pod, pod_status.meeting(self.pod(namespace, pod), now()))

    def end(self, namespace: str, pod: str, code: int = 0, said: Object | None = None) -> None:
        """A pod's main containers end with that code and these last words."""
        self._set(namespace, pod, pod_status.done(self.pod(namespace, pod), code, said, now()))

    def evict(self, namespace: str, pod: str) -> None:
        """Somebody evicts a pod, as `kubectl drain` does."""
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod, "namespace": namespace},
        }
        path = PODS.path(namespace, pod, "eviction")
        request = Request("POST", path, PODS.plural, body=eviction)
        self.api(self.api.cluster._transport.fetch(request))

    def pod(self, namespace: str, pod: str) -> Object:
        """A pod, as the API server gives it."""
        return self.api.get(PODS, namespace, pod)

    def _set(self, namespace: str, pod: str, status: Object) -> None:
        self.api(self.api.cluster.patch(PODS, namespace, pod, {"status": status}, sub="status"))

    async def _create(self) -> None:
        cluster = self.api.cluster
        taint = {"key": HAND, "value": self.name, "effect": "NoSchedule"}
        await cluster.create(
            NODES,
            None,
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": self.name, "labels": self.selector},
                "spec": {"taints": [taint]},
            },
        )
        await self._beat()
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "ByHand",
            "lastHeartbeatTime": now(),
            "lastTransitionTime": now(),
        }
        status = {"capacity": ROOM, "allocatable": ROOM, "conditions": [ready]}
        await cluster.patch(NODES, None, self.name, {"status": status}, sub="status")
        for _ in range(600):
            node: Object = dict(await cluster.get(NODES, None, self.name) or {})
            if len(node["spec"].get("taints", [])) == 1:
                return
            await asyncio.sleep(0.1)
        raise AssertionError("the node lifecycle controller does not take the node as ready")

    async def _beat(self) -> None:
        renewed = {
            "holderIdentity": self.name,
            "leaseDurationSeconds": 40,
            "renewTime": now("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
        cluster = self.api.cluster
        try:
            await cluster.patch(LEASES, LEASE_NAMESPACE, self.name, {"spec": renewed})
        except ApiError as error:
            if error.status != 404:
                raise
            lease = {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": self.name, "namespace": LEASE_NAMESPACE},
                "spec": renewed,
            }
            await cluster.create(LEASES, LEASE_NAMESPACE, lease)

    def _live(self) -> None:
        due = 0.0
        while not self._stop.wait(0.2):
            if not self.answers:
                continue
            if time.monotonic() > due:
                self.api(self._beat())
                due = time.monotonic() + BEAT
            self.api(self._bury())

    async def _bury(self) -> None:
        """Ends the pods that were told to go, as a kubelet does within their grace."""
        cluster = self.api.cluster
        listed = await cluster.list(PODS, None, fieldSelector=f"spec.nodeName={self.name}")
        pods: list[Object] = [dict(body) for body in listed.objects]
        for pod in pods:
            meta: Object = pod["metadata"]
            if "deletionTimestamp" not in meta:
                continue
            if pod["status"].get("phase") not in ("Succeeded", "Failed"):
                status = pod_status.done(pod, pod_status.KILLED, None, now())
                status.pop("conditions")
                await _if_there(
                    cluster.patch(
                        PODS, meta["namespace"], meta["name"], {"status": status}, sub="status"
                    )
                )
            now_ = {"gracePeriodSeconds": 0, "preconditions": {"uid": meta["uid"]}}
            await _if_there(self._delete(PODS, meta["namespace"], meta["name"], now_))

    async def _remove(self) -> None:
        for kind, namespace in ((NODES, None), (LEASES, LEASE_NAMESPACE)):
            await _if_there(self._delete(kind, namespace, self.name, {}))

    async def _delete(self, kind: Kind, namespace: str | None, name: str, body: Object) -> None:
        """Deletes as the operator never does: at once, whatever the object's uid."""
        request = Request("DELETE", kind.path(namespace, name), kind.plural, body=body)
        await self.api.cluster._transport.fetch(request)


async def _if_there(work: Coroutine[Any, Any, object]) -> None:
    try:
        await work
    except ApiError as error:
        if error.status not in (404, 409):
            raise
