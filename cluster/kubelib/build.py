"""`cluster/kube build`: everything that can be made before the first start."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from . import files, gobuild, host, images, rootfs
from .report import KubeError
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
    require_packages()
    root = rootfs.build(cluster.logs)
    gobuild.build_all(cluster.bin, cluster.logs)
    archives = _write_images(cluster, root)
    print(f"built in {time.monotonic() - started:.0f} s; cache: {cache_folder()}")
    return Built(root, archives)


def require_packages() -> None:
    """Makes sure that this machine has the Debian packages that it needs.

    Raises:
        KubeError: some are missing. `setup/machine packages`, which `make` calls first, lists
            what apt would do, asks, and adds them.
    """
    missing = missing_packages()
    if missing:
        install = f"apt-get update && apt-get install --no-install-recommends {' '.join(missing)}"
        remedy = f"run: make packages-cluster, or: {install}"
        raise KubeError("this machine", f"lacks {', '.join(missing)}", remedy)


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
