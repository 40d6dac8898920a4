"""`cluster/kube build`: everything that can be made before the first start."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from . import files, gobuild, host, images, rootfs
from .report import KubeError, step, tail
from .settings import Cluster, cache_folder

PACKAGES = {
    "mmdebstrap": "mmdebstrap",
    "socat": "socat",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "openssl": "openssl",
    "sysctl": "procps",
}
"""Commands that this machine itself needs, and the Debian package of each."""


@dataclass(frozen=True)
class Built:
    """What `up` starts from."""

    rootfs: Path
    archives: tuple[Path, ...]


def build(cluster: Cluster) -> Built:
    """Makes whatever the cache does not hold yet; a second call takes a second."""
    started = time.monotonic()
    host.require_build_disk(cluster.state, cache_folder())
    install_packages(cluster)
    root = rootfs.build(cluster.logs)
    gobuild.build_all(cluster.bin, cluster.logs)
    archives = _write_images(cluster, root)
    print(f"built in {time.monotonic() - started:.0f} s; cache: {cache_folder()}")
    return Built(root, archives)


def install_packages(cluster: Cluster) -> None:
    """Installs the Debian packages that this machine lacks, if any, where that was agreed to.

    Raises:
        KubeError: some are missing and UNET_INSTALL=yes is not set; or apt failed.
    """
    missing = missing_packages()
    if not missing:
        return
    lacks = f"lacks {', '.join(missing)}"
    if not shutil.which("apt-get"):
        raise KubeError("this machine", f"{lacks}, and apt-get", "install them yourself")
    update = ["apt-get", "update"]
    install = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    agreed = os.environ.get("UNET_INSTALL") in ("yes", "upgrade")
    if not agreed:
        commands = f"{' '.join(update)} && {' '.join(install)}"
        raise KubeError("this machine", lacks, f"agree with UNET_INSTALL=yes, or run: {commands}")
    log = cluster.logs / "build-apt.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with step(f"apt-get install {' '.join(missing)}", log), log.open("w") as output:
        for command in (update, install):
            done = subprocess.run(
                command,
                env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
            if done.returncode:
                raise KubeError(" ".join(command), f"failed:\n{tail(log)}", "see the log", log)


def missing_packages() -> list[str]:
    """The Debian packages that this machine lacks."""
    return sorted({package for command, package in PACKAGES.items() if not shutil.which(command)})


def _write_images(cluster: Cluster, root: Path) -> tuple[Path, ...]:
    folder = cache_folder() / "images"
    applets = rootfs.busybox_applets(root)
    archives = []
    for image in images.cluster_images(cluster.bin, rootfs.busybox(root), applets):
        name = image.reference.rpartition("/")[2].replace(":", "-")
        key = files.digest(repr(image), image.binary, Path(images.__file__))
        archive = folder / f"{name}-{key}.tar"
        images.write_archive(image, archive)
        archives.append(archive)
    return tuple(archives)
