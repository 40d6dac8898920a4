"""The claim of spec.output.volumeClaimTemplate."""

from __future__ import annotations

from unet_operator.api import names
from unet_operator.api.labels import labels_of
from unet_operator.api.manifest import Manifest
from unet_operator.api.resource import UNetTraining
from unet_operator.build.object_meta import owner_reference


def output_claim(training: UNetTraining) -> Manifest | None:
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
        metadata["ownerReferences"] = [owner_reference(training)]
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
