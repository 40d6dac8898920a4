"""How cases are normalised: by their own body, or as CT by the whole data set."""

from __future__ import annotations

import numpy as np

from unet.data.axes import Spacing
from unet.data.recipe import CtStats, Recipe
from unet.planning.fingerprint import Fingerprint


def make_recipe(fingerprint: Fingerprint, spacing: Spacing | None) -> Recipe:
    """The recipe for the fingerprint's channels at a target spacing (see `unet.planning.grid`).

    CT, if every channel is: clip and z-score by the data set's labelled voxels (nnU-Net).
    Else each channel of each case by its own body.
    """
    channels = fingerprint.channels
    if not all(fingerprint.is_ct):
        return Recipe(channels=channels, spacing=spacing)
    stats = [_pooled(fingerprint, index) for index in range(len(channels))]
    if any(stat is None for stat in stats):  # no labelled voxel: nothing to pool
        return Recipe(channels=channels, spacing=spacing)
    pooled = tuple(stat for stat in stats if stat is not None)
    return Recipe(channels=channels, spacing=spacing, scheme="ct", ct_stats=pooled)


def _pooled(fingerprint: Fingerprint, index: int) -> CtStats | None:
    """Statistics over all cases, each weighing the same whatever its lesion's size."""
    facts = [case.channels[index] for case in fingerprint.cases]
    facts = [channel for channel in facts if channel.foreground_quantiles]
    if not facts:
        return None
    quantiles = np.array([channel.foreground_quantiles for channel in facts])
    low, high = np.percentile(quantiles, (0.5, 99.5))
    means = np.array([channel.foreground_mean for channel in facts])
    variances = np.array([channel.foreground_sd for channel in facts]) ** 2
    sd = float(np.sqrt(variances.mean() + means.var()))
    return CtStats(low=float(low), high=float(high), mean=float(means.mean()), sd=sd)
