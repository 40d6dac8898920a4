"""The cheap half of nnU-Net's augmentation, on one patch, in numpy.

Probabilities and ranges are nnU-Net's; blur and low resolution are left out, which cost
more CPU than they gain.  Rotation and scaling read from the volume beyond the patch, so that
no corner is empty where there is a volume, and leave the labelled voxel that the patch was drawn
for where it is.  Intensities are those of a z-scored image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from unet.data.axes import MIRROR_AXES
from unet.training.sampler import PatchPlace, cut

Image = NDArray[np.float16] | NDArray[np.float32]


@dataclass(frozen=True)
class Augmentation:
    """How strongly to augment.

    Attributes:
        mirror_axes: axes mirrored with probability 1/2 each.
        affine: probability of rotating and scaling.
        degrees: largest rotation about each axis.
        scale: range of the zoom factor.
        intensity: probability of each intensity change.
    """

    mirror_axes: tuple[int, ...] = MIRROR_AXES
    affine: float = 0.2
    degrees: float = 30.0
    scale: tuple[float, float] = (0.7, 1.4)
    intensity: float = 0.15


NONE = Augmentation(mirror_axes=(), affine=0.0, intensity=0.0)


def augmented_patch(
    image: Image,
    label: NDArray[np.uint8],
    place: PatchPlace,
    patch_size: Sequence[int],
    rng: np.random.Generator,
    settings: Augmentation,
    spacing: Sequence[float] = (1.0, 1.0, 1.0),
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Cuts and augments one patch.

    Args:
        image: ``[D, H, W, C]``.
        label: label values, ``[D, H, W]``.
        place: where the patch lies, and the voxel about which it is turned.
        patch_size: ``(d, h, w)`` in voxels.
        settings: how strongly to augment.
        spacing: size of a voxel along each axis, in mm or relative, so that rotation keeps true
            angles and thick slices are turned in their own plane alone.

    Returns:
        image ``[d, h, w, C]`` and label ``[d, h, w]``.
    """
    if rng.random() < settings.affine:
        patch, mask = _turned(
            image, label, place, patch_size, rng, settings, np.asarray(spacing, float)
        )
    else:
        patch = cut(image, place.start, patch_size).astype(np.float32)
        mask = cut(label, place.start, patch_size)
    flips = tuple(axis for axis in settings.mirror_axes if rng.random() < 0.5)
    if flips:
        patch, mask = np.flip(patch, flips), np.flip(mask, flips)
    return _intensities(np.ascontiguousarray(patch), rng, settings), np.ascontiguousarray(mask)


def _turned(
    image: Image,
    label: NDArray[np.uint8],
    place: PatchPlace,
    size: Sequence[int],
    rng: np.random.Generator,
    settings: Augmentation,
    spacing: NDArray[np.float64],
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Rotates and scales about the place's anchor: linear image, nearest label."""
    # A slice that is much thicker than wide, or alone, is not tilted: that is no anatomy.
    flat = (spacing >= 3 * spacing.min()) | (np.minimum(size, label.shape) == 1)
    limits = np.where(flat.any() & ~flat, 0.0, settings.degrees)
    turn = Rotation.from_euler("xyz", rng.uniform(-1, 1, 3) * limits, degrees=True).as_matrix()
    zoom = rng.uniform(*settings.scale)
    matrix = (turn * spacing[None, :] / spacing[:, None]) / zoom
    fixed = np.asarray(place.anchor)
    # Where the patch's corners come from, relative to what stays in its place.
    ends = np.stack([-fixed, np.asarray(size) - 1 - fixed])
    corners = matrix[None] * ends[:, None, :]
    at = np.asarray(place.start) + fixed
    low = np.floor(at + corners.min(0).sum(1)).astype(int) - 1
    box = np.ceil(at + corners.max(0).sum(1)).astype(int) + 2 - low
    offset = at - low - matrix @ fixed
    source = cut(image, low, box).astype(np.float32)
    patch = np.stack(
        [
            ndimage.affine_transform(source[..., channel], matrix, offset, tuple(size), order=1)
            for channel in range(source.shape[-1])
        ],
        axis=-1,
    )
    mask = ndimage.affine_transform(cut(label, low, box), matrix, offset, tuple(size), order=0)
    return patch, mask


def _intensities(
    patch: NDArray[np.float32], rng: np.random.Generator, settings: Augmentation
) -> NDArray[np.float32]:
    """Noise, brightness, contrast and gamma, each with probability `settings.intensity`."""
    for channel in range(patch.shape[-1]):
        volume = patch[..., channel]
        if rng.random() < settings.intensity:
            sigma = np.float32(np.sqrt(rng.uniform(0, 0.1)))
            volume += sigma * rng.standard_normal(volume.shape, dtype=np.float32)
        if rng.random() < settings.intensity:
            volume *= np.float32(rng.uniform(0.75, 1.25))
        if rng.random() < settings.intensity:
            mean, low, high = volume.mean(), volume.min(), volume.max()
            volume -= mean
            volume *= np.float32(rng.uniform(0.75, 1.25))
            volume += mean
            np.clip(volume, low, high, out=volume)
        if rng.random() < settings.intensity:
            _gamma(volume, rng.uniform(0.7, 1.5), inverted=rng.random() < 0.3)
    return patch


def _gamma(volume: NDArray[np.float32], gamma: float, *, inverted: bool) -> None:
    """Gamma correction in place that keeps mean and standard deviation (nnU-Net)."""
    sign = np.float32(-1 if inverted else 1)
    volume *= sign
    mean, sd = volume.mean(), volume.std()
    low = volume.min()
    span = volume.max() - low
    if span > 1e-6:
        volume -= low
        volume /= span
        np.power(volume, np.float32(gamma), out=volume)
        volume -= volume.mean()
        volume *= sd / max(float(volume.std()), 1e-6)
        volume += mean
    volume *= sign
