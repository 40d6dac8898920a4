"""Sizes along the three axes of a volume, as types. Imports no library, so it costs nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")

Shape = tuple[int, int, int]  # voxels
Spacing = tuple[float, float, float]  # mm
Box = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]  # first and last + 1 voxel
Orientation = Box  # RAS axis and direction (1 or -1) of each array axis


def by_axis(values: Iterable[T]) -> tuple[T, T, T]:
    """Three values as a tuple that is known to have three.

    Raises:
        ValueError: there are more or fewer.
    """
    first, second, third = values
    return first, second, third
