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
    host.require_build_disk(cache_folder())
    install_packages(cluster)
    root = rootfs.build(cluster.logs)
    gobuild.build_all(cluster.bin, cluster.logs)
    archives = _write_images(cluster, root)
    print(f"built in {time.monotonic() - started:.0f} s; cache: {cache_folder()}")
    return Built(root, archives)


def install_packages(cluster: Cluster) -> None:
    """Installs the Debian packages that this machine lacks, if any."""
    missing = sorted(
        {package for command, package in PACKAGES.items() if not shutil.which(command)}
    )
    if not missing:
        return
    if not shutil.which("apt-get"):
        raise KubeError(
            "this machine", f"lacks {', '.join(missing)}, and apt-get", "install them yourself"
        )
    log = cluster.logs / "build-apt.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with step(f"apt-get install {' '.join(missing)}", log), log.open("w") as output:
        for command in (
            ["apt-get", "update"],
            ["apt-get", "install", "-y", "--no-install-recommends", *missing],
        ):
            done = subprocess.run(
                command,
                env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
            if done.returncode:
                raise KubeError(" ".join(command), f"failed:\n{tail(log)}", "see the log", log)


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
