"""On which grid cases are trained: the spacing to resample to, and how much coarser."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unet.data.axes import Shape, Spacing, by_axis
from unet.data.case_facts import CaseFacts
from unet.data.recipe import SPACING_TOLERANCE
from unet.planning.decision import Decision
from unet.planning.fingerprint import Fingerprint

ANISOTROPY = 3.0  # nnU-Net: a worst axis this much coarser than the others is its own case
COARSE_PERCENTILE = 10.0  # nnU-Net: there, most of the data set's finer cases decide
COARSEST = 2.0  # the training grid is never coarser than this times the cases' own
COARSENING_STEP = 1.05
WANTED_VIEWS = 2500  # whole cases that a time budget must buy, before the grid is made coarser

Factors = tuple[float, float, float]
UNCHANGED: Factors = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Grid:
    """The grid that cases are trained on.

    Attributes:
        spacing: mm to resample to, None to keep the cases' own.
        shrink: how many times coarser cases of unknown spacing become along each axis.
        width: relative size of a voxel along each axis.
        shapes: of the training cases on this grid, voxels.
    """

    spacing: Spacing | None
    shrink: Factors
    width: Factors
    shapes: tuple[Shape, ...]

    @property
    def median(self) -> Shape:
        """The median size along each axis, in voxels."""
        middle = len(self.shapes) // 2
        return by_axis(sorted(shape[axis] for shape in self.shapes)[middle] for axis in range(3))

    @property
    def extent(self) -> Shape:
        """The longest case along each axis, in voxels."""
        return by_axis(max(shape[axis] for shape in self.shapes) for axis in range(3))

    @property
    def largest(self) -> int:
        """Voxels of the largest case."""
        return max(math.prod(shape) for shape in self.shapes)

    @property
    def mean(self) -> float:
        """Voxels of a case on average."""
        return sum(math.prod(shape) for shape in self.shapes) / len(self.shapes)


def choose_grid(
    fingerprint: Fingerprint,
    training_cases: Sequence[str],
    wanted: Spacing | None,
    voxels: float | None,
) -> Decision[Grid]:
    """The grid as wanted, else nnU-Net's, made coarser until a time budget pays for it.

    Args:
        fingerprint: of all cases.
        training_cases: ids.
        wanted: spacing in mm that the settings ask for.
        voxels: that a time budget buys, None without one.
    """
    grid = _fine_grid(fingerprint, training_cases, wanted)
    if not voxels or wanted:
        return Decision(grid)
    factors = coarsen(grid.shapes, grid.width, voxels * len(grid.shapes) / WANTED_VIEWS)
    if factors == UNCHANGED:
        return Decision(grid)
    width = by_axis(
        round(size * factor, 4) for size, factor in zip(grid.width, factors, strict=True)
    )
    text = " x ".join(f"{factor:.2f}" for factor in factors)
    reason = f"grid coarser by {text}, so that {WANTED_VIEWS} whole cases are seen"
    # Some data sets mix cases of known and unknown spacing: each kind has its own field.
    some_known = any(case.spacing for case in _training(fingerprint, training_cases))
    coarser = Grid(
        spacing=width if some_known else None,
        shrink=factors,  # of a case without spacing, which may be among those held out
        width=width,
        shapes=tuple(grid_shape(shape, factors) for shape in grid.shapes),
    )
    return Decision(coarser, (reason,))


def target_spacing(fingerprint: Fingerprint) -> Spacing | None:
    """The spacing in mm to resample to, or None to leave every case on its own grid.

    nnU-Net's rule: the median along each axis; along one that is more than three times
    coarser than the others, the 10th percentile. Nothing is resampled if all grids are alike
    already, or if most cases do not tell their spacing: a case of unknown spacing keeps its
    grid, and the others had better look like it then.
    """
    known = [case.spacing for case in fingerprint.cases if case.spacing is not None]
    if 2 * len(known) < len(fingerprint.cases):
        return None
    spacings = np.array(known)
    target = np.median(spacings, axis=0)
    if np.allclose(spacings, target, rtol=SPACING_TOLERANCE):
        return None
    worst = int(target.argmax())
    others = np.delete(target, worst)
    if target[worst] > ANISOTROPY * others.max():
        finer = float(np.percentile(spacings[:, worst], COARSE_PERCENTILE))
        target[worst] = max(finer, float(others.max()))
    return by_axis(float(size) for size in target)


def grid_shape(shape: Shape, factors: Factors) -> Shape:
    """A case's shape in voxels on a grid coarser by `factors`."""
    return by_axis(max(1, round(n / f)) for n, f in zip(shape, factors, strict=True))


def coarsen(shapes: Sequence[Shape], width: Factors, voxels: float) -> Factors:
    """Factors that bring the training set to about `voxels` in total.

    The finest axis is coarsened first, so that grids become more isotropic, and none more
    than `COARSEST` times.

    Args:
        shapes: of the training cases, voxels.
        width: relative size of a voxel along each axis.
        voxels: wanted in total.
    """
    factors = list(UNCHANGED)
    while sum(math.prod(grid_shape(shape, by_axis(factors))) for shape in shapes) > voxels:
        open_axes = [
            axis for axis in range(3) if factors[axis] * COARSENING_STEP <= COARSEST * 1.001
        ]
        if not open_axes:
            break
        finest = min(open_axes, key=lambda axis: width[axis] * factors[axis])
        factors[finest] *= COARSENING_STEP
    return by_axis(factors)


def _fine_grid(
    fingerprint: Fingerprint, training_cases: Sequence[str], wanted: Spacing | None
) -> Grid:
    cases = _training(fingerprint, training_cases)
    spacing = wanted or target_spacing(fingerprint)
    shapes = []
    for case in cases:
        factors = UNCHANGED
        if spacing and case.spacing:
            factors = by_axis(t / s for t, s in zip(spacing, case.spacing, strict=True))
        shapes.append(grid_shape(case.cropped_shape, factors))
    known = next((case.spacing for case in cases if case.spacing), None)
    width = spacing or known or _width_by_shape(fingerprint.median_cropped_shape)
    return Grid(spacing, UNCHANGED, width, tuple(shapes))


def _training(fingerprint: Fingerprint, training_cases: Sequence[str]) -> list[CaseFacts]:
    chosen = set(training_cases)
    return [case for case in fingerprint.cases if case.case in chosen]


def _width_by_shape(shape: Shape) -> Factors:
    """Relative spacing where it is unknown: bodies are about as long along every axis."""
    return by_axis(max(shape) / n for n in shape)
