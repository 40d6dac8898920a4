"""A launcher's log that cannot be had does not keep the rest from being seen."""

from __future__ import annotations

import asyncio

from support.operator import making
from unet_operator.api import names
from unet_operator.cluster.errors import ApiError
from unet_operator.loop.read import Reader
from unet_operator.observe.store import Store


class SilentNode:
    """A cluster with both claims whose node does not answer for a log."""

    def __init__(self) -> None:
        self.asked = 0

    async def get(self, kind, namespace, name):
        return {"metadata": {"name": name}, "spec": {"accessModes": ["ReadWriteMany"]}}

    async def logs(self, namespace, pod, container, lines):
        self.asked += 1
        raise ApiError(500, "InternalError", "dial tcp 10.200.0.21:10250: no route to host")

    async def serves(self, kind):
        return False


def launcher() -> dict:
    labels = names.labels(making.NAME, making.UID, "launcher", 1)
    ended = {"name": "rendezvous", "state": {"terminated": {"exitCode": 0}}}
    running = {"name": "launch", "state": {"running": {}}}
    return {
        "metadata": {
            "name": "l",
            "uid": "l",
            "namespace": making.NAMESPACE,
            "labels": labels,
            "resourceVersion": "1",
        },
        "spec": {"nodeName": "node-1"},
        "status": {
            "phase": "Running",
            "initContainerStatuses": [ended],
            "containerStatuses": [running],
        },
    }


def test_a_node_that_gives_no_log_is_asked_again_after_a_while_and_no_sooner():
    cluster, store, times = SilentNode(), Store(), [making.NOW]
    store.put("pods", launcher())
    reader = Reader(cluster, store, lambda: times[-1])

    def read():
        return asyncio.run(reader.read(making.running()))

    assert [pod.name for pod in read().pods] == ["l"]
    read()
    assert cluster.asked == 1
    times.append(making.after(16))
    read()
    assert cluster.asked == 2
