"""The nodes' root file system: Debian by mmdebstrap, made once, kept in the cache."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from . import files
from .report import KubeError, step, tail
from .settings import cache_folder

SUITE = "bookworm"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_PROXY = re.compile(r"Acquire::https?::Proxy(::\S+)? ")

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
    target = cache_folder() / f"rootfs-{files.digest(SUITE, *PACKAGES)}"
    if target.exists():
        return target
    log = logs / "build-rootfs.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    command = ["nice", "mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
    with step(f"node root file system (Debian {SUITE})", log), log.open("w") as output:
        done = subprocess.run(
            [*command, *_proxy_options(), SUITE, str(temporary), *mirrors(_apt_indexes())],
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        shutil.rmtree(temporary, ignore_errors=True)
        raise KubeError("mmdebstrap", f"failed:\n{tail(log)}", "check apt's sources", log)
    temporary.rename(target)
    return target


def mirrors(indexes: str) -> list[str]:
    """This machine's own sources of the suite, as lines of a sources.list; none: Debian's servers.

    Args:
        indexes: a line for each index that apt knows: URI, release, component.
    """
    wanted = {SUITE, f"{SUITE}-updates", f"{SUITE}-security"}
    lines = {
        f"deb [signed-by={KEYRING}] {uri} {release} main"
        for uri, release, component in (line.split() for line in indexes.splitlines())
        if component == "main" and release in wanted and "debian" in uri.lower()
    }
    return sorted(lines) if any(f" {SUITE} main" in line for line in lines) else []


def _apt_indexes() -> str:
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)"]
    done = subprocess.run(
        [*command, "Created-By: Packages"], capture_output=True, text=True, check=False
    )
    return done.stdout


def _proxy_options() -> list[str]:
    """The proxy of this machine's apt, as options of mmdebstrap."""
    shown = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False)
    lines = shown.stdout.splitlines()
    return [f"--aptopt={line}" for line in lines if _PROXY.match(line) and '""' not in line]


def busybox(rootfs: Path) -> Path:
    """The static busybox inside the root file system."""
    return rootfs / "bin" / "busybox"


def busybox_applets(rootfs: Path) -> tuple[str, ...]:
    """The names under which busybox can be called."""
    listing = subprocess.run(
        [busybox(rootfs), "--list"], check=True, capture_output=True, text=True
    ).stdout
    return tuple(name for name in listing.split() if name != "busybox")
