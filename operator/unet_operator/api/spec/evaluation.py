"""spec.evaluation: how the trained network is scored."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from unet_operator.api.schema import Model
from unet_operator.api.spec.pod_parts import Resources


class Evaluation(Model):
    """Whole-volume predictions of the validation cases, and their score."""

    enabled: bool = Field(default=True, description="Evaluates once training has ended.")
    parallelism: Annotated[int, Field(ge=1, le=256)] = Field(
        default=1, description="Number of evaluation pods, each with a share of the cases."
    )
    overlays: bool = Field(
        default=True, description="Draws label and prediction of each case as a picture."
    )
    round: Annotated[int, Field(ge=1, le=999)] = Field(
        default=1, description="Raise it to evaluate a trained model once more."
    )
    resources: Resources = Field(
        default=Resources(
            requests={"cpu": "500m", "memory": "3Gi"}, limits={"cpu": "1", "memory": "3Gi"}
        ),
        description="CPU and memory of one evaluation pod.",
    )
    report_resources: Resources = Field(
        default=Resources(requests={"cpu": "100m", "memory": "512Mi"}, limits={"memory": "2Gi"}),
        description="CPU and memory of the pod that makes the report.",
    )
