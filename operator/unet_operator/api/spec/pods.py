"""spec.pods: what every pod of the training shares."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from unet_operator.api.schema import Model, Name
from unet_operator.api.spec.pod_parts import EnvVar


class Pods(Model):
    """What every pod of the training shares."""

    env: Annotated[list[EnvVar], Field(max_length=64)] = Field(
        default=[], description="Variables of every container and rank."
    )
    annotations: dict[str, Annotated[str, Field(max_length=4096)]] = Field(
        default={}, description="Annotations of every pod."
    )
    image_pull_secrets: Annotated[list[Name], Field(max_length=16)] = Field(
        default=[], description="Secrets of the image registry."
    )
    priority_class_name: Name | None = Field(
        default=None, description="PriorityClass of every pod."
    )
    run_as_user: Annotated[int, Field(ge=1, le=2**31 - 1)] = Field(
        default=65532, description="Numeric user of every process; never root."
    )
    fs_group: Annotated[int, Field(ge=1, le=2**31 - 1)] = Field(
        default=65532, description="Numeric group that may read and write the volumes."
    )
