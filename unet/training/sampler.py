"""Which patch comes next: a pure function of (seed, epoch, index).

So a resumed run, or one with another number of ranks, sees the same patches in the same
order, and ranks never see the same patch within an epoch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from unet.data.axes import by_axis
from unet.data.cache_entry import PreparedCase

V = TypeVar("V", bound=np.generic)

FOREGROUND_SHARE = 0.5  # of patches centred on a labelled voxel; nnU-Net takes 1 of a batch of 2


def case_order(seed: int, epoch: int, cases: int, patches: int) -> NDArray[np.int64]:
    """Indices of the cases that an epoch's patches come from, int64 ``[patches]``.

    Whole permutations one after the other, so that each case comes equally often.
    """
    rounds = -(-patches // cases)
    generators = (np.random.default_rng([seed, epoch, turn]) for turn in range(rounds))
    return np.concatenate([rng.permutation(cases) for rng in generators])[:patches]


def patch_rng(seed: int, epoch: int, index: int) -> np.random.Generator:
    """The random stream of one patch: position and augmentation."""
    return np.random.default_rng([seed, epoch, index, 1])


@dataclass(frozen=True)
class PatchPlace:
    """Where a patch lies.

    Attributes:
        start: its first voxel in the prepared volume, ``(d, h, w)``; negative where the volume is
            smaller than the patch and is centred in it.
        anchor: the labelled voxel that it was drawn for, in the patch; its centre if none.
    """

    start: tuple[int, int, int]
    anchor: tuple[float, float, float]


def patch_place(
    prepared: PreparedCase,
    patch_size: Sequence[int],
    labels: Sequence[int],
    rng: np.random.Generator,
) -> PatchPlace:
    """Where the next patch lies, uniform or round a labelled voxel.

    Args:
        patch_size: ``(d, h, w)`` in voxels.
        labels: label values that count as foreground; each present one is equally likely.
    """
    shape = prepared.image.shape[:3]
    wanted = rng.random() < FOREGROUND_SHARE
    present = [value for value in labels if len(prepared.foreground.get(value, ())) > 0]
    free = rng.random(3)
    centre = None
    if wanted and present:
        voxels = prepared.foreground[present[int(rng.integers(len(present)))]]
        centre = voxels[int(rng.integers(len(voxels)))]
    start = []
    for axis, (size, edge) in enumerate(zip(shape, patch_size, strict=True)):
        if size <= edge:
            start.append(-((edge - size) // 2))
        elif centre is None:
            start.append(int(free[axis] * (size - edge + 1)))
        else:
            start.append(int(np.clip(centre[axis] - edge // 2, 0, size - edge)))
    first = by_axis(start)
    if centre is None:
        return PatchPlace(first, by_axis((edge - 1) / 2 for edge in patch_size))
    return PatchPlace(first, by_axis(float(c - s) for c, s in zip(centre, first, strict=True)))


def cut(volume: NDArray[V], start: Sequence[int], size: Sequence[int]) -> NDArray[V]:
    """Copies a box out of a volume ``[D, H, W, ...]``; 0 where it reaches outside."""
    result = np.zeros((*size, *volume.shape[3:]), volume.dtype)
    inside = [
        (max(s, 0), min(s + n, limit))
        for s, n, limit in zip(start, size, volume.shape[:3], strict=True)
    ]
    if all(low < high for low, high in inside):
        source = tuple(slice(low, high) for low, high in inside)
        destination = tuple(
            slice(low - s, high - s) for (low, high), s in zip(inside, start, strict=True)
        )
        result[destination] = volume[source]
    return result
