"""What the machine must offer, asked before anything is started."""

from __future__ import annotations

import math
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from . import cgroups
from .report import KubeError
from .settings import Cluster

GIB = 1 << 30
GO_DISK = {"GOCACHE": 6 * GIB, "GOMODCACHE": 3 * GIB}
"""What Go keeps of the first build, by the variable that names the folder (`du`: 5.9 and 2.6)."""

CACHE_DISK = 1 * GIB
"""Programs, root file system and the cluster's own images (`du`: 0.5, 0.2 and 0.2)."""

STATE_DISK = 1 * GIB
"""Three nodes with the cluster's own images and etcd (`du`: 0.7)."""

CONTROL_PLANE_MEMORY = 1 * GIB
"""Left out of what the nodes offer: control plane plus the nodes' own daemons."""

MINIMUM_NODE_MEMORY = 1 * GIB


def require_root(command: str) -> None:
    """Raises unless this is root on Linux."""
    if sys.platform != "linux":
        raise KubeError(
            "this machine",
            f"runs {sys.platform}, not Linux",
            "use a Linux machine, or your own cluster with KUBECONFIG",
        )
    if os.geteuid() != 0:
        raise KubeError(command, f"runs as uid {os.geteuid()}", "run it as root (sudo)")


def require_build_disk(state: Path, cache: Path) -> None:
    """Raises unless each file system has room for what is not made yet and goes there."""
    built = (cache / "bin").is_dir() and any((cache / "bin").glob("kubernetes-*"))
    wanted = {state: STATE_DISK, cache: CACHE_DISK}
    if not built and shutil.which("go"):
        asked = subprocess.run(
            ["go", "env", *GO_DISK], check=True, capture_output=True, text=True
        ).stdout.split("\n")
        wanted |= dict(zip(map(Path, asked), GO_DISK.values(), strict=False))
    needed: dict[int, tuple[Path, int]] = {}
    for folder, size in wanted.items():
        existing = _existing(folder)
        device = existing.stat().st_dev
        first, before = needed.get(device, (existing, 0))
        needed[device] = (first, before + size)
    for folder, size in needed.values():
        require_disk(folder, size, "or point UNET_CACHE, GOCACHE and GOMODCACHE at a larger disk")


def require_disk(folder: Path, needed: int, otherwise: str) -> None:
    """Raises, with `otherwise` as the other remedy, unless `needed` bytes are free there."""
    existing = _existing(folder)
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise KubeError(
            str(existing),
            f"{free / GIB:.1f} GiB free",
            f"free {math.ceil(needed / GIB)} GiB, {otherwise}",
        )


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


def require_features(cluster: Cluster) -> None:
    """Raises unless the kernel can do what a node needs; everything is tried, not assumed."""
    missing = sorted(set(cgroups.NEEDED) - cgroups.available_controllers())
    if missing:
        raise KubeError(
            "control groups",
            f"no {', '.join(missing)} controller",
            "mount them, or boot a kernel that has them",
        )
    cluster.state.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cluster.state) as folder:
        for name in ("lower", "upper", "work", "merged"):
            Path(folder, name).mkdir()
        _require(
            f"overlay on {cluster.state}",
            [
                *("unshare", "-m", "mount", "-t", "overlay", "overlay", f"{folder}/merged", "-o"),
                f"lowerdir={folder}/lower,upperdir={folder}/upper,workdir={folder}/work",
            ],
            "keep the checkout on ext4, xfs or btrfs (not on another overlay), and load overlay",
        )
    _require(
        "namespaces",
        ["unshare", "-m", "-u", "-i", "-n", "-p", "-C", "--fork", "true"],
        "run on a machine or in a container that may make namespaces (--privileged)",
    )
    _require(
        "veth",
        ["unshare", "-n", "ip", "link", "add", "name", "probe0", "type", "veth", "peer", "probe1"],
        "load the veth module: modprobe veth",
    )
    _require(
        "bridge",
        ["unshare", "-n", "ip", "link", "add", "name", "probe0", "type", "bridge"],
        "load the bridge module: modprobe bridge",
    )


def _require(feature: str, command: list[str], remedy: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise KubeError(feature, lines[-1] if lines else "refused", remedy)


def require_port(port: int) -> None:
    """Raises if another program listens on 127.0.0.1:`port`."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise KubeError(
                f"127.0.0.1:{port}", error.strerror or "taken", "stop its user, or give --port"
            ) from None


def total_memory() -> int:
    """Bytes of memory of this machine."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def node_memory(nodes: int) -> int:
    """Bytes that each of `nodes` may offer, so that together they offer the machine once."""
    share = (total_memory() - CONTROL_PLANE_MEMORY) // nodes
    if share < MINIMUM_NODE_MEMORY:
        raise KubeError(
            "memory",
            f"{total_memory() / GIB:.1f} GiB leaves {share / GIB:.1f} GiB for each of {nodes}",
            "ask for fewer with --nodes",
        )
    return share
