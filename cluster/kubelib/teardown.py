"""`cluster/kube down`: ends everything of a cluster, whatever state it is in."""

from __future__ import annotations

import shutil
from pathlib import Path

from . import cgroups, network, nodes
from .report import KubeError
from .settings import NAME, OWNERS, Cluster

NETNS_RECORD = OWNERS / ".made-run-netns"


def end_everything(cluster: Cluster) -> None:
    """Kills the cluster's processes, then removes its groups, namespaces and API state.

    Mounts live in the nodes' mount namespaces and go with their last process.  Images,
    certificates and logs stay: the next `up` is warm.
    """
    cgroups.end(cluster.name)
    for namespace in cluster.namespaces:
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


def of_this_checkout() -> list[Cluster]:
    """Every cluster that this checkout has started and not ended."""
    if not OWNERS.is_dir():
        return []
    named = [Cluster(path.name) for path in OWNERS.iterdir() if NAME.fullmatch(path.name)]
    return [c for c in named if owner_file(c).read_text() == str(c.state)]


def owner_file(cluster: Cluster) -> Path:
    """Names the state folder of the running cluster of this name."""
    return OWNERS / cluster.name
