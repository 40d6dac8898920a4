"""Orientation, spacing and cropping of volumes, each with its way back.

Arrays are [X, Y, Z, C] as stored in the file and [D, H, W, C] once their axes run
right, anterior, superior (RAS), the order and direction that nibabel calls canonical.
Oblique affines are turned to the nearest axes, never interpolated.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from nibabel.affines import voxel_sizes
from nibabel.orientations import apply_orientation, io_orientation
from numpy.typing import NDArray

from unet.data.axes import Box, Orientation, Shape, Spacing, by_axis

T = TypeVar("T")
Scalar = TypeVar("Scalar", bound=np.generic)

MILLIMETRES = {"meter": 1000.0, "mm": 1.0, "micron": 0.001}


def orientation_of(affine: NDArray[np.float64]) -> Orientation:
    """The RAS axis and direction (1 or -1) that each array axis follows most closely.

    Args:
        affine: [4, 4], voxel indices to mm. Must be invertible.
    """
    return by_axis((int(axis), int(flip)) for axis, flip in io_orientation(affine))


def axis_codes(orientation: Orientation) -> str:
    """Where the array's axes run, as in RAS: to the right, to the front, up."""
    return "".join(("LR", "PA", "IS")[axis][flip > 0] for axis, flip in orientation)


def to_ras(array: NDArray[Scalar], orientation: Orientation) -> NDArray[Scalar]:
    """[X, Y, Z, …] as stored → [D, H, W, …] in RAS order; a view."""
    turned: NDArray[Scalar] = apply_orientation(array, np.array(orientation))
    return turned


def from_ras(array: NDArray[Scalar], orientation: Orientation) -> NDArray[Scalar]:
    """[D, H, W, …] in RAS order → [X, Y, Z, …] as stored; a view, the inverse of `to_ras`."""
    for axis, (_, flip) in enumerate(orientation):
        if flip < 0:
            array = np.flip(array, orientation[axis][0])
    return array.transpose([axis for axis, _ in orientation] + list(range(3, array.ndim)))


def in_ras_order(sizes: tuple[T, T, T], orientation: Orientation) -> tuple[T, T, T]:
    """One value an axis [X, Y, Z] → the same in RAS order [D, H, W]."""
    by_ras_axis = {axis: size for size, (axis, _) in zip(sizes, orientation, strict=True)}
    return by_ras_axis[0], by_ras_axis[1], by_ras_axis[2]


def spacing_of(affine: NDArray[np.float64], unit: str, orientation: Orientation) -> Spacing | None:
    """Voxel sizes in mm along the RAS axes, or None if the file does not tell them.

    A header without a unit whose voxels are all exactly 1 is what writers leave who know
    nothing, so the spacing is unknown. Other sizes without a unit are taken as mm, as every
    reader of NIfTI does: someone has set them.

    Args:
        affine: [4, 4].
        unit: nibabel's name of the header's spatial unit: meter, mm, micron or unknown.
        orientation: of the affine.
    """
    sizes = voxel_sizes(affine)
    if unit not in MILLIMETRES and np.allclose(sizes, 1.0, rtol=0, atol=1e-6):
        return None
    scale = MILLIMETRES.get(unit, 1.0)
    return in_ras_order(by_axis(float(size) * scale for size in sizes), orientation)


def full_box(shape: Shape) -> Box:
    """The box that holds all of `shape`."""
    return by_axis((0, size) for size in shape)


def box_of(mask: NDArray[np.bool_]) -> Box | None:
    """The smallest box round the true voxels of [D, H, W], or None if all are false."""
    box = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        hit = np.flatnonzero(mask.any(axis=others))
        if hit.size == 0:
            return None
        box.append((int(hit[0]), int(hit[-1]) + 1))
    return by_axis(box)


def crop(array: NDArray[Scalar], box: Box) -> NDArray[Scalar]:
    """The part of [D, H, W, …] inside `box`; a view."""
    return array[tuple(slice(start, stop) for start, stop in box)]
