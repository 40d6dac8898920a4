"""Labelled voxels of a case, drawn once, so that patches can be centred on them."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

FOREGROUND_VOXELS = 10_000  # a label; enough for an even draw, 120 KB


def foreground_voxels(
    label: NDArray[np.uint8], case: str, limit: int = FOREGROUND_VOXELS
) -> dict[int, NDArray[np.int32]]:
    """Draws up to `limit` voxels of each label value in [D, H, W], int32 [N, 3].

    The draw depends on the case's id alone, so that every rank has the same.
    """
    seed = int.from_bytes(hashlib.sha256(case.encode()).digest()[:8], "big")
    rng = np.random.default_rng(seed)
    flat = label.ravel()
    result = {}
    for value in np.flatnonzero(np.bincount(flat, minlength=256)):
        if value == 0:
            continue
        places = np.flatnonzero(flat == value)
        if places.size > limit:
            places = np.sort(rng.choice(places, limit, replace=False))
        result[int(value)] = np.stack(np.unravel_index(places, label.shape), -1).astype(np.int32)
    return result
