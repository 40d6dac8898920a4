"""Volumes and claims."""

from __future__ import annotations

from unet_operator.api import names, pod_paths
from unet_operator.api.labels import labels_of
from unet_operator.api.resource import UNetTraining
from unet_operator.build.common import Context, Manifest, owner


def data(context: Context, *, writable: bool = False) -> tuple[Manifest, Manifest]:
    """(volume, mount) of the data set."""
    wanted = context.training.spec.dataset.volume
    mount: Manifest = {"name": "data", "mountPath": pod_paths.DATA, "readOnly": not writable}
    if wanted.sub_path:
        mount["subPath"] = wanted.sub_path
    return _claim("data", wanted.claim_name), mount


def output(context: Context) -> tuple[Manifest, Manifest]:
    """(volume, mount) of the output.

    One claim for data and output is one volume: not every kubelet mounts a claim twice.
    """
    same = context.training.output_claim == context.training.spec.dataset.volume.claim_name
    name = "data" if same else "output"
    return _claim(name, context.training.output_claim), {
        "name": name,
        "mountPath": pod_paths.OUTPUT,
    }


def shared_memory(slots: int) -> tuple[Manifest, Manifest]:
    """(volume, mount) of /dev/shm, counted in the pod's memory limit.

    256 MiB serve 8 ranks (docs/images.md); a container's default of 64 MiB does not.
    """
    size = f"{max(256, 32 * slots)}Mi"
    volume: Manifest = {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": size}}
    return volume, {"name": "shm", "mountPath": "/dev/shm"}


def claim(training: UNetTraining) -> Manifest | None:
    """The claim of output.volumeClaimTemplate.

    It has no owner unless retain is false: losing predictions is not forgiven.
    """
    template = training.spec.output.volume_claim_template
    if template is None:
        return None
    metadata: Manifest = {
        "name": names.output_claim(training.name),
        "namespace": training.meta.namespace,
        "labels": labels_of(training.name, training.meta.uid, "output"),
    }
    if not training.spec.output.retain:
        metadata["ownerReferences"] = [owner(training)]
    spec: Manifest = {
        "accessModes": [template.access_mode],
        "resources": {"requests": {"storage": template.size}},
    }
    if template.storage_class_name is not None:
        spec["storageClassName"] = template.storage_class_name
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata,
        "spec": spec,
    }


def _claim(name: str, claim_name: str) -> Manifest:
    return {"name": name, "persistentVolumeClaim": {"claimName": claim_name}}
