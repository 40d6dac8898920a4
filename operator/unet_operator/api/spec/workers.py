"""spec.workers and spec.launcher: the pods that train."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, JsonValue, WithJsonSchema

from unet_operator.api.schema import Model, Text, rules
from unet_operator.api.spec.pod_parts import Resources, Toleration

Affinity = Annotated[
    dict[str, JsonValue],
    WithJsonSchema({"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
]


class Workers(Model):
    """The pods that train."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!has(self.minReplicas) || self.minReplicas <= self.replicas",
                "minReplicas must not exceed replicas",
            )
        )
    )

    replicas: Annotated[int, Field(ge=1, le=512)] = Field(
        default=1, description="Number of worker pods."
    )
    min_replicas: Annotated[int, Field(ge=1, le=512)] | None = Field(
        default=None,
        description="An attempt may start with as few workers when there is no room for "
        "more; empty means replicas.",
    )
    slots_per_worker: Annotated[int, Field(ge=1, le=64)] = Field(
        default=1,
        description="MPI ranks per worker pod. Ranks of 4 to 8 cores inside one NUMA node "
        "serve best.",
    )
    resources: Resources = Field(
        default=Resources(
            requests={"cpu": "500m", "memory": "4Gi"}, limits={"cpu": "1", "memory": "4Gi"}
        ),
        description="CPU and memory of one worker pod, shared by its ranks. The default runs on "
        "nodes of one core; give whole cores, requests equal to limits, for real work.",
    )
    node_selector: dict[str, Annotated[str, Field(max_length=63)]] = Field(
        default={}, description="Labels a node must have, for every pod of the training."
    )
    tolerations: Annotated[list[Toleration], Field(max_length=32)] = Field(
        default=[], description="Node taints that every pod of the training accepts."
    )
    affinity: Affinity | None = Field(
        default=None,
        description="Affinity of the worker pods, as in a pod's spec.affinity "
        "(nodeAffinity, podAffinity, podAntiAffinity).",
    )
    topology_key: Text | None = Field(
        default=None,
        description="Spreads the workers over this node label where possible, such as "
        "kubernetes.io/hostname.",
    )


class Launcher(Model):
    """The pod that runs mpiexec and prints the training."""

    resources: Resources = Field(
        default=Resources(requests={"cpu": "50m", "memory": "128Mi"}, limits={"memory": "512Mi"}),
        description="CPU and memory of the launcher; it computes nothing.",
    )
