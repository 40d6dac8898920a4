"""A case as stored ↔ the case as the network sees it.

Image: turn to RAS, crop to the body, clip, normalise, resample. Every step is recorded, so
that a prediction returns to the case's own grid exactly.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unet.data import geometry
from unet.data.axes import Shape, Spacing
from unet.data.body import body_of
from unet.data.recipe import SPACING_TOLERANCE, Normalisation, Recipe, Record
from unet.data.resampling import resample, resample_labels, resampled_shape

MAX_SAMPLES = 2_000_000  # voxels for percentiles; more changes nothing within float16


def prepare_image(
    array: NDArray[np.float32],
    affine: NDArray[np.float64],
    spacing: Spacing | None,
    recipe: Recipe,
    case: str = "",
) -> tuple[NDArray[np.float16], Record]:
    """Prepares an image.

    Args:
        array: [X, Y, Z] or [X, Y, Z, C], the recipe's channels only, as stored.
        affine: [4, 4].
        spacing: mm along the RAS axes; None if unknown, then nothing is resampled.
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
        normalisation = _normalisation(volume, body, recipe, channel)
        np.clip(volume, normalisation.low, normalisation.high, out=volume)
        volume -= np.float32(normalisation.mean)
        volume /= np.float32(normalisation.sd)
        if body is not None and recipe.scheme == "zscore":
            volume[~body] = 0.0
        result[..., channel] = resample(volume, target)
        normalisations.append(normalisation)
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
    return np.ascontiguousarray(resample_labels(cropped, record.shape))


def restore(array: NDArray[np.float32], record: Record) -> NDArray[np.float32]:
    """Brings probabilities [D, H, W, K] back to the source's grid: float32 [X, Y, Z, K].

    Linear where the case was resampled, exact where not. Outside the cropped box every
    channel is 0, which `Target.decode` reads as background.
    """
    shape = geometry.in_ras_order(record.source_shape, record.orientation)
    result = np.zeros((*shape, array.shape[3]), dtype=np.float32)
    inside = geometry.crop(result, record.bbox)
    for channel in range(array.shape[3]):
        volume = np.asarray(array[..., channel], dtype=np.float32)
        inside[..., channel] = resample(volume, record.shape_cropped)
    return np.ascontiguousarray(geometry.from_ras(result, record.orientation))


def _target_shape(shape: Shape, source: Spacing | None, recipe: Recipe) -> Shape:
    target = recipe.spacing
    if source is None:
        return resampled_shape(shape, (1.0, 1.0, 1.0), recipe.shrink)
    if target is None or np.allclose(source, target, rtol=SPACING_TOLERANCE):
        return shape
    return resampled_shape(shape, source, target)


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
