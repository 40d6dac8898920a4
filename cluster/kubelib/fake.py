"""Fake nodes by kwok: their pods are said to run, and nothing does.  For scale tests."""

from __future__ import annotations

import json

from . import api, cgroups, files, gobuild, pki, processes, settings
from .settings import SOURCE, Cluster

SELECTOR = "type=kwok"


def scale(cluster: Cluster, count: int) -> None:
    """Makes the cluster have `count` fake nodes, each of 32 CPUs and 256 GiB.

    They are tainted ``kwok.x-k8s.io/node=fake:NoSchedule``: only pods that tolerate it
    land there.
    """
    gobuild.build_one("kwok", cluster.bin, cluster.logs)
    processes.start(
        cluster,
        "kwok",
        [
            str(cluster.bin / "kwok"),
            f"--kubeconfig={_kubeconfig(cluster)}",
            "--manage-all-nodes=false",
            "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
            "--node-lease-duration-seconds=40",
            f"--cidr={settings.FAKE_POD_RANGE}",
            f"--node-ip={settings.CONTROL_PLANE_IP}",
            f"--config={SOURCE}/manifests/kwok-stages.yaml",
        ],
        cgroups.CONTROL_PLANE,
        cluster.control_plane,
    )
    listed = json.loads(api.kubectl(cluster, "get", "nodes", "-l", SELECTOR, "-o", "json"))
    wanted = [f"kwok-{index}" for index in range(count)]
    superfluous = {item["metadata"]["name"] for item in listed["items"]} - set(wanted)
    if superfluous:
        api.kubectl(cluster, "delete", "node", *sorted(superfluous))
    if wanted:
        items = json.dumps(
            {"apiVersion": "v1", "kind": "List", "items": [_node(name) for name in wanted]}
        )
        api.kubectl(cluster, "apply", "-f", "-", stdin=items)
        names = [f"node/{name}" for name in wanted]
        api.kubectl(cluster, "wait", "--for=condition=Ready", "--timeout=120s", *names)
    else:
        processes.stop(cluster, "kwok")


def _kubeconfig(cluster: Cluster) -> str:
    path = cluster.run / "kwok.conf"
    files.write_atomic(path, pki.kubeconfig(cluster, "kwok"), 0o600)
    return str(path)


def _node(name: str) -> api.Json:
    room = {"cpu": "32", "memory": "256Gi", "pods": "110"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {
                "type": "kwok",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
            },
        },
        "spec": {
            "taints": [{"key": "kwok.x-k8s.io/node", "value": "fake", "effect": "NoSchedule"}]
        },
        "status": {"allocatable": room, "capacity": room},
    }
