"""How many patches a step takes, and how many of them are computed at a time."""

from __future__ import annotations

from collections.abc import Callable

from unet.planning.decision import Decision
from unet.planning.patch_size import LARGEST_PATCH

BATCH = 2  # without a time budget
LARGEST_BATCH = 4
STEPS_FOR_BATCHES = 5000  # that a time budget must buy, before a step takes more than one patch

Fits = Callable[[int], bool]


def first_batch(wanted: int | None, *, time_is_short: bool) -> int:
    """The batch that the patch is chosen for: as wanted, one with a time budget, else two."""
    return wanted or (1 if time_is_short else BATCH)


def choose_batch(first: int, patch_voxels: int, affordable: float | None, fits: Fits) -> int:
    """The batch for a patch that was chosen freely.

    Args:
        first: that the patch was chosen for; kept without a time budget, if it fits.
        patch_voxels: of one patch.
        affordable: voxels that a time budget buys each rank, None without one.
        fits: whether so many patches can be computed at a time.
    """
    batch = first
    if affordable is not None:
        room = min(affordable / STEPS_FOR_BATCHES, 2.0 * LARGEST_PATCH) / patch_voxels
        batch = max(1, min(LARGEST_BATCH, int(room)))
    while batch > 1 and not fits(batch):
        batch -= 1
    return batch


def choose_micro_batch(batch: int, recompute: bool, fits: Fits) -> Decision[int]:
    """Patches computed at a time: the largest divisor of the batch that fits, 1 at least.

    Args:
        batch: patches per rank and step.
        recompute: one at a time, whatever fits.
        fits: whether so many patches can be computed at a time.
    """
    divisors = (n for n in range(batch, 1, -1) if batch % n == 0 and fits(n))
    micro = 1 if recompute else next(divisors, 1)
    if micro == batch:
        return Decision(micro)
    why = "as --recompute asks" if recompute else "more at once does not fit the memory"
    return Decision(micro, (f"batch {batch} computed {micro} at a time: {why}",))
