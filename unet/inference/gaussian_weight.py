"""How much each voxel of a window counts where windows overlap: a Gaussian about its centre.

The Gaussian is separable: a window's weights are the product of one vector per axis.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

GAUSSIAN_SIGMA = 1 / 8
"""Standard deviation as a share of the window's edge (nnU-Net)."""


def axis_weight(size: int, sigma: float = GAUSSIAN_SIGMA) -> np.ndarray:
    """Weights along one axis of a window: float32 [size], highest in the middle, never 0."""
    offset = (np.arange(size) - (size - 1) / 2) / (sigma * size)
    weight: np.ndarray = np.exp(-0.5 * offset**2).astype(np.float32)
    return weight


def gaussian(window: Sequence[int], sigma: float = GAUSSIAN_SIGMA) -> np.ndarray:
    """Weight of each voxel of a window (d, h, w): float32 [d, h, w], 1 at the centre, never 0."""
    d, h, w = (axis_weight(size, sigma) for size in window)
    weight: np.ndarray = d[:, None, None] * h[None, :, None] * w[None, None, :]
    return weight
