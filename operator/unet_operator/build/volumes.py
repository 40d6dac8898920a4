"""Volumes of a training's pods, each with where it is mounted."""

from __future__ import annotations

from typing import NamedTuple

from unet_operator.api import pod_paths
from unet_operator.api.manifest import Manifest
from unet_operator.build.context import Context


class Mounted(NamedTuple):
    """A pod's volume, and a container's mount of it."""

    volume: Manifest
    mount: Manifest


def data(context: Context, *, writable: bool = False) -> Mounted:
    """The data set."""
    wanted = context.training.spec.dataset.volume
    mount: Manifest = {"name": "data", "mountPath": pod_paths.DATA, "readOnly": not writable}
    if wanted.sub_path:
        mount["subPath"] = wanted.sub_path
    return Mounted(_claim("data", wanted.claim_name), mount)


def output(context: Context) -> Mounted:
    """The output.

    One claim for data and output is one volume: not every kubelet mounts a claim twice.
    """
    claim_name = context.training.output_claim
    same = claim_name == context.training.spec.dataset.volume.claim_name
    name = "data" if same else "output"
    return Mounted(_claim(name, claim_name), {"name": name, "mountPath": pod_paths.OUTPUT})


def shared_memory(slots: int) -> Mounted:
    """/dev/shm, counted in the pod's memory limit.

    256 MiB serve 8 ranks (docs/images.md); a container's default of 64 MiB does not.
    """
    size = f"{max(256, 32 * slots)}Mi"
    volume: Manifest = {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": size}}
    return Mounted(volume, {"name": "shm", "mountPath": "/dev/shm"})


def _claim(name: str, claim_name: str) -> Manifest:
    return {"name": name, "persistentVolumeClaim": {"claimName": claim_name}}
