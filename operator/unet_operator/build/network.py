"""Host names for the workers, and a wall around the training."""

from __future__ import annotations

from unet_operator.api import names, pod_paths
from unet_operator.api.labels import LABEL_ROLE, selector_of
from unet_operator.api.resource import UNetTraining
from unet_operator.build.common import Manifest, meta


def service(training: UNetTraining) -> Manifest:
    """The headless Service: a worker's name resolves before it is ready."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta(training, names.service(training.name), "network"),
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": {**_mine(training), LABEL_ROLE: "worker"},
            "ports": [{"name": "ssh", "port": pod_paths.SSH_PORT, "targetPort": "ssh"}],
        },
    }


def network_policy(training: UNetTraining) -> Manifest:
    """Pods of the training talk to each other and to DNS, to nobody else.

    All ports, since ranks and Hydra's proxies choose theirs.  Staging pods are left out:
    they must reach the data's source.
    """
    peers = [{"podSelector": {"matchLabels": _mine(training)}}]
    dns = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": meta(training, names.network_policy(training.name), "network"),
        "spec": {
            "podSelector": {
                "matchLabels": _mine(training),
                "matchExpressions": [{"key": LABEL_ROLE, "operator": "NotIn", "values": ["stage"]}],
            },
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": peers}],
            "egress": [{"to": peers}, {"ports": dns}],
        },
    }


def _mine(training: UNetTraining) -> dict[str, str]:
    return selector_of(training.name, training.meta.uid)
