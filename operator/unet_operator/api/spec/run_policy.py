"""spec.runPolicy: how long it may run, how often it may fail, what stays afterwards."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from unet_operator.api.schema import Model
from unet_operator.api.timing import TEN_YEARS


class RunPolicy(Model):
    """How long it may run, how often it may fail, what stays afterwards."""

    suspend: bool = Field(
        default=False,
        description="Stops every pod after a checkpoint; set back to resume from it.",
    )
    backoff_limit: Annotated[int, Field(ge=0, le=100)] = Field(
        default=3,
        description="Failed attempts before the training fails. Evictions, preemptions and "
        "lost nodes do not count; a connection between ranks that breaks twice without a later "
        "checkpoint between does.",
    )
    retry: Annotated[int, Field(ge=0, le=10_000)] = Field(
        default=0,
        description="Raise it to take up a Failed training again from its last checkpoint, "
        "whatever it failed for; failed attempts and the deadline count anew.",
    )
    active_deadline_seconds: Annotated[int, Field(ge=1)] | None = Field(
        default=None,
        description="The training fails when it has run longer; empty is no limit.",
        # For new objects: a stored one with more is lived with.
        json_schema_extra={"unit": "seconds", "maximum": TEN_YEARS},
    )
    ttl_seconds_after_finished: Annotated[int, Field(ge=0)] | None = Field(
        default=None,
        description="Deletes the UNetTraining itself this long after its end; empty keeps it.",
        json_schema_extra={"unit": "seconds", "maximum": TEN_YEARS},
    )
    clean_pod_policy: Literal["None", "Running", "All"] = Field(
        default="Running",
        description="Which pods go at the end: None, Running (the workers; finished pods stay "
        "for their logs) or All.",
    )
    gang: Literal["auto", "none"] = Field(
        default="auto",
        description="auto binds all workers or none where Kubernetes offers PodGroup "
        "(1.37 and later); none never does.",
    )
