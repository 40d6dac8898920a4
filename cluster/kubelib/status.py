"""`cluster/kube status`: what runs, what the nodes offer, what it costs."""

from __future__ import annotations

import os
from pathlib import Path

from . import api, cgroups, controlplane, host, nodes, processes, settings
from .gobuild import PROGRAMS, pinned_version
from .settings import Cluster

MIB = 1 << 20


def show(cluster: Cluster) -> bool:
    """Prints the status; returns whether everything that `up` started runs."""
    count = cluster.wanted_nodes()
    if not count and not cgroups.members(cluster.name):
        print(f"cluster {cluster.name}: down")
        return False
    healthy = api.is_ready(cluster)
    kubernetes = pinned_version(next(p for p in PROGRAMS if p.name == "kubernetes"))
    print(f"cluster {cluster.name}: Kubernetes {kubernetes}, control groups v{cgroups.version()}")
    print(f"  kubeconfig  {cluster.kubeconfig}")
    print(f"  programs    {cluster.bin}  (kubectl, helm, etcd, ctr, kwok)")
    print(f"  logs        {cluster.logs}")
    for name in controlplane.NAMES:
        pid = processes.pid(cluster, name)
        healthy &= bool(pid)
        print(f"  {name:<24} {f'pid {pid}' if pid else 'DOWN; `up` starts it again'}")
    for index in range(count):
        running = bool(processes.pid(cluster, nodes.process_name(index)))
        ready = running and nodes.is_ready(cluster, index)
        healthy &= ready
        state = "Ready" if ready else "NotReady" if running else "DOWN; start-node starts it"
        print(f"  {settings.node_name(index):<24} {state}{_offer(cluster, index)}")
    _print_overcommit(count)
    _print_memory(cluster, count)
    return healthy


def _offer(cluster: Cluster, index: int) -> str:
    node = api.node_report(cluster, settings.node_name(index))
    return "" if node is None else f", offers {node.cpu} CPU and {node.memory_mib} MiB"


def _print_overcommit(count: int) -> None:
    cpus = os.cpu_count() or 1
    if count > cpus:
        print(f"  CPUs are overcommitted: {count} nodes offer one each, the machine has {cpus}")
    total = host.total_memory() / MIB
    print(f"  memory is not: the machine has {total:.0f} MiB, shared out among the nodes")


def _print_memory(cluster: Cluster, count: int) -> None:
    parts = {cgroups.CONTROL_PLANE: "control plane", cgroups.SUPERVISORS: "supervisors"}
    parts |= {nodes.process_name(index): settings.node_name(index) for index in range(count)}
    used = {label: memory(f"{cluster.name}/{group}") for group, label in parts.items()}
    detail = ", ".join(f"{label} {bytes_ / MIB:.0f}" for label, bytes_ in used.items())
    print(f"  memory used (MiB, proportional set size): {sum(used.values()) / MIB:.0f} = {detail}")


def memory(group: str) -> int:
    """Bytes used by the processes of a control group; shared pages are counted once.

    The proportional set size divides each shared page among its users, so sums are true
    where the same program runs several times.
    """
    total = 0
    for pid in cgroups.members(group):
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))
    return total
