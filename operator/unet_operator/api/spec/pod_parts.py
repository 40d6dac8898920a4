"""What several sections say of pods: variables, tolerations, resources."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from unet_operator.api.schema import Model, Quantity, Text
from unet_operator.api.timing import TEN_YEARS


class EnvVar(Model):
    """A variable with a literal value."""

    name: Annotated[str, Field(max_length=128, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] = Field(
        description="Name of the variable."
    )
    value: Annotated[str, Field(max_length=4096)] = Field(
        default="", description="Literal value; nothing in it is expanded."
    )


class Toleration(Model):
    """A node taint that the pods accept."""

    key: Text | None = Field(default=None, description="Taint key; empty matches every key.")
    operator: Literal["Exists", "Equal"] = Field(
        default="Equal", description="How key and value are compared."
    )
    value: Annotated[str, Field(max_length=253)] | None = Field(
        default=None, description="Taint value, for Equal."
    )
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        default=None, description="Taint effect; empty matches every effect."
    )
    toleration_seconds: Annotated[int, Field(ge=0)] | None = Field(
        default=None,
        description="How long a NoExecute taint is borne; empty is for ever.",
        json_schema_extra={"unit": "seconds", "maximum": TEN_YEARS},
    )


class Resources(Model):
    """CPU and memory of one pod."""

    requests: dict[str, Quantity] = Field(
        default={}, description="What the scheduler reserves, such as cpu: 4, memory: 8Gi."
    )
    limits: dict[str, Quantity] = Field(
        default={},
        description="What the pod may use at most. Set limits equal to requests and cpu to "
        "whole cores: a throttled rank slows every other.",
    )
