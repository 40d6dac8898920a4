"""What the course's network leaves to a plan: its own sizes, unless they cannot be had."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from unet.system.errors import UsageError

PATCH = 144  # voxels a side
BATCH = 8  # patches per rank and step
DIVISOR = 16  # four levels are pooled
SMALLEST_EPOCH = 3  # steps, as the course counts them


def course_size(
    shapes: Sequence[Sequence[int]],
    patch_size: tuple[int, int, int] | None,
    batch_size: int | None,
    fits: Callable[[int], bool],
    reasons: list[str],
) -> tuple[tuple[int, int, int], int]:
    """The patch and the batch: what was given, else the course's.

    A batch that does not fit is computed in slices, so only a patch that alone does not fit
    gives way.

    Args:
        shapes: of the training cases, in voxels.
        patch_size: as given; obeyed.
        batch_size: as given; obeyed.
        fits: whether so many voxels computed at a time fit into the memory.
        reasons: is added to wherever the course's own sizes are not taken.

    Raises:
        UsageError: a given side suits no five levels.
    """
    patch = patch_size or _patch_within(shapes, reasons)
    wrong = [side for side in patch if side % DIVISOR]
    if wrong:
        raise UsageError(
            "--patch-size",
            f"{wrong[0]} is no multiple of {DIVISOR}",
            f"give {max(DIVISOR, round(wrong[0] / DIVISOR) * DIVISOR)}",
        )
    whole = patch
    while not patch_size and max(patch) > DIVISOR and not fits(math.prod(patch)):
        longest = patch.index(max(patch))
        shorter = [side - DIVISOR * (axis == longest) for axis, side in enumerate(patch)]
        patch = (shorter[0], shorter[1], shorter[2])
    if patch != whole:
        reasons.append(f"patch {_by(patch)}, not {_by(whole)}: more does not fit the memory")
    return patch, batch_size or BATCH


def course_steps(cases: int, batch: int, ranks: int) -> int:
    """Steps of an epoch: every training case gives one patch, and three steps at least."""
    return max(SMALLEST_EPOCH, cases // (batch * ranks))


def _patch_within(shapes: Sequence[Sequence[int]], reasons: list[str]) -> tuple[int, int, int]:
    """The course's patch, without the padding that smaller cases would need."""
    sides = [
        min(PATCH, DIVISOR * math.ceil(max(shape[axis] for shape in shapes) / DIVISOR))
        for axis in range(3)
    ]
    patch = (sides[0], sides[1], sides[2])
    if min(patch) < PATCH:
        reasons.append(f"patch {_by(patch)}, not the course's {PATCH} a side: no case is larger")
    return patch


def _by(patch: Sequence[int]) -> str:
    return "x".join(map(str, patch))
