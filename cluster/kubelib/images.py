"""Writes the cluster's own container images: one static binary each, no base, no builder.

The format is the `docker save` archive, which containerd imports.  All dates are zero, so
the same binary gives the same image.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path

from . import files
from .gobuild import PROGRAMS, pinned_version

REGISTRY = "unet.local"
"""No such registry exists: these images are only ever imported."""


@dataclass(frozen=True)
class Image:
    """A scratch image.

    Args:
        reference: name and tag.
        binary: the static program on this machine.
        path: where it goes in the image.
        entrypoint: what runs by default.
        links: names in /bin that point to `path`.
        user: uid that it runs as by default.
    """

    reference: str
    binary: Path
    path: str
    entrypoint: tuple[str, ...]
    links: tuple[str, ...] = ()
    user: int = 65534


def busybox_reference() -> str:
    """The image with a shell, for volume helpers and tests."""
    return f"{REGISTRY}/busybox:1"


def pause_reference() -> str:
    """The image that holds a pod's namespaces."""
    return f"{REGISTRY}/pause:1"


def reference(name: str) -> str:
    """The image of the built program `name`, tagged with its pinned version."""
    program = next(program for program in PROGRAMS if program.name == name)
    return f"{REGISTRY}/{name}:{pinned_version(program)}"


def cluster_images(bin_folder: Path, busybox: Path, applets: tuple[str, ...]) -> list[Image]:
    """Returns the images that the cluster itself needs."""
    images = [
        Image(busybox_reference(), busybox, "/bin/busybox", ("/bin/sh",), applets),
        # A pod's first process only has to sleep: containerd ends it with SIGKILL.
        Image(pause_reference(), busybox, "/bin/busybox", ("/bin/busybox", "sleep", "infinity")),
    ]
    for name, user in (
        ("coredns", 65534),
        ("local-path-provisioner", 65534),
        ("kube-network-policies", 0),
    ):
        images.append(
            Image(reference(name), bin_folder / name, f"/{name}", (f"/{name}",), user=user)
        )
    return images


def write_archive(image: Image, target: Path) -> None:
    """Writes `image` to the file `target`, unless it is there already."""
    if target.exists():
        return
    layer = _layer(image)
    diff_id = f"sha256:{hashlib.sha256(layer).hexdigest()}"
    config = json.dumps(
        {
            "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine],
            "os": "linux",
            "config": {
                "Entrypoint": list(image.entrypoint),
                "User": str(image.user),
                "Env": ["PATH=/bin"],
            },
            "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        }
    ).encode()
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = [{"Config": config_name, "RepoTags": [image.reference], "Layers": ["layer.tar"]}]
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        _add_file(tar, config_name, config)
        _add_file(tar, "layer.tar", layer)
        _add_file(tar, "manifest.json", json.dumps(manifest).encode())
    files.write_atomic(target, archive.getvalue())


def _layer(image: Image) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for folder in ("bin", "tmp", "etc"):
            info = tarfile.TarInfo(folder)
            info.type, info.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            tar.addfile(info)
        _add_file(tar, "etc/passwd", b"nobody:x:65534:65534:nobody:/:/bin/sh\n")
        _add_file(tar, image.path.lstrip("/"), image.binary.read_bytes(), 0o755)
        for link in image.links:
            info = tarfile.TarInfo(f"bin/{link}")
            info.type, info.linkname = tarfile.SYMTYPE, image.path
            tar.addfile(info)
    return buffer.getvalue()


def _add_file(tar: tarfile.TarFile, name: str, data: bytes, mode: int = 0o644) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), mode
    tar.addfile(info, io.BytesIO(data))
