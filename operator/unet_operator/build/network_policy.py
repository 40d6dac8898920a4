"""The NetworkPolicy: a wall around the training."""

from __future__ import annotations

from unet_operator.api import names
from unet_operator.api.labels import LABEL_ROLE, selector_of
from unet_operator.api.manifest import Manifest
from unet_operator.api.resource import UNetTraining
from unet_operator.build.object_meta import object_meta


def network_policy(training: UNetTraining) -> Manifest:
    """Pods of the training talk to each other and to DNS, to nobody else.

    All ports, since ranks and Hydra's proxies choose theirs.  Staging pods are left out:
    they must reach the data's source.
    """
    own_pods: Manifest = {"matchLabels": {**selector_of(training.name, training.meta.uid)}}
    peers = [{"podSelector": own_pods}]
    dns = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": object_meta(training, names.network_policy(training.name), "network"),
        "spec": {
            "podSelector": {
                **own_pods,
                "matchExpressions": [{"key": LABEL_ROLE, "operator": "NotIn", "values": ["stage"]}],
            },
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": peers}],
            "egress": [{"to": peers}, {"ports": dns}],
        },
    }
