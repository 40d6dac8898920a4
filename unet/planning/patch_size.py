"""How large a patch is: as given, else as large as memory and time allow.

The rules follow nnU-Net (shaped like the median case, shortened where memory decides), and
add what a CPU with a deadline needs: small enough for many steps. The course's network has
the course's patch (`unet.planning.course_sizes`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from unet.data.axes import Shape, by_axis
from unet.planning.decision import Decision, sides
from unet.planning.grid import Factors, Grid
from unet.planning.memory import MemoryBudget
from unet.planning.network import (
    LEVELS,
    SMALLEST_EDGE,
    NetworkSpec,
    Strides,
    divisor_of,
    multiples_above,
    nearest_multiples,
    strides_for,
)
from unet.system.errors import MemoryShortError, UsageError

LARGEST_PATCH = 128**3  # nnU-Net's usual patch; more context stops paying
SMALLEST_PATCH = 16**3  # however short the time
# Many small steps beat few large ones: on the hippocampus 510 CPU s gave a Dice of 0.865 with
# batches of 8, 0.876 with 2, 0.878 with 1.
WANTED_STEPS = 3000  # that a time budget must buy, before patches are made smaller
SHRINK = 0.8  # of the voxels, until the patch fits the memory
TOO_SMALL = 8**3  # memory for less than this is none


@dataclass(frozen=True)
class Patch:
    """A patch and the strides that suit it.

    Attributes:
        size: voxels along each axis.
        strides: into level 1, 2, ….
    """

    size: Shape
    strides: Strides

    @property
    def voxels(self) -> int:
        """Voxels of one patch."""
        return math.prod(self.size)


def choose_patch(
    wanted: Shape | None,
    grid: Grid,
    batch: int,
    affordable: float | None,
    memory: MemoryBudget,
    network: Callable[[Strides], NetworkSpec],
) -> Decision[Patch]:
    """Decides patch and strides.

    Args:
        wanted: the size as given, rounded up to what the network takes, whether it fits or not.
        grid: that cases are trained on.
        batch: patches per rank and step.
        affordable: voxels that a time budget buys each rank, None without one.
        memory: that a batch must fit.
        network: that would be built with given strides.

    Raises:
        MemoryShortError: not even the smallest patch fits.
        UsageError: the given size cannot be halved along any axis.
    """
    if wanted:
        patch = given_patch(wanted, grid.width)
        reasons = [rounded(wanted, patch.size, patch.strides)]
        if any(n > longest for n, longest in zip(patch.size, grid.extent, strict=True)):
            reasons.append(
                f"no case is longer than {sides(grid.extent)} voxels, the rest is padding"
            )
        return Decision(patch, tuple(reasons))
    voxels = float(LARGEST_PATCH)
    if affordable is not None:
        voxels = max(min(voxels, affordable / WANTED_STEPS / batch), SMALLEST_PATCH)
    patch = fit_patch(grid.median, grid.width, voxels)
    while not memory.holds(network(patch.strides), batch * patch.voxels):
        if voxels < TOO_SMALL:
            raise MemoryShortError(
                "memory",
                f"{memory.limit / 2**30:.1f} GiB are too little for any patch",
                "give this process more",
            )
        voxels *= SHRINK
        patch = fit_patch(grid.median, grid.width, voxels)
    reason = (
        f"patch {sides(patch.size)} for a median case of {sides(grid.median)} voxels, "
        f"{len(patch.strides) + 1} levels"
    )
    return Decision(patch, (reason,))


def given_patch(size: Shape, width: Factors) -> Patch:
    """The smallest patch that holds the given size and suits the full network for it.

    The levels follow from the size alone: 90 voxels are worth as many as 96, so that a size
    that is no multiple never costs a level.

    Raises:
        UsageError: it is too small to be halved once.
    """
    strides = strides_for(size, width)
    if not strides:
        given = ",".join(map(str, size))
        found = f"{given} is too small to be halved"
        raise UsageError("--patch-size", found, f"give {2 * SMALLEST_EDGE} or more along an axis")
    return Patch(multiples_above(size, divisor_of(strides)), strides)


def rounded(given: Shape, size: Shape, strides: Strides) -> str:
    """Says what became of a given size in a network of these strides."""
    levels = f"{len(strides) + 1} levels"
    if size == given:
        return f"patch {sides(size)} as given, {levels}"
    return f"patch {sides(given)} rounded up to {sides(size)} for {levels}"


def fit_patch(shape: Shape, width: Factors, voxels: float, levels: int = LEVELS) -> Patch:
    """The largest patch of at most `voxels`, shaped like `shape`, and its strides.

    Sides are the nearest multiples that the strides allow: rounded up, as in nnU-Net, almost
    a third of a hippocampus patch was padding (Dice 0.876 against 0.881 for the same CPU time).
    The axis with the largest physical extent is shortened first, as in nnU-Net.

    Args:
        shape: of a typical case, voxels.
        width: relative size of a voxel along each axis.
        voxels: at most, unless the patch is as small as the network allows.
        levels: of the network, at most.
    """
    edges = [float(n) for n in shape]
    if max(edges) < 2 * SMALLEST_EDGE:  # too small to be halved once: it is padded
        edges = [2.0 * SMALLEST_EDGE] * 3
    while True:
        strides = strides_for(by_axis(math.ceil(n) for n in edges), width, levels)
        size = nearest_multiples(edges, divisor_of(strides))
        if math.prod(size) <= voxels or max(size) <= 2 * SMALLEST_EDGE:
            return Patch(size, strides)
        longest = max(range(3), key=lambda axis: edges[axis] * width[axis])
        edges[longest] *= 0.95
