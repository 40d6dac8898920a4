"""Nodes: each a process tree in namespaces and control groups of its own.

One outer process (`unshare`) holds a node; killing it ends pid 1 of the node's pid
namespace and with it everything on the node, as pulling the plug would.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path
from string import Template

from . import api, cgroups, files, host, images, network, pki, processes, settings
from .report import KubeError, tail
from .settings import SOURCE, Cluster

KEPT = ("kubelet", "pod-logs", "volumes")
"""A node's disk: it survives `kill-node`, as its store does."""


def process_name(index: int) -> str:
    """The name under which the outer process of node `index` is known."""
    return f"node-{index}"


def start(cluster: Cluster, index: int, rootfs: Path) -> None:
    """Starts node `index` unless it runs; returns once its pid 1 is on its way."""
    if processes.pid(cluster, process_name(index)):
        return
    group = f"{cluster.name}/{process_name(index)}"
    cgroups.end(group)  # empty groups of a killed node slow its kubelet down
    cgroups.create(group)
    network.create_node(cluster, index)
    state = cluster.node_state(index)
    _prepare(cluster, index, state)
    pid = processes.start(
        cluster,
        process_name(index),
        [
            *("unshare", "-m", "-u", "-i", "-C", "-p", "--fork", "--kill-child"),
            *("--propagation", "private", str(SOURCE / "node" / "enter.sh")),
            *(settings.node_name(index), str(rootfs), str(state)),
            *(str(cluster.bin), str(cluster.images), str(cluster.stores), str(cluster.shared)),
            str(cgroups.version()),
        ],
        group=process_name(index),
        namespace=cluster.node_namespace(index),
    )
    log = processes.log_file(cluster, process_name(index))
    processes.wait_for(f"node {index} pid 1", lambda: bool(_children(pid)), 10, log)
    # Version 2 asks that no process stay in the group that the node divides further.
    cgroups.move(pid, f"{cluster.name}/{cgroups.SUPERVISORS}")


def wait_ready(cluster: Cluster, index: int, seconds: float = 180) -> None:
    """Returns when Kubernetes reports node `index` Ready.

    Raises:
        KubeError: it is not after `seconds`, or the node's process ended.
    """
    log = cluster.node_state(index) / "upper/var/log/node/kubelet.log"

    def ready() -> bool:
        if not processes.pid(cluster, process_name(index)):
            outer = processes.log_file(cluster, process_name(index))
            raise KubeError(f"node {index}", f"ended:\n{tail(outer)}", "see the log", outer)
        return is_ready(cluster, index)

    processes.wait_for(f"node {index} Ready", ready, seconds, log)


def is_ready(cluster: Cluster, index: int) -> bool:
    """Whether node `index` reported itself Ready since it was last started.

    After a kill the old report stands until Kubernetes misses the node.
    """
    started = processes.started(cluster, process_name(index))
    node = api.node_report(cluster, settings.node_name(index))
    return node is not None and node.ready is not None and node.ready.timestamp() >= int(started)


def kill(cluster: Cluster, index: int) -> None:
    """Ends node `index` as a power cut would; its disk stays."""
    if not processes.send(cluster, process_name(index), signal.SIGKILL):
        raise KubeError(f"node {index}", "is not running", f"start it with start-node {index}")
    cgroups.end(f"{cluster.name}/{process_name(index)}")


def inside(cluster: Cluster, index: int, command: list[str]) -> list[str]:
    """Returns the command line that runs `command` on node `index`."""
    pid = processes.pid(cluster, process_name(index))
    children = _children(pid) if pid else []
    if not children:
        raise KubeError(f"node {index}", "is not running", f"start it with start-node {index}")
    path = "PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
    return [
        *("nsenter", "-t", str(children[0]), "-m", "-u", "-i", "-n", "-p", "-C"),
        *("env", "-i", path, "HOME=/root", f"TERM={os.environ.get('TERM', 'dumb')}"),
        *command,
    ]


def import_images(cluster: Cluster, index: int) -> None:
    """Has node `index` import the archives in the image folder that it lacks."""
    done = subprocess.run(
        inside(cluster, index, ["node-images"]), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise KubeError(f"node {index}: import", done.stderr.strip(), "check the archive")


def prune_layers(cluster: Cluster) -> None:
    """Removes the shared layers that no node's store links to any more, while none imports."""
    for layer in (cluster.stores / "layers").glob("*"):
        if layer.suffix != ".lock" and (layer.name.startswith(".") or not _is_linked(layer)):
            files.remove(layer)
            files.remove(layer.with_name(f"{layer.name}.lock"))


def _is_linked(layer: Path) -> bool:
    """Whether every file of a shared layer has another name, in some node's store."""
    found = (Path(folder, name) for folder, _, names in os.walk(layer / "files") for name in names)
    return all(file.lstat().st_nlink > 1 for file in found)


def forget(cluster: Cluster, index: int) -> None:
    """Removes what node `index` knows of its pods and volumes, but not its images."""
    files.remove(cluster.node_state(index))


def _children(pid: int) -> list[int]:
    try:
        return [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _prepare(cluster: Cluster, index: int, state: Path) -> None:
    """Writes the node's folders and its configuration into a fresh writable layer."""
    for fresh in ("upper", "work", "root"):
        shutil.rmtree(state / fresh, ignore_errors=True)
        (state / fresh).mkdir(parents=True)
    for kept in KEPT:
        (state / kept).mkdir(exist_ok=True)
    for store in (settings.node_name(index), "layers"):
        (cluster.stores / store).mkdir(parents=True, exist_ok=True)
    upper = state / "upper"
    name, address = settings.node_name(index), settings.node_ip(index)
    memory = host.total_memory() - host.node_memory(cluster.wanted_nodes())
    values = {
        "name": name,
        "node_ip": address,
        "node_pod_range": settings.node_pod_range(index),
        "pod_range": settings.POD_RANGE,
        "dns": settings.DNS_SERVICE_IP,
        "pause": images.pause_reference(),
        "reserved_cpu": str(max(0, (os.cpu_count() or 1) - 1)),
        "reserved_memory": f"{memory // (1 << 20)}Mi",
    }
    for source, target in (
        ("containerd.toml", "etc/containerd/config.toml"),
        ("cni.conflist", "etc/cni/net.d/10-pods.conflist"),
        ("kubelet.yaml", "etc/kubernetes/kubelet.yaml"),
        ("kube-proxy.yaml", "etc/kubernetes/kube-proxy.yaml"),
    ):
        text = Template((SOURCE / "node" / source).read_text()).substitute(values)
        files.write_atomic(upper / target, text)
    for script in ("init", "images"):
        source = (SOURCE / "node" / f"{script}.sh").read_text()
        files.write_atomic(upper / f"usr/local/sbin/node-{script}", source, 0o755)
    kubernetes = upper / "etc/kubernetes"
    files.write_atomic(kubernetes / "node-ip", address)
    files.write_atomic(kubernetes / "kubelet.conf", pki.kubeconfig(cluster, name), 0o600)
    files.write_atomic(kubernetes / "kube-proxy.conf", pki.kubeconfig(cluster, "kube-proxy"), 0o600)
    for source, target in (("ca.crt", "ca.crt"), (f"{name}.crt", "kubelet.crt")):
        files.write_atomic(kubernetes / target, (cluster.pki / source).read_bytes())
    key = (cluster.pki / f"{name}.key").read_bytes()
    files.write_atomic(kubernetes / "kubelet.key", key, 0o600)
    files.write_atomic(upper / "etc/hostname", f"{name}\n")
    files.write_atomic(upper / "etc/hosts", f"127.0.0.1 localhost\n{address} {name}\n")
    files.write_atomic(upper / "etc/resolv.conf", "")
