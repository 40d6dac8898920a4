"""Finds the body in a volume: what is neither constant background nor air.

Skull-stripped brains are surrounded by one value: 0 in most files, the image of 0 under
somebody's z-score (-3.6, -5.3) in others. It is the value that fills the volume's faces.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from unet.data import geometry
from unet.data.axes import Box, by_axis

# A face of noisy air has a most frequent value too; a background fills most of the faces.
BORDER_SHARE = 0.5
# Below this share of the volume the statistics hardly change, while dark voxels in the
# noise around a head would be punched out one by one. nnU-Net's rule has the same figure.
OUTSIDE_SHARE = 0.25
AIR_SHARE = 0.01  # of a slice's voxels; streaks and noise in air stay below it
MARGIN = 2  # voxels
HISTOGRAM_VOXELS = 500_000  # a threshold needs no more


def background_of(volume: NDArray[np.float32]) -> float | None:
    """The value that fills most of the six faces of [D, H, W], or None if no value fills most."""
    faces = [volume[end] for end in (0, -1)]
    faces += [volume[:, end] for end in (0, -1)] + [volume[:, :, end] for end in (0, -1)]
    border = np.concatenate([face.ravel() for face in faces])
    values, counts = np.unique(border, return_counts=True)
    best = counts.argmax()
    return float(values[best]) if counts[best] >= BORDER_SHARE * border.size else None


def body_of(image: NDArray[np.float32]) -> tuple[Box, NDArray[np.bool_] | None]:
    """The box to crop to and the body inside it.

    Args:
        image: float32 [D, H, W, C].

    Returns:
        With a constant background: the smallest box round everything else, and a mask
        [d, h, w] of the body in that box, which is all but the background that reaches the
        box's faces: dark voxels inside the body belong to it. Without one, as with a head
        that is not stripped: the box round what is brighter than air, and None.
    """
    shape = image.shape[:3]
    inside = np.zeros(shape, dtype=np.bool_)
    known = False
    for channel in range(image.shape[3]):
        background = background_of(image[..., channel])
        if background is not None:
            known = True
            inside |= image[..., channel] != np.float32(background)
    box = geometry.box_of(inside) if known else None
    if box is None:
        return bright_box(image), None
    outside = np.pad(~geometry.crop(inside, box), 1, constant_values=True)
    size = inside.size
    del inside  # each of these is as large as the volume
    # Padding joins everything that reaches a face into the component of the first voxel.
    components, _ = ndimage.label(outside)
    del outside
    body = (components != components[0, 0, 0])[1:-1, 1:-1, 1:-1]
    if np.count_nonzero(body) > (1 - OUTSIDE_SHARE) * size:
        return bright_box(image), None
    return box, body


def bright_box(image: NDArray[np.float32]) -> Box:
    """The box that leaves out slices of nothing but noisy air, with a margin of 2 voxels.

    A slice counts as air if no channel has more than 1 % of its voxels above a low
    threshold. On 88 heads with skull it keeps 64 % of the volume and every labelled voxel;
    a volume without air, such as a part of the brain, is kept whole.

    Args:
        image: float32 [D, H, W, C].
    """
    bright = np.zeros(image.shape[:3], dtype=np.bool_)
    for channel in range(image.shape[3]):
        bright |= image[..., channel] > _air_threshold(image[..., channel])
    box = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        hit = np.flatnonzero(bright.mean(axis=others) > AIR_SHARE)
        if hit.size == 0:
            return geometry.full_box(image.shape[:3])
        size = image.shape[axis]
        box.append((max(0, int(hit[0]) - MARGIN), min(size, int(hit[-1]) + 1 + MARGIN)))
    return by_axis(box)


def _air_threshold(volume: NDArray[np.float32]) -> float:
    """Half-way from the darkest voxel to Otsu's threshold: below it lies air for sure."""
    stride = max(1, round((volume.size / HISTOGRAM_VOXELS) ** (1 / 3)))
    values = volume[::stride, ::stride, ::stride]
    low, high = (float(value) for value in np.percentile(values, (0, 99.5)))
    if not high > low:
        return low
    counts, edges = np.histogram(values, bins=256, range=(low, high))
    centres = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)
    sums = np.cumsum(counts * centres)
    # Otsu 1979: the threshold with the largest variance between the two classes. Where no
    # voxel lies between them it is a range of thresholds: its middle.
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (sums[-1] * below / below[-1] - sums) ** 2 / (below * (below[-1] - below))
    best = np.flatnonzero(between >= np.nanmax(between[:-1]) * (1 - 1e-6))
    return (low + float(centres[best[best < centres.size - 1]].mean())) / 2
