"""The chart's values, as a model: `make chart-schema` writes values.schema.json from it.

A misspelt or mistyped value is then refused by helm itself, with its path, before anything
reaches the cluster.
"""

from __future__ import annotations

import json
import sys
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Values(BaseModel):
    """Base: camelCase names, nothing unknown."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Image(Values):
    """The operator's own image."""

    repository: str = Field(min_length=1, description="Image without its tag.")
    tag: str = Field(description="Tag; empty when the repository ends in a digest.")
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = Field(
        description="When a node fetches it."
    )


class LocalReference(Values):
    """A Secret of an image registry."""

    name: str = Field(min_length=1, description="Its name.")


class Training(Values):
    """Trainings' defaults."""

    image: str = Field(description="Image of trainings that name none in spec.image.")
    image_pull_secrets: list[LocalReference] = Field(
        description="Secrets of the registry in each training's own namespace."
    )


class Crds(Values):
    """The definition of UNetTraining."""

    install: bool = Field(description="Installs it; it stays when the chart is uninstalled.")


class Api(Values):
    """Requests to the API server."""

    qps: float = Field(gt=0, description="Requests a second in the long run.")
    burst: int = Field(ge=1, description="Requests at once above that.")


class Logs(Values):
    """The operator's log."""

    format: Literal["json", "plain"] = Field(description="json for machines, plain for people.")


class Resources(Values):
    """CPU and memory of the operator's pod."""

    requests: dict[str, str | int | float] = Field(default={}, description="Reserved.")
    limits: dict[str, str | int | float] = Field(default={}, description="Allowed at most.")


class Chart(Values):
    """All values."""

    # helm adds it to every chart's values.
    global_: dict[str, object] = Field(default={}, alias="global", description="Set by helm.")
    image: Image
    training: Training
    image_pull_secrets: list[LocalReference] = Field(
        description="Secrets of the registry in the operator's namespace."
    )
    watch_namespace: str = Field(max_length=63, description="The only namespace; empty is all.")
    crds: Crds
    replicas: int = Field(ge=0, le=5, description="Pods of the operator; one of them acts.")
    api: Api
    workers: int = Field(ge=1, le=256, description="Trainings looked at concurrently.")
    logs: Logs
    resources: Resources
    node_selector: dict[str, str] = Field(description="Labels a node must have.")
    tolerations: list[dict[str, object]] = Field(description="Taints that are accepted.")
    affinity: dict[str, object] = Field(description="As in a pod's spec.affinity.")
    priority_class_name: str = Field(description="PriorityClass; empty is the default.")
    pod_annotations: dict[str, str] = Field(description="Annotations of the pod.")


if __name__ == "__main__":
    json.dump(Chart.model_json_schema(), sys.stdout, indent=2)
    sys.stdout.write("\n")
