"""Volumes on another grid: linear for images, the largest share for labels.

Everything goes row by row along the first axis: a row of the result needs two of the source,
so that memory holds no second volume.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from unet.data.axes import Shape, Spacing, by_axis

Places = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]


def resampled_shape(shape: Shape, source: Spacing, target: Spacing) -> Shape:
    """The shape that covers the same extent at another spacing, at least 1 voxel an axis."""
    return by_axis(
        max(1, round(size * old / new))
        for size, old, new in zip(shape, source, target, strict=True)
    )


def resample(volume: NDArray[np.float32], shape: Shape) -> NDArray[np.float32]:
    """Resamples one channel [D, H, W] linearly to `shape`; a copy only if it differs.

    Linear, not cubic: without overshoot at the edges of lesions and thick slices, for whose
    sake nnU-Net treats anisotropic axes apart; a linear kernel needs no such rule. The grids
    share their outer faces, not their outer voxel centres, so that there and back does not
    shift.
    """
    if volume.shape == shape:
        return volume
    result = np.empty(shape, dtype=np.float32)
    for index, row in enumerate(resample_rows(volume[..., None], volume.shape[0], shape)):
        result[index] = row[..., 0]
    return result


def resample_rows(
    rows: Iterable[NDArray[np.float32]], count: int, shape: Shape
) -> Iterator[NDArray[np.float32]]:
    """Resamples a volume that comes row by row; the result does too.

    Args:
        rows: the rows [H, W, K] of a volume along its first axis.
        count: of them.
        shape: of the result, without channels.

    Yields:
        float32 [h, w, K]; the rows themselves where nothing changes.
    """
    low, high, weight = _places(count, shape[0])
    source = iter(rows)
    held: dict[int, NDArray[np.float32]] = {}
    taken = 0
    for first, second, share in zip(low, high, weight, strict=True):
        while taken <= second:
            held[taken] = next(source)
            taken += 1
        for old in [index for index in held if index < first]:
            del held[old]
        row = held[int(first)]
        if first != second and share:
            row = row * (1 - share) + held[int(second)] * share
        yield _along(_along(row, 0, shape[1]), 1, shape[2])


def _along(row: NDArray[np.float32], axis: int, size: int) -> NDArray[np.float32]:
    if row.shape[axis] == size:
        return row
    low, high, weight = _places(row.shape[axis], size)
    share = weight.reshape([-1 if i == axis else 1 for i in range(row.ndim)])
    result = row.take(low, axis) * (1 - share)
    result += row.take(high, axis) * share
    return result


def _places(old: int, new: int) -> Places:
    """For each new voxel its two neighbours on the old grid, and the second one's share."""
    centres = np.clip((np.arange(new) + 0.5) * (old / new) - 0.5, 0, old - 1)
    low = np.floor(centres).astype(np.intp)
    return low, np.minimum(low + 1, old - 1), (centres - low).astype(np.float32)


def resample_labels(label: NDArray[np.uint8], shape: Shape) -> NDArray[np.uint8]:
    """Resamples label values [D, H, W]: each value's mask linearly, the largest share wins.

    Nearest neighbour would leave steps and drop thin structures; this keeps the values.
    """
    if label.shape == shape:
        return label
    values = np.flatnonzero(value_counts(label)).astype(np.uint8)
    rows = ((row[..., None] == values).astype(np.float32) for row in label)
    result = np.zeros(shape, dtype=np.uint8)
    for index, shares in enumerate(resample_rows(rows, label.shape[0], shape)):
        result[index] = values[shares.argmax(axis=-1)]
    return result


def value_counts(label: NDArray[np.uint8]) -> NDArray[np.int64]:
    """How often each value from 0 to 255 is in a label [D, H, W]."""
    counts = np.zeros(256, dtype=np.int64)
    for row in label:  # bincount widens what it counts eightfold
        counts += np.bincount(row.ravel(), minlength=256)
    return counts
