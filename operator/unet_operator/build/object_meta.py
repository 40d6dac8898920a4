"""Metadata of what a training owns: name, labels, and the reference to its owner."""

from __future__ import annotations

from unet_operator.api.labels import labels_of
from unet_operator.api.manifest import Manifest
from unet_operator.api.resource import UNetTraining
from unet_operator.api.schema import API_VERSION, KIND


def owner_reference(training: UNetTraining) -> Manifest:
    """The reference that lets garbage collection remove a child with its training."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": training.name,
        "uid": training.meta.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def object_meta(
    training: UNetTraining, name: str, role: str, attempt: int | None = None
) -> Manifest:
    """Metadata of a child."""
    return {
        "name": name,
        "namespace": training.meta.namespace,
        "labels": labels_of(training.name, training.meta.uid, role, attempt),
        "ownerReferences": [owner_reference(training)],
    }
