"""The PodGroup that binds all workers or none (Kubernetes 1.37 and later)."""

from __future__ import annotations

from unet_operator.api import names
from unet_operator.api.manifest import Manifest
from unet_operator.api.resource import UNetTraining
from unet_operator.build.object_meta import object_meta

API = "scheduling.k8s.io/v1beta1"


def pod_group(training: UNetTraining, attempt: int, replicas: int) -> Manifest:
    """The workers only: a launcher counted in would wait for workers that wait for it."""
    return {
        "apiVersion": API,
        "kind": "PodGroup",
        "metadata": object_meta(training, names.pod_group(training.name, attempt), "gang", attempt),
        "spec": {"schedulingPolicy": {"gang": {"minCount": replicas}}},
    }
