"""What the course's network leaves to a plan: its own sizes, unless they cannot be had."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from unet.data.axes import Shape, by_axis
from unet.planning.decision import Decision, sides
from unet.system.errors import UsageError

PATCH = 144  # voxels a side
BATCH = 8  # patches per rank and step
DIVISOR = 16  # four levels are pooled
SMALLEST_EPOCH = 3  # steps, as the course counts them


def course_size(
    shapes: Sequence[Shape],
    patch_size: Shape | None,
    batch_size: int | None,
    fits: Callable[[int], bool],
) -> Decision[tuple[Shape, int]]:
    """The patch and the batch: what was given, else the course's.

    A batch that does not fit is computed in slices, so only a patch that alone does not fit
    gives way.

    Args:
        shapes: of the training cases, in voxels.
        patch_size: as given; obeyed.
        batch_size: as given; obeyed.
        fits: whether so many voxels computed at a time fit into the memory.

    Returns:
        Patch and batch, with a reason wherever the course's own sizes are not taken.

    Raises:
        UsageError: a given side suits no five levels.
    """
    batch = batch_size or BATCH
    if patch_size:
        _require_divisible(patch_size)
        return Decision((patch_size, batch))
    whole = _patch_within(shapes)
    patch = whole
    while max(patch) > DIVISOR and not fits(math.prod(patch)):
        longest = patch.index(max(patch))
        patch = by_axis(side - DIVISOR * (axis == longest) for axis, side in enumerate(patch))
    reasons = []
    if min(whole) < PATCH:
        reasons.append(f"patch {sides(whole)}, not the course's {PATCH} a side: no case is larger")
    if patch != whole:
        reasons.append(f"patch {sides(patch)}, not {sides(whole)}: more does not fit the memory")
    return Decision((patch, batch), tuple(reasons))


def course_steps(cases: int, batch: int, ranks: int) -> int:
    """Steps of an epoch: every training case gives one patch, and three steps at least."""
    return max(SMALLEST_EPOCH, cases // (batch * ranks))


def _require_divisible(patch: Shape) -> None:
    wrong = [side for side in patch if side % DIVISOR]
    if wrong:
        raise UsageError(
            "--patch-size",
            f"{wrong[0]} is no multiple of {DIVISOR}",
            f"give {max(DIVISOR, round(wrong[0] / DIVISOR) * DIVISOR)}",
        )


def _patch_within(shapes: Sequence[Shape]) -> Shape:
    """The course's patch, without the padding that smaller cases would need."""
    return by_axis(
        min(PATCH, DIVISOR * math.ceil(max(shape[axis] for shape in shapes) / DIVISOR))
        for axis in range(3)
    )
