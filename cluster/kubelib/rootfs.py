"""The nodes' root file system: Debian by mmdebstrap, made once, kept in the cache."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from . import files
from .report import KubeError, step, tail
from .settings import cache_folder

DEBIAN = Path(__file__).resolve().parents[2] / "image" / "debian"
"""What nodes and images have in common: Debian's suite, and how its root is made."""

PACKAGES = (
    "busybox-static",
    "ca-certificates",
    "conntrack",
    "iproute2",
    "iptables",
    "kmod",
    "libseccomp2",
    "mount",
    "nftables",
    "procps",
    "runc",
    "util-linux",
)
"""What the kubelet, kube-proxy, the CNI plugins and containerd call on a node."""


def build(logs: Path) -> Path:
    """Returns the folder of the root file system, made first where the cache lacks it."""
    bootstrap, suite = DEBIAN / "bootstrap", DEBIAN / "suite"
    target = cache_folder() / f"rootfs-{files.digest(bootstrap, suite, *PACKAGES)}"
    if target.exists():
        return target
    log = logs / "build-rootfs.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    packages = f"--include={','.join(PACKAGES)}"
    name = f"node root file system (Debian {suite.read_text().strip()})"
    with step(name, log), log.open("w") as output:
        done = subprocess.run(
            ["nice", str(bootstrap), str(temporary), packages],
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        shutil.rmtree(temporary, ignore_errors=True)
        raise KubeError("mmdebstrap", f"failed:\n{tail(log)}", "check apt's sources", log)
    temporary.rename(target)
    return target


def busybox(rootfs: Path) -> Path:
    """The static busybox inside the root file system."""
    return rootfs / "bin" / "busybox"


def busybox_applets(rootfs: Path) -> tuple[str, ...]:
    """The names under which busybox can be called."""
    listing = subprocess.run(
        [busybox(rootfs), "--list"], check=True, capture_output=True, text=True
    ).stdout
    return tuple(name for name in listing.split() if name != "busybox")
