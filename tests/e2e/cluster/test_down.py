"""`cluster/kube down` leaves the machine as it was, however badly the cluster was treated."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import pytest
from support.throwaway_cluster import NAME, STATE, Kube

pytestmark = pytest.mark.e2e

SYSCTLS = (
    "net.ipv4.ip_forward",
    "net.ipv4.conf.all.forwarding",
    "net.ipv6.conf.all.disable_ipv6",
    "net.netfilter.nf_conntrack_max",
    "vm.overcommit_memory",
    "vm.panic_on_oom",
    "kernel.panic",
    "kernel.panic_on_oops",
    "kernel.keys.root_maxkeys",
    "kernel.keys.root_maxbytes",
)
"""What the kubelet, kube-proxy and the network would like to change."""

FOLDERS = (
    "/etc/cni",
    "/etc/containerd",
    "/etc/kubernetes",
    "/opt/cni",
    "/run/containerd",
    "/run/netns",
    "/run/unet-clusters",
    "/usr/libexec/kubernetes",
    "/var/lib/cni",
    "/var/lib/containerd",
    "/var/lib/kubelet",
    "/var/log/containers",
    "/var/log/pods",
)
"""Where Kubernetes and its parts write by default."""


def output(*command: str) -> list[str]:
    """The lines that a command prints, sorted; a command that cannot answer fails the test."""
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return sorted(done.stdout.splitlines())


def is_others(line: str, others: set[str]) -> bool:
    """Whether a line tells of another cluster: a test beside this one may kill a node there."""
    return NAME not in line and any(f"{name}-" in line for name in others)


def machine() -> dict[str, list[str]]:
    """Everything on the machine that a cluster could leave behind, but for its processes."""
    others = {path.name for path in Path("/run/unet-clusters").glob("[!.]*")} - {NAME}
    found = everything()
    for kind in ("mounts", "network namespaces", "folders"):
        found[kind] = [line for line in found[kind] if not is_others(line, others)]
    return found


def everything() -> dict[str, list[str]]:
    """The same, of other clusters, too."""
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    groups = Path("/proc/self/mounts").read_text().split()
    roots = [Path(word) for word in groups if word.startswith("/sys/fs/cgroup")]
    return {
        "mounts": sorted(line for line in mounts if NAME in line or "netns" in line),
        "control groups": sorted(
            str(path) for root in roots for path in root.glob(f"{NAME}*") if path.is_dir()
        ),
        "network namespaces": output("ip", "netns", "list"),
        "interfaces": output("ip", "-oneline", "link"),
        "addresses": output("ip", "-oneline", "-4", "addr"),
        "routes": output("ip", "route", "show", "table", "all"),
        "packet rules": output("nft", "-s", "list", "ruleset"),
        "sysctls": output("sysctl", "--ignore", *SYSCTLS),
        "folders": sorted(
            str(path)
            for folder in FOLDERS
            for path in (Path(folder), *(Path(folder).iterdir() if Path(folder).is_dir() else ()))
            if path.exists()
        ),
    }


def namespaces(pid: int) -> set[str]:
    """The namespaces that a process is in; none if it is gone or not to be looked into."""
    links = Path(f"/proc/{pid}/ns")
    try:
        return {str(link.readlink()) for link in links.iterdir()}
    except OSError:
        return set()


def processes() -> dict[tuple[int, str], set[str]]:
    """Every process of the machine, by pid and time of its start, with its namespaces."""
    found = {}
    for pid in (int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            start = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
            found[pid, start] = namespaces(pid)
    return found


def in_cluster() -> list[int]:
    """Pids of the cluster's processes, found without asking it: by group or command line."""
    found = []
    for pid, _ in processes():
        try:
            text = Path(f"/proc/{pid}/cgroup").read_text()
            text += Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if f"/{NAME}/" in text and pid != os.getpid():
            found.append(pid)
    return found


def test_down_leaves_nothing(kube: Kube):
    kube("down")
    before, known = machine(), set().union(*processes().values())
    kube("up", "--nodes", "1")
    kube("fake-nodes", "2")
    during = in_cluster()
    made = set().union(*(namespaces(pid) for pid in during)) - known
    assert len(during) > 10
    assert len(made) > 6, "a node has six namespaces of its own"
    # The worst that can happen first: some killed, and nobody knows the pids any more.
    os.kill(kube.pid("kube-controller-manager"), signal.SIGKILL)
    os.kill(kube.pid("etcd"), signal.SIGKILL)
    for file in (STATE / "run").glob("*.pid"):
        file.unlink()
    there = processes()
    kube("down")
    assert in_cluster() == []
    # Only what was there before: the kernel gives a namespace's number to the next one.
    left = {who: spaces & made for who, spaces in processes().items() if who in there}
    still = {who: spaces for who, spaces in left.items() if spaces}
    assert still == {}, "these processes are in the cluster's namespaces"
    assert machine() == before
    assert kube.run("status").returncode == 1
