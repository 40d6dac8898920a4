"""Sizes along the three axes of a volume, as types. Imports no library, so it costs nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")

Shape = tuple[int, int, int]  # voxels
Spacing = tuple[float, float, float]  # mm
Pair = tuple[int, int]
Box = tuple[Pair, Pair, Pair]  # first voxel and the one after the last, by axis
Orientation = tuple[Pair, Pair, Pair]  # RAS axis and direction (1 or -1) of each array axis

MIRROR_AXES: tuple[int, ...] = (0,)
"""Left and right are exchanged: of a body's axes the one along which it is nearly symmetric.

Training may mirror along them; the plan says whether it does, and prediction follows the plan.
"""


def by_axis(values: Iterable[T]) -> tuple[T, T, T]:
    """Three values as a tuple that is known to have three.

    Raises:
        ValueError: there are more or fewer.
    """
    first, second, third = values
    return first, second, third
