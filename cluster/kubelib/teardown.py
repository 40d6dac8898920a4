"""`cluster/kube down`: ends everything of a cluster, whatever state it is in."""

from __future__ import annotations

from . import cgroups, files, network, nodes, ownership
from .report import KubeError
from .settings import OWNERS, Cluster

NETNS_RECORD = OWNERS / ".made-run-netns"


def end_everything(cluster: Cluster) -> None:
    """Kills the cluster's processes, then removes its groups, namespaces and API state.

    Mounts live in the nodes' mount namespaces and go with their last process.  Images,
    certificates and logs stay: the next `up` is warm.

    Raises:
        KubeError: another checkout runs it, or something of it cannot be removed.
    """
    with ownership.machine():
        ownership.claim(cluster)
    cgroups.end(cluster.name)
    stuck: list[KubeError] = []
    for namespace in network.of_cluster(cluster):
        try:
            network.remove(namespace)
        except KubeError as error:  # the rest can be ended all the same
            stuck.append(error)
    for folder in (cluster.run, cluster.state / "etcd", cluster.shared):
        files.remove(folder)
    for index in cluster.known_nodes():
        nodes.forget(cluster, index)
    nodes.prune_layers(cluster)
    with ownership.machine():
        ownership.owner_file(cluster).unlink(missing_ok=True)
        if not ownership.names():
            network.forget_mount_point(NETNS_RECORD)
            cgroups.take_back()
    if stuck:
        raise stuck[0]


def of_this_checkout() -> list[Cluster]:
    """Every cluster that this checkout has started and not ended."""
    return [
        Cluster(name) for name in ownership.names() if ownership.owner(name) == Cluster(name).state
    ]
