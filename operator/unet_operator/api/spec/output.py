"""spec.output: where checkpoints, predictions and the report go."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from unet_operator.api.schema import Model, Name, Quantity, rules


class ClaimTemplate(Model):
    """A claim to create."""

    storage_class_name: Name | None = Field(
        default=None, description="Storage class; empty takes the cluster's default."
    )
    size: Quantity = Field(description="Size of the volume, such as 100Gi.")
    access_mode: Literal["ReadWriteMany", "ReadWriteOnce"] = Field(
        default="ReadWriteMany",
        description="ReadWriteOnce serves one worker only; several need ReadWriteMany.",
    )


class Output(Model):
    """Where checkpoints, predictions and the report go."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "has(self.claimName) != has(self.volumeClaimTemplate)",
                "set either claimName or volumeClaimTemplate",
            )
        )
    )

    claim_name: Name | None = Field(
        default=None, description="Name of a PersistentVolumeClaim in this namespace."
    )
    volume_claim_template: ClaimTemplate | None = Field(
        default=None, description="Creates the claim NAME-output."
    )
    retain: bool = Field(
        default=True,
        description="Keeps a created claim, with model and predictions, when the "
        "UNetTraining is deleted.",
    )
