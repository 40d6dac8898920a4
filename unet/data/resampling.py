"""Volumes on another grid: linear for images, the largest share for labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from unet.data.axes import Shape, Spacing, by_axis


def resampled_shape(shape: Shape, source: Spacing, target: Spacing) -> Shape:
    """The shape that covers the same extent at another spacing, at least 1 voxel an axis."""
    return by_axis(
        max(1, round(size * old / new))
        for size, old, new in zip(shape, source, target, strict=True)
    )


def resample(volume: NDArray[np.float32], shape: Shape) -> NDArray[np.float32]:
    """Resamples one channel [D, H, W] linearly to `shape`; a copy only if it differs.

    Linear, not cubic: about 10 times faster (128 voxels cubed: 0.2 against 2 CPU seconds), and
    without overshoot at the edges of lesions and thick slices, for whose sake nnU-Net treats
    anisotropic axes apart; a linear kernel needs no such rule. The grids share their outer
    faces, not their outer voxel centres, so that there and back does not shift.
    """
    if volume.shape == shape:
        return volume
    zoom = [new / old for new, old in zip(shape, volume.shape, strict=True)]
    return ndimage.zoom(volume, zoom, order=1, mode="nearest", grid_mode=True)


def resample_labels(label: NDArray[np.uint8], shape: Shape) -> NDArray[np.uint8]:
    """Resamples label values [D, H, W]: each value's mask linearly, the largest share wins.

    Nearest neighbour would leave steps and drop thin structures; this keeps the values.
    """
    if label.shape == shape:
        return label
    result = np.zeros(shape, dtype=np.uint8)
    best = np.zeros(shape, dtype=np.float32)
    for value in np.flatnonzero(np.bincount(label.ravel(), minlength=256)):
        share = resample((label == value).astype(np.float32), shape)
        won = share > best
        result[won] = value
        best[won] = share[won]
    return result
