"""A case as stored ↔ the case as the network sees it.

Image: turn to RAS, crop to the body, clip, normalise, resample. Every step is recorded, so
that a prediction returns to the case's own grid exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from unet.data import geometry
from unet.data.axes import Shape, Spacing, by_axis
from unet.data.body import body_of
from unet.data.recipe import SPACING_TOLERANCE, Normalisation, Recipe, Record
from unet.data.resampling import resample_labels, resample_rows, resampled_shape

Kept = TypeVar("Kept", bound=np.generic)

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
        padding with 0 is padding with background; with `ct` air itself becomes 0 (`ct_zero`).
    """
    if array.ndim == 3:
        array = array[..., None]
    orientation = geometry.orientation_of(affine)
    image = geometry.to_ras(array, orientation)
    box, body = body_of(image)
    cropped = geometry.crop(image, box)
    shape = cropped.shape[:3]
    target = target_shape(shape, spacing, recipe)
    result = np.empty((*target, cropped.shape[3]), dtype=np.float16)
    normalisations = []
    for channel in range(cropped.shape[3]):
        volume = cropped[..., channel]
        normalisation = _normalisation(volume, body, recipe, channel)
        outside = body if recipe.scheme == "zscore" else None
        rows = _normalised_rows(volume, outside, normalisation)
        for index, row in enumerate(resample_rows(rows, shape[0], target)):
            result[index, ..., channel] = row[..., 0]
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
    return restored(iter(array), 0, record, lambda row: row, np.float32, array.shape[3])


def restored(
    rows: Iterable[NDArray[np.float32]],
    axis: int,
    record: Record,
    use: Callable[[NDArray[np.float32]], NDArray[Kept]],
    dtype: type[Kept],
    width: int | None,
) -> NDArray[Kept]:
    """Brings rows of probabilities back to the source's grid and keeps what `use` makes of them.

    The probabilities of a whole volume are never held: a CT of 512 x 512 x 1000 voxels with
    eleven labels has 12.6 GB of them.

    Args:
        rows: float32 [A, B, K] of the prepared volume along `axis`.
        axis: of (0, 1, 2), along which they follow each other.
        record: how the case was prepared.
        use: [a, b, K] of the source's grid → [a, b] or [a, b, width].
        dtype: of what it makes.
        width: its channels, None for none.

    Returns:
        [X, Y, Z] or [X, Y, Z, width]; 0 outside the cropped box.
    """
    shape = geometry.in_ras_order(record.source_shape, record.orientation)
    result = np.zeros(shape if width is None else (*shape, width), dtype=dtype)
    inside = np.moveaxis(geometry.crop(result, record.bbox), axis, 0)
    others = [other for other in range(3) if other != axis]
    order = (axis, *others)
    cropped = by_axis(record.shape_cropped[other] for other in order)
    for index, row in enumerate(resample_rows(rows, record.shape[axis], cropped)):
        inside[index] = use(row)
    return np.ascontiguousarray(geometry.from_ras(result, record.orientation))


def target_shape(shape: Shape, source: Spacing | None, recipe: Recipe) -> Shape:
    """The shape of a cropped case on the training grid.

    Args:
        shape: of the cropped case, voxels.
        source: its spacing in mm, None if unknown.
    """
    target = recipe.spacing
    if source is None:
        return resampled_shape(shape, (1.0, 1.0, 1.0), recipe.shrink)
    if target is None or np.allclose(source, target, rtol=SPACING_TOLERANCE):
        return shape
    return resampled_shape(shape, source, target)


def _normalised_rows(
    volume: NDArray[np.float32], body: NDArray[np.bool_] | None, applied: Normalisation
) -> Iterator[NDArray[np.float32]]:
    """The rows [H, W, 1] of a volume [D, H, W], normalised; 0 outside the body."""
    for index, stored in enumerate(volume):
        row = np.clip(stored, applied.low, applied.high, dtype=np.float32)
        row -= np.float32(applied.mean)
        row /= np.float32(applied.sd)
        if body is not None:
            row[~body[index]] = 0.0
        yield row[..., None]


def _normalisation(
    volume: NDArray[np.float32], body: NDArray[np.bool_] | None, recipe: Recipe, channel: int
) -> Normalisation:
    if recipe.scheme == "ct" and recipe.ct_stats is not None:
        stats = recipe.ct_stats[channel]
        sd = stats.sd if stats.sd > 0 else 1.0
        zero = stats.low if recipe.ct_zero == "air" else stats.mean
        return Normalisation(low=stats.low, high=stats.high, mean=zero, sd=sd)
    low, high = np.percentile(_sample(volume, body), recipe.clip)
    # Row by row: a copy of a whole body may not fit.
    sums = np.zeros(3)
    shift = (low + high) / 2
    for index, stored in enumerate(volume):
        values = stored.ravel() if body is None else stored[body[index]]
        values = np.clip(values, low, high).astype(np.float64) - shift
        sums += (values.size, values.sum(), np.square(values).sum())
    mean = float(sums[1] / sums[0])
    sd = float(np.sqrt(max(0.0, sums[2] / sums[0] - mean**2)))
    mean += float(shift)
    # A constant channel (a modality that was not acquired) becomes 0, not NaN.
    sd = sd if sd > 1e-6 * abs(mean) else 1.0
    return Normalisation(low=float(low), high=float(high), mean=mean, sd=sd)


def _sample(volume: NDArray[np.float32], body: NDArray[np.bool_] | None) -> NDArray[np.float32]:
    """Evenly drawn values of the body, at most twice `MAX_SAMPLES`."""
    size = volume.size if body is None else int(np.count_nonzero(body))
    stride, done, drawn = max(1, size // MAX_SAMPLES), 0, []
    for index, stored in enumerate(volume):
        values = stored.ravel() if body is None else stored[body[index]]
        drawn.append(values[-done % stride :: stride])
        done += values.size
    return np.concatenate(drawn)
