"""`cluster/kube down`: ends everything of a cluster, whatever state it is in."""

from __future__ import annotations

import shutil
from pathlib import Path

from . import cgroups, network, nodes
from .report import KubeError
from .settings import OWNERS, Cluster

NETNS_RECORD = OWNERS / ".made-run-netns"


def end_everything(cluster: Cluster) -> None:
    """Kills the cluster's processes, then removes its groups, namespaces and API state.

    Mounts live in the nodes' mount namespaces and go with their last process.  Images,
    certificates and logs stay: the next `up` is warm.
    """
    cgroups.end(cluster.name)
    for namespace in network.all_of(cluster):
        network.remove(namespace)
    for folder in (cluster.run, cluster.state / "etcd", cluster.shared):
        shutil.rmtree(folder, ignore_errors=True)
    for state in (cluster.state / "nodes").glob("*"):
        nodes.forget(cluster, int(state.name))
    owner_file(cluster).unlink(missing_ok=True)
    if OWNERS.is_dir() and all(path.name.startswith(".") for path in OWNERS.iterdir()):
        network.forget_mount_point(NETNS_RECORD)
        cgroups.take_back()
        if not any(OWNERS.iterdir()):
            OWNERS.rmdir()


def require_owned(cluster: Cluster) -> None:
    """Raises if the cluster of this name runs from another checkout that still exists."""
    owner = owner_file(cluster)
    other = Path(owner.read_text()) if owner.exists() else cluster.state
    if other != cluster.state and other.exists() and cgroups.members(cluster.name):
        raise KubeError(
            f"cluster {cluster.name}",
            f"runs from {other}",
            "end it there with `down`, or choose another --name and --port",
        )


def owner_file(cluster: Cluster) -> Path:
    """Names the state folder of the running cluster of this name."""
    return OWNERS / cluster.name
