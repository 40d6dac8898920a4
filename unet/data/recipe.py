"""How a case is prepared, written down: the recipe for all cases, the record of each one."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from unet.data.axes import Box, Orientation, Shape, Spacing
from unet.system.values import Positive

VERSION = 3  # raise it with any change of the result: it is part of the cache's key
SPACING_TOLERANCE = 0.01  # relative; closer grids are the same grid


Finite = Annotated[float, Field(allow_inf_nan=False)]
Percentile = Annotated[float, Field(ge=0, le=100)]


class CtStats(BaseModel):
    """Of the labelled voxels of all training cases, pooled: percentiles 0.5 and 99.5, mean, sd.

    In Hounsfield units, as nnU-Net's CTNormalization takes them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: Finite
    high: Finite
    mean: Finite
    sd: Positive


class Recipe(BaseModel):
    """How every case of a run is prepared; the same for training and inference.

    `channels` index the file's modalities. `spacing` is the target in mm along the RAS axes,
    None to leave every case on its grid. `zscore` normalises each channel by its own body,
    `ct` by the data set's `ct_stats` (one per channel), since Hounsfield units are absolute.
    `clip` are percentiles within the body: saturated voxels (32767) and bright vessels would
    stretch the scale. `shrink` is how many times coarser a case of unknown spacing becomes along
    each axis. `ct_zero` is what of a CT becomes 0, with which every volume is padded: what is below
    the clip, such as air, or, in models of older releases, the labelled voxels' mean.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] = (0,)
    spacing: tuple[Positive, Positive, Positive] | None = None
    scheme: Literal["zscore", "ct"] = "zscore"
    clip: tuple[Percentile, Percentile] = (0.5, 99.5)
    ct_stats: tuple[CtStats, ...] | None = None
    shrink: tuple[Positive, Positive, Positive] = (1.0, 1.0, 1.0)
    ct_zero: Literal["mean", "air"] = "mean"
    version: int = VERSION

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        if self.clip[0] > self.clip[1]:
            raise ValueError("clip is not in order")
        if self.scheme == "ct" and len(self.ct_stats or ()) != len(self.channels):
            raise ValueError("ct_stats are not one for each channel")
        return self


class Normalisation(BaseModel):
    """What was done to one channel: clip to low and high, minus mean, by sd."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: float
    high: float
    mean: float
    sd: float


class Record(BaseModel):
    """How one case was prepared: all that `restore` needs. Shapes in voxels, spacing in mm.

    `bbox` and the shapes after `source_shape` are in RAS order. `spacing` is that of the
    prepared array, None if the source's is unknown.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    case: str
    source_shape: Shape
    affine: tuple[tuple[float, ...], ...]
    orientation: Orientation
    bbox: Box
    spacing_source: Spacing | None
    shape_cropped: Shape
    shape: Shape
    spacing: Spacing | None
    normalisation: tuple[Normalisation, ...]
    lost: dict[int, int] = {}
    """Voxels by label of which the prepared grid has none."""

    @property
    def affine_array(self) -> NDArray[np.float64]:
        """The source's affine [4, 4]."""
        return np.array(self.affine, dtype=np.float64)
