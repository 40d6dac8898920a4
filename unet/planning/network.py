"""What a U-Net is made of, written down: enough to build it again, without TensorFlow."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class NetworkSpec(BaseModel):
    """What is needed to build the network again.  Level 0 is the full resolution."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["planned", "course"] = "planned"
    channels: int = Field(ge=1, description="input channels")
    outputs: int = Field(ge=1, description="output channels (logits)")
    filters: tuple[int, ...] = Field(description="feature maps per level")
    strides: tuple[tuple[int, int, int], ...] = Field(description="stride into level 1, 2, …")
    normalisation: Literal["instance", "batch"] = "instance"
    encoder_convolutions: int = 2
    decoder_convolutions: int = 1
    upsampling: bool = Field(False, description="nearest up-sampling, not transposed convolution")
    supervised_levels: int = Field(1, ge=1, description="levels with a loss of their own")

    @property
    def divisor(self) -> tuple[int, int, int]:
        """Patch sides must be multiples of this."""
        sides = [1, 1, 1]
        for stride in self.strides:
            sides = [a * b for a, b in zip(sides, stride, strict=True)]
        return (sides[0], sides[1], sides[2])


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
