"""Geometry of a plan: how coarse a grid, how large a patch, which strides.  Pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence

SMALLEST_EDGE = 4  # voxels of the lowest level along a pooled axis (nnU-Net)
LEVELS = 5
COARSEST = 2.0  # the training grid is never coarser than this times the cases' own


def grid_shape(shape: Sequence[int], factors: Sequence[float]) -> tuple[int, int, int]:
    """A case's shape on a grid coarser by `factors`."""
    sizes = [max(1, round(n / f)) for n, f in zip(shape, factors, strict=True)]
    return (sizes[0], sizes[1], sizes[2])


def coarsen(
    shapes: Sequence[Sequence[int]], spacing: Sequence[float], voxels: float
) -> tuple[float, float, float]:
    """Factors that bring the training set to about `voxels` in total.

    The finest axis is coarsened first, so that grids become more isotropic, and none more
    than `COARSEST` times.
    """
    factors = [1.0, 1.0, 1.0]
    while sum(math.prod(grid_shape(shape, factors)) for shape in shapes) > voxels:
        open_axes = [axis for axis in range(3) if factors[axis] * 1.05 <= COARSEST * 1.001]
        if not open_axes:
            break
        finest = min(open_axes, key=lambda axis: spacing[axis] * factors[axis])
        factors[finest] *= 1.05
    return (factors[0], factors[1], factors[2])


def strides_for(
    patch: Sequence[int], spacing: Sequence[float], levels: int = LEVELS
) -> tuple[tuple[int, int, int], ...]:
    """Strides between levels: halve an axis unless it is too short or too coarse (nnU-Net)."""
    size, width, strides = list(patch), list(spacing), []
    while len(strides) < levels - 1:
        finest = min(width)
        stride = [
            2 if size[axis] >= 2 * SMALLEST_EDGE and width[axis] < 2 * finest - 1e-6 else 1
            for axis in range(3)
        ]
        if stride == [1, 1, 1] or math.prod(size) <= SMALLEST_EDGE**3:
            break
        size = [math.ceil(n / s) for n, s in zip(size, stride, strict=True)]
        width = [w * s for w, s in zip(width, stride, strict=True)]
        strides.append((stride[0], stride[1], stride[2]))
    return tuple(strides)


def fit_patch(
    shape: Sequence[int], spacing: Sequence[float], voxels: float, levels: int = LEVELS
) -> tuple[tuple[int, int, int], tuple[tuple[int, int, int], ...]]:
    """The largest patch of at most `voxels`, shaped like `shape`, and its strides.

    Sides are the nearest multiples that the strides allow: rounded up, as in nnU-Net, almost
    a third of a hippocampus patch was padding (Dice 0.876 against 0.881 for the same CPU time).
    The axis with the largest physical extent is shortened first, as in nnU-Net.
    """
    edges = [float(n) for n in shape]
    while True:
        strides = strides_for([math.ceil(n) for n in edges], spacing, levels)
        divisor = [math.prod(stride[axis] for stride in strides) for axis in range(3)]
        patch = [max(1, int(n / d + 0.5)) * d for n, d in zip(edges, divisor, strict=True)]
        if math.prod(patch) <= voxels or max(patch) <= 2 * SMALLEST_EDGE:
            return (patch[0], patch[1], patch[2]), strides
        longest = max(range(3), key=lambda axis: edges[axis] * spacing[axis])
        edges[longest] *= 0.95
