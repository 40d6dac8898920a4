"""The cluster's network: a bridge in a namespace of its own, a cable to each member.

No interface of the machine takes part and no member has a default route, so nothing in
the cluster can reach anything outside it.  Pods of another node are found by one static
route per node.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from . import files, settings
from .report import KubeError
from .settings import Cluster

NAMESPACES = Path("/run/netns")


def ip(*arguments: str) -> None:
    """Runs `ip` and raises `CalledProcessError` with its message on failure."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


def exists(namespace: str) -> bool:
    """Whether the network namespace `namespace` is there."""
    return (NAMESPACES / namespace).exists()


def create_switch(cluster: Cluster) -> None:
    """Makes the bridge and plugs the control plane into it, unless that was done before."""
    complete = cluster.run / "switch.complete"
    if complete.exists() and exists(cluster.switch) and exists(cluster.control_plane):
        return
    remove(cluster.control_plane)
    remove(cluster.switch)
    ip("netns", "add", cluster.switch)
    ip("-n", cluster.switch, "link", "add", "br0", "type", "bridge")
    ip("-n", cluster.switch, "link", "set", "br0", "up")
    _plug(cluster, cluster.control_plane, settings.CONTROL_PLANE_IP)
    for index in range(settings.MAX_NODES):
        _route_to_node(cluster.control_plane, index)
    files.write_atomic(complete, "")


def create_node(cluster: Cluster, index: int) -> None:
    """Makes the network of node `index` anew: like a reboot, it keeps no old rule or route."""
    namespace = cluster.node_namespace(index)
    remove(namespace)
    _plug(cluster, namespace, settings.node_ip(index))
    _set(namespace, "net.ipv4.ip_forward", "1")
    for other in range(settings.MAX_NODES):
        if other != index:
            _route_to_node(namespace, other)
    # Without a default route the kernel would refuse a service address before kube-proxy
    # had the chance to rewrite it.
    ip("-n", namespace, "route", "add", settings.SERVICE_RANGE, "dev", "eth0")


def of_cluster(cluster: Cluster) -> list[str]:
    """The network namespaces of the cluster that are there, of whatever index.

    The names of another cluster's begin differently: a cluster has one hyphen in its name.
    """
    if not NAMESPACES.is_dir():
        return []
    ours = re.compile(rf"{cluster.name}-(switch|control|node-{settings.NUMBER.pattern})")
    return sorted(path.name for path in NAMESPACES.iterdir() if ours.fullmatch(path.name))


def remove(namespace: str) -> None:
    """Removes a namespace and with it every interface, route and rule in it.

    Raises:
        KubeError: what has its name is no namespace and cannot be removed.
    """
    path = NAMESPACES / namespace
    if not path.exists():
        return
    try:
        ip("netns", "del", namespace)
    except subprocess.CalledProcessError as error:
        raise KubeError(str(path), error.stderr.strip(), "remove it by hand") from None


def _plug(cluster: Cluster, namespace: str, address: str) -> None:
    port = namespace.removeprefix(f"{cluster.name}-")
    ip("netns", "add", namespace)
    ip("-n", namespace, "link", "set", "lo", "up")
    ip(
        "-n",
        namespace,
        "link",
        "add",
        "eth0",
        "type",
        "veth",
        "peer",
        "name",
        port,
        "netns",
        cluster.switch,
    )
    ip("-n", cluster.switch, "link", "set", port, "master", "br0", "up")
    ip("-n", namespace, "addr", "add", f"{address}/24", "dev", "eth0")
    ip("-n", namespace, "link", "set", "eth0", "up")


def _route_to_node(namespace: str, index: int) -> None:
    via = settings.node_ip(index)
    ip("-n", namespace, "route", "add", settings.node_pod_range(index), "via", via)


def _set(namespace: str, name: str, value: str) -> None:
    command = ["ip", "netns", "exec", namespace, "sysctl", "-qw", f"{name}={value}"]
    subprocess.run(command, check=True, capture_output=True, text=True)


def made_mount_point(record: Path) -> None:
    """Notes in `record` that /run/netns will be ours to remove, if it is not there yet."""
    if not NAMESPACES.exists():
        files.write_atomic(record, "")


def forget_mount_point(record: Path) -> None:
    """Removes /run/netns if `record` says it was ours and nobody else uses it.

    `ip netns add` mounts that folder onto itself and leaves it behind.
    """
    if record.exists() and NAMESPACES.exists() and not any(NAMESPACES.iterdir()):
        subprocess.run(["umount", str(NAMESPACES)], check=False, capture_output=True)
        NAMESPACES.rmdir()
    if not NAMESPACES.exists():
        record.unlink(missing_ok=True)
