"""Orientation, spacing, cropping and resampling of volumes, each with its way back.

Arrays are [X, Y, Z, C] as stored in the file and [D, H, W, C] once their axes run
right, anterior, superior (RAS), the order and direction that nibabel calls canonical.
Oblique affines are turned to the nearest axes, never interpolated.
"""

from __future__ import annotations

from typing import TypeVar

import nibabel as nib
import numpy as np
from nibabel.orientations import apply_orientation, io_orientation
from numpy.typing import NDArray
from scipy import ndimage

Orientation = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
Box = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
Shape = tuple[int, int, int]
Spacing = tuple[float, float, float]
Scalar = TypeVar("Scalar", bound=np.generic)

MIRROR_AXES = (0,)
"""Left and right are exchanged: of a body's axes the one along which it is nearly symmetric.

Training mirrors along them, so prediction may average over them.
"""

MILLIMETRES = {"meter": 1000.0, "mm": 1.0, "micron": 0.001}


def orientation_of(affine: NDArray[np.float64]) -> Orientation:
    """The RAS axis and direction (1 or -1) that each array axis follows most closely.

    Args:
        affine: [4, 4], voxel indices to mm. Must be invertible.
    """
    rows = io_orientation(affine)
    return tuple((int(axis), int(flip)) for axis, flip in rows)  # type: ignore[return-value]


def to_ras(array: NDArray[Scalar], orientation: Orientation) -> NDArray[Scalar]:
    """[X, Y, Z, …] as stored → [D, H, W, …] in RAS order; a view."""
    return apply_orientation(array, np.array(orientation))


def from_ras(array: NDArray[Scalar], orientation: Orientation) -> NDArray[Scalar]:
    """[D, H, W, …] in RAS order → [X, Y, Z, …] as stored; a view, the inverse of `to_ras`."""
    for axis, (_, flip) in enumerate(orientation):
        if flip < 0:
            array = np.flip(array, orientation[axis][0])
    return array.transpose([axis for axis, _ in orientation] + list(range(3, array.ndim)))


def ras_shape(shape: Shape, orientation: Orientation) -> Shape:
    """The shape [D, H, W] that an array of `shape` [X, Y, Z] has in RAS order."""
    result = [0, 0, 0]
    for size, (axis, _) in zip(shape, orientation, strict=True):
        result[axis] = size
    return tuple(result)  # type: ignore[return-value]


def spacing_of(affine: NDArray[np.float64], unit: str, orientation: Orientation) -> Spacing | None:
    """Voxel sizes in mm along the RAS axes, or None where the file does not tell them.

    A header without a unit whose voxels are all exactly 1 is what writers leave who know
    nothing, so the spacing is unknown. Other sizes without a unit are taken as mm, as every
    reader of NIfTI does: someone has set them.

    Args:
        affine: [4, 4].
        unit: nibabel's name of the header's spatial unit: meter, mm, micron or unknown.
        orientation: of the affine.
    """
    sizes = nib.affines.voxel_sizes(affine)
    if unit not in MILLIMETRES and np.allclose(sizes, 1.0, rtol=0, atol=1e-6):
        return None
    scale = MILLIMETRES.get(unit, 1.0)
    return ras_shape(tuple(float(size) * scale for size in sizes), orientation)  # type: ignore


def full_box(shape: Shape) -> Box:
    """The box that holds all of `shape`."""
    return tuple((0, size) for size in shape)  # type: ignore[return-value]


def box_of(mask: NDArray[np.bool_]) -> Box | None:
    """The smallest box round the true voxels of [D, H, W], or None where there is none."""
    box = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        hit = np.flatnonzero(mask.any(axis=others))
        if hit.size == 0:
            return None
        box.append((int(hit[0]), int(hit[-1]) + 1))
    return tuple(box)  # type: ignore[return-value]


def crop(array: NDArray[Scalar], box: Box) -> NDArray[Scalar]:
    """The part of [D, H, W, …] inside `box`; a view."""
    return array[tuple(slice(start, stop) for start, stop in box)]


def resampled_shape(shape: Shape, source: Spacing, target: Spacing) -> Shape:
    """The shape that covers the same extent at another spacing, at least 1 voxel an axis."""
    sizes = (
        max(1, round(size * old / new))
        for size, old, new in zip(shape, source, target, strict=True)
    )
    return tuple(sizes)  # type: ignore[return-value]


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
