"""The headless Service that gives the workers their host names."""

from __future__ import annotations

from unet_operator.api import names, pod_paths
from unet_operator.api.labels import LABEL_ROLE, selector_of
from unet_operator.api.manifest import Manifest
from unet_operator.api.resource import UNetTraining
from unet_operator.build.object_meta import object_meta


def service(training: UNetTraining) -> Manifest:
    """The headless Service: a worker's name resolves before it is ready."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": object_meta(training, names.service(training.name), "network"),
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": {**selector_of(training.name, training.meta.uid), LABEL_ROLE: "worker"},
            "ports": [{"name": "ssh", "port": pod_paths.SSH_PORT, "targetPort": "ssh"}],
        },
    }
