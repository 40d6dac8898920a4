"""What a U-Net is made of: its levels, strides and filters, decided without TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from unet.data.axes import Shape, by_axis

FILTERS = 16  # of the first level; doubled at each level below
LARGEST_FILTERS = 256
LEVELS = 5
SUPERVISED_LEVELS = 3
SMALLEST_EDGE = 4  # voxels of the lowest level along a pooled axis (nnU-Net)

Strides = tuple[Shape, ...]  # into level 1, 2, …

Width = Annotated[int, Field(ge=1, le=2**16)]
Stride = Annotated[int, Field(ge=1, le=16)]
MOST_LEVELS = 16


class NetworkSpec(BaseModel):
    """What is needed to build the network again.  Level 0 is the full resolution."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["planned", "course"] = "planned"
    channels: Width = Field(description="input channels")
    outputs: Width = Field(description="output channels (logits)")
    filters: tuple[Width, ...] = Field(description="feature maps per level")
    strides: tuple[tuple[Stride, Stride, Stride], ...] = Field(
        description="stride into level 1, 2, …"
    )
    normalisation: Literal["instance", "batch"] = "instance"
    encoder_convolutions: Annotated[int, Field(ge=1, le=16)] = 2
    decoder_convolutions: Annotated[int, Field(ge=1, le=16)] = 1
    upsampling: bool = Field(False, description="nearest up-sampling, not transposed convolution")
    supervised_levels: int = Field(1, ge=1, description="levels with a loss of their own")

    @model_validator(mode="after")
    def _consistent(self) -> NetworkSpec:
        if not 1 <= len(self.filters) == len(self.strides) + 1 <= MOST_LEVELS:
            raise ValueError(f"{len(self.filters)} levels and {len(self.strides)} strides")
        return self

    @property
    def divisor(self) -> Shape:
        """Patch sides must be multiples of this."""
        return divisor_of(self.strides)


def course_spec(channels: int, outputs: int, filters: int, upsampling: bool) -> NetworkSpec:
    """The network of the course: five levels, batch norm, ReLU, two convolutions a level."""
    return NetworkSpec(
        kind="course",
        channels=channels,
        outputs=outputs,
        filters=tuple(filters * 2**level for level in range(5)),
        strides=((2, 2, 2),) * 4,
        normalisation="batch",
        decoder_convolutions=2,
        upsampling=upsampling,
    )


def planned_spec(
    channels: int, outputs: int, strides: Strides, filters: int | None, upsampling: bool
) -> NetworkSpec:
    """The planned network: one level more than there are strides.

    Args:
        channels: of the input.
        outputs: channels of the logits.
        strides: into level 1, 2, ….
        filters: feature maps of the first level, None for 16.
        upsampling: nearest up-sampling instead of transposed convolutions.
    """
    levels = len(strides) + 1
    first = filters or FILTERS
    return NetworkSpec(
        channels=channels,
        outputs=outputs,
        strides=strides,
        filters=tuple(min(first * 2**level, LARGEST_FILTERS) for level in range(levels)),
        upsampling=upsampling,
        supervised_levels=max(1, min(SUPERVISED_LEVELS, levels - 1)),
    )


def strides_for(patch: Shape, width: Sequence[float], levels: int = LEVELS) -> Strides:
    """Strides between levels: halve an axis unless it is too short or too coarse (nnU-Net).

    Coarse is measured against the axes that are long enough to be halved: a volume of one slice
    has the network of its plane, whatever the slice's thickness.

    Args:
        patch: voxels.
        width: relative size of a voxel along each axis.
        levels: at most.
    """
    size, coarseness = list(patch), list(width)
    strides: list[Shape] = []
    while len(strides) < levels - 1:
        long = [axis for axis in range(3) if size[axis] >= 2 * SMALLEST_EDGE]
        if not long or math.prod(size) <= SMALLEST_EDGE**3:
            break
        coarsest = 2 * min(coarseness[axis] for axis in long) - 1e-6
        stride = by_axis(
            2 if axis in long and coarseness[axis] < coarsest else 1 for axis in range(3)
        )
        size = [math.ceil(n / s) for n, s in zip(size, stride, strict=True)]
        coarseness = [w * s for w, s in zip(coarseness, stride, strict=True)]
        strides.append(stride)
    return tuple(strides)


def divisor_of(strides: Strides) -> Shape:
    """What the sides of a patch must be multiples of, to be pooled by these strides."""
    return by_axis(math.prod(stride[axis] for stride in strides) for axis in range(3))


def multiples_above(size: Shape, divisor: Shape) -> Shape:
    """The sizes, each at the next multiple of the divisor that is no smaller."""
    return by_axis(-(-n // d) * d for n, d in zip(size, divisor, strict=True))


def nearest_multiples(size: Sequence[float], divisor: Shape) -> Shape:
    """The sizes, each at its nearest multiple of the divisor, one of them at least."""
    return by_axis(max(1, int(n / d + 0.5)) * d for n, d in zip(size, divisor, strict=True))
