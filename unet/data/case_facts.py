"""What planning needs to know of a case: sizes, spacing, intensities, labels."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from unet.data.axes import Shape, Spacing


class ChannelFacts(BaseModel):
    """Intensities of one channel of one case.

    `percentiles` (0.5, 5, 25, 50, 75, 95, 99.5) are of the body. The rest is of the labelled
    voxels: mean, sd and quantiles from 0 to 100 % in steps of 1, empty without label.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    percentiles: tuple[float, ...]
    foreground_mean: float = 0.0
    foreground_sd: float = 0.0
    foreground_quantiles: tuple[float, ...] = ()


class LabelPlace(BaseModel):
    """Where a label lies from left to right, in a case's box round the body.

    `right` is the share of its voxels in the right half; `centre` and `spread` are mean and sd of
    their places, from 0 at the box's left end to 1 at its right.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    right: float
    centre: float
    spread: float


class CaseFacts(BaseModel):
    """Facts of one case. Shapes in voxels, spacing in mm, all along the RAS axes.

    `spacing` is None if the header does not tell it. `body_fraction` is the body's share
    of the cropped box. `label_voxels` counts every label of dataset.json, 0 if absent;
    `labels_cut` those that lie outside the box. `orientation` is where the
    file's axes run, as in RAS or LPS. `places` is where each label that is there lies; a
    fingerprint of an older release has none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    case: str
    shape: Shape
    cropped_shape: Shape
    spacing: Spacing | None
    body_fraction: float
    channels: tuple[ChannelFacts, ...]
    label_voxels: dict[int, int]
    labels_cut: int = 0
    orientation: str = ""
    places: dict[int, LabelPlace] = {}
