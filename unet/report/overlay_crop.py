"""Which part of a volume a picture shows, and which grey values are its black and its white."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unet.data import geometry
from unet.data.axes import Box, Shape

SURROUNDINGS = 0.15
"""Share of the volume's size round a lesion that decides what is black and what is white."""
FOOT = 0.05
"""Share of the grey values kept below the tissue, so that its darkest is not black as air."""
MARGIN = 0.06
"""Share of the body's size kept round it, so that the picture is not mostly air."""


def grey_range(image: np.ndarray, mask: np.ndarray) -> tuple[float, float]:
    """What is black and what is white: percentiles of the tissue round the mask.

    Air, scalp and bone far from it would leave its surroundings one grey, above all in CT.

    Args:
        image: [D, H, W].
        mask: label values, uint8 [D, H, W]; all 0 takes the whole volume.
    """
    margins = [round(SURROUNDINGS * size) for size in image.shape]
    near = geometry.crop(image, _widened(geometry.box_of(mask > 0), _shape(image), margins))
    tissue = near[near != image[0, 0, 0]]
    values = tissue[:: max(1, tissue.size // 200_000)] if tissue.size else np.zeros(1)
    low, high = (float(value) for value in np.percentile(values, (1, 99.5)))
    return (low - FOOT * (high - low), high) if high > low else (low - 1, low)


def picture_box(image: np.ndarray, low: float, high: float, masks: Sequence[np.ndarray]) -> Box:
    """The box of the body and of all labels, with a margin.

    Args:
        image: [D, H, W].
        low: the grey value that is black.
        high: the grey value that is white.
        masks: label values, uint8 [D, H, W] each.
    """
    shown = image > low + 2 * FOOT * (high - low)
    for mask in masks:
        shown |= mask > 0
    shape = _shape(image)
    box = geometry.box_of(shown) or geometry.full_box(shape)
    return _widened(box, shape, [round(MARGIN * (last - first)) + 1 for first, last in box])


def _widened(box: Box | None, shape: Shape, margins: Sequence[int]) -> Box:
    """The box with a margin at both ends of each axis; the whole volume for no box."""
    ends = [
        (max(0, first - margin), min(size, last + margin))
        for (first, last), size, margin in zip(
            box or geometry.full_box(shape), shape, margins, strict=True
        )
    ]
    return (ends[0], ends[1], ends[2])


def _shape(image: np.ndarray) -> Shape:
    depth, height, width = image.shape
    return (depth, height, width)
