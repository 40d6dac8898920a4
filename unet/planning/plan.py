"""A plan: everything that a run does, written down before its first step."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from unet.data.axes import MIRROR_AXES, Shape
from unet.data.recipe import Recipe
from unet.data.regions import Target
from unet.planning.network import NetworkSpec
from unet.planning.precision import Precision
from unet.system.values import Positive

Count = Annotated[int, Field(ge=1, le=2**31)]
Bytes = Annotated[int, Field(ge=0, le=2**63)]


class Plan(BaseModel):
    """What a run will do.  Sizes in voxels, times in seconds, memory in bytes per rank."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: Recipe
    target: Target
    network: NetworkSpec
    patch_size: tuple[Count, Count, Count]
    mirror_axes: tuple[Annotated[int, Field(ge=0, le=2)], ...] = Field(
        MIRROR_AXES,
        description="of (right, anterior, superior), mirrored in training and prediction; a plan "
        "of an older release, which names none, mirrored left and right",
    )
    voxel_width: tuple[Positive, Positive, Positive] = Field(
        (1.0, 1.0, 1.0),
        description="relative size of a voxel along each axis where no spacing is known; cubes in "
        "plans of older releases",
    )
    batch_size: Count = Field(description="patches per rank and step")
    micro_batch: int | None = Field(
        None, ge=1, description="patches computed at a time, a divisor of the batch; None for all"
    )
    ranks: Count
    precision: Precision
    threads: Count
    ranks_per_node: Count = Field(
        1, description="ranks that would share this one's cores best; above 1 it is advice"
    )
    epochs: Count
    steps_per_epoch: Count
    validate_every: Count
    learning_rate: Positive = Field(description="base rate, before scaling to the global batch")
    step_seconds: Positive
    cpu_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(
        None, description="of a step, by all threads together; None where none was measured"
    )
    epoch_seconds: Positive
    memory_bytes: Bytes
    memory_limit_bytes: Bytes
    measured: bool = Field(description="whether a trial step measured time and memory")
    reasons: tuple[str, ...]
    settings: dict[str, JsonValue] | None = Field(
        None, description="what the run was asked for, as far as a plan depends on it"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Plan:
        expected = len(self.recipe.channels), self.target.outputs
        if (self.network.channels, self.network.outputs) != expected:
            raise ValueError("the network has not the recipe's channels or the target's regions")
        if any(
            side % divisor
            for side, divisor in zip(self.patch_size, self.network.divisor, strict=True)
        ):
            raise ValueError("patch_size is no multiple of the network's strides")
        if self.batch_size % (self.micro_batch or 1):
            raise ValueError("micro_batch does not divide batch_size")
        return self

    @property
    def global_batch_size(self) -> int:
        """Patches per step over all ranks."""
        return self.batch_size * self.ranks

    @property
    def voxels_per_second(self) -> float:
        """Voxels that a rank trains in a second."""
        return self.batch_size * math.prod(self.patch_size) / self.step_seconds

    @property
    def shape(self) -> StepShape:
        """The part of the plan that fixes time and memory of a step."""
        return StepShape(
            network=self.network,
            patch_size=self.patch_size,
            batch_size=self.batch_size,
            micro_batch=self.micro_batch,
            activation=self.target.activation,
            threads=self.threads,
            precision=self.precision,
        )


class StepShape(BaseModel):
    """What fixes time and memory of a training step: what a trial step measures."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: NetworkSpec
    patch_size: Shape
    batch_size: int
    micro_batch: int | None = None
    activation: Literal["softmax", "sigmoid"]
    threads: int
    precision: Precision


class Measured(BaseModel):
    """What a trial measured: the least that one of its steps took, and the process' peak RSS.

    Seconds and bytes. `cpu_seconds` is of all threads together, and hardly knows what else the
    machine does: with three busy programs beside it, it grew by a tenth where the wall clock
    took six times as long.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    step_seconds: float
    cpu_seconds: float
    peak_bytes: int
