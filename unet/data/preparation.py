"""A case as stored ↔ the case as the network sees it.

Image: turn to RAS, crop to the body, clip, normalise, resample. Every step is recorded, so
that a prediction returns to the case's own grid exactly.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from unet.data import geometry
from unet.data.body import body_of

VERSION = 2  # raise it with any change of the result: it is part of the cache's key
SPACING_TOLERANCE = 0.01  # relative; closer grids are the same grid
MAX_SAMPLES = 2_000_000  # voxels for percentiles; more changes nothing within float16


class CtStats(BaseModel):
    """Of the labelled voxels of all training cases: percentiles 0.5 and 99.5, mean, sd (HU)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: float
    high: float
    mean: float
    sd: float


class Recipe(BaseModel):
    """How every case of a run is prepared; the same for training and inference.

    `channels` index the file's modalities. `spacing` is the target in mm along the RAS axes,
    None to leave every case on its grid. `zscore` normalises each channel by its own body,
    `ct` by the data set's `ct_stats` (one per channel), since Hounsfield units are absolute.
    `clip` are percentiles within the body: saturated voxels (32767) and bright vessels would
    stretch the scale. `shrink` coarsens the own grid of a case of unknown spacing, by axis.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: tuple[int, ...] = (0,)
    spacing: geometry.Spacing | None = None
    scheme: Literal["zscore", "ct"] = "zscore"
    clip: tuple[float, float] = (0.5, 99.5)
    ct_stats: tuple[CtStats, ...] | None = None
    shrink: tuple[float, float, float] = (1.0, 1.0, 1.0)
    version: int = VERSION


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
    prepared array, None where the source's is unknown.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    case: str
    source_shape: geometry.Shape
    affine: tuple[tuple[float, ...], ...]
    orientation: geometry.Orientation
    bbox: geometry.Box
    spacing_source: geometry.Spacing | None
    shape_cropped: geometry.Shape
    shape: geometry.Shape
    spacing: geometry.Spacing | None
    normalisation: tuple[Normalisation, ...]

    @property
    def affine_array(self) -> NDArray[np.float64]:
        """The source's affine [4, 4]."""
        return np.array(self.affine, dtype=np.float64)


def prepare_image(
    array: NDArray[np.float32],
    affine: NDArray[np.float64],
    spacing: geometry.Spacing | None,
    recipe: Recipe,
    case: str = "",
) -> tuple[NDArray[np.float16], Record]:
    """Prepares an image.

    Args:
        array: [X, Y, Z] or [X, Y, Z, C], the recipe's channels only, as stored.
        affine: [4, 4].
        spacing: mm along the RAS axes, None where unknown: then nothing is resampled.
        recipe: what to do.
        case: id for the record.

    Returns:
        float16 [D, H, W, C], C-contiguous, and the record. Outside the body it is 0, so that
        padding with 0 is padding with background; with `ct` air keeps its own value.
    """
    if array.ndim == 3:
        array = array[..., None]
    orientation = geometry.orientation_of(affine)
    image = geometry.to_ras(array, orientation)
    box, body = body_of(image)
    cropped = geometry.crop(image, box)
    shape = cropped.shape[:3]
    target = _target_shape(shape, spacing, recipe)
    result = np.empty((*target, cropped.shape[3]), dtype=np.float16)
    normalisations = []
    for channel in range(cropped.shape[3]):
        volume = np.array(cropped[..., channel], dtype=np.float32, order="C")
        how = _normalisation(volume, body, recipe, channel)
        np.clip(volume, how.low, how.high, out=volume)
        volume -= np.float32(how.mean)
        volume /= np.float32(how.sd)
        if body is not None and recipe.scheme == "zscore":
            volume[~body] = 0.0
        result[..., channel] = geometry.resample(volume, target)
        normalisations.append(how)
    resampled = target != shape
    record = Record(
        case=case,
        source_shape=array.shape[:3],
        affine=tuple(tuple(float(x) for x in row) for row in affine),
        orientation=orientation,
        bbox=box,
        spacing_source=spacing,
        shape_cropped=shape,
        shape=target,
        spacing=recipe.spacing if resampled and spacing is not None else spacing,
        normalisation=tuple(normalisations),
    )
    return result, record


def prepare_label(label: NDArray[np.uint8], record: Record) -> NDArray[np.uint8]:
    """Brings label values [X, Y, Z] to the prepared image's grid: uint8 [D, H, W]."""
    cropped = geometry.crop(geometry.to_ras(label, record.orientation), record.bbox)
    return np.ascontiguousarray(geometry.resample_labels(cropped, record.shape))


def restore(array: NDArray[np.float32], record: Record) -> NDArray[np.float32]:
    """Brings probabilities [D, H, W, K] back to the source's grid: float32 [X, Y, Z, K].

    Linear where the case was resampled, exact where not. Outside the cropped box every
    channel is 0, which `Target.decode` reads as background.
    """
    shape = geometry.ras_shape(record.source_shape, record.orientation)
    result = np.zeros((*shape, array.shape[3]), dtype=np.float32)
    inside = geometry.crop(result, record.bbox)
    for channel in range(array.shape[3]):
        volume = np.asarray(array[..., channel], dtype=np.float32)
        inside[..., channel] = geometry.resample(volume, record.shape_cropped)
    return np.ascontiguousarray(geometry.from_ras(result, record.orientation))


def _target_shape(
    shape: geometry.Shape, source: geometry.Spacing | None, recipe: Recipe
) -> geometry.Shape:
    target = recipe.spacing
    if source is None:
        return geometry.resampled_shape(shape, (1.0, 1.0, 1.0), recipe.shrink)
    if target is None or np.allclose(source, target, rtol=SPACING_TOLERANCE):
        return shape
    return geometry.resampled_shape(shape, source, target)


def _normalisation(
    volume: NDArray[np.float32], body: NDArray[np.bool_] | None, recipe: Recipe, channel: int
) -> Normalisation:
    if recipe.scheme == "ct" and recipe.ct_stats is not None:
        stats = recipe.ct_stats[channel]
        sd = stats.sd if stats.sd > 0 else 1.0
        return Normalisation(low=stats.low, high=stats.high, mean=stats.mean, sd=sd)
    values = volume[body] if body is not None else volume.ravel()
    stride = max(1, values.size // MAX_SAMPLES)
    low, high = np.percentile(values[::stride], recipe.clip)
    clipped = np.clip(values, low, high)
    mean = float(clipped.mean(dtype=np.float64))
    sd = float(clipped.std(dtype=np.float64))
    # A constant channel (a modality that was not acquired) becomes 0, not NaN.
    sd = sd if sd > 1e-6 * abs(mean) else 1.0
    return Normalisation(low=float(low), high=float(high), mean=mean, sd=sd)
