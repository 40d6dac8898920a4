"""Where the planes of a picture lie: two rows of three cells on one scale, in inches."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from unet.report.overlay_slices import AXIAL, ChosenSlices

PAPER = "#0d1017"
WIDTH_INCHES, DPI = 7.6, 100
TITLE, GAP, LEGEND_INCHES = 0.26, 0.08, 1.4  # inches
FLAT = 0.25
"""Height of a volume as a share of its width, below which planes across it are mere strips."""


def is_flat(extent: Sequence[float]) -> bool:
    """Whether a volume of this extent along the RAS axes is too flat for planes across it."""
    return extent[AXIAL] < FLAT * max(extent)


class Sheet:
    """Two rows of three cells in which all planes of a volume have one scale.

    Args:
        extent: of the volume along the RAS axes, in mm or voxels.
        slices: that are to be shown.
    """

    def __init__(self, extent: Sequence[float], slices: ChosenSlices) -> None:
        self.extent = tuple(extent)
        below = [AXIAL if other is None else other.axis for other in slices.others]
        across = [max(self._sides(AXIAL)[0], self._sides(axis)[0]) for axis in (*below, AXIAL)]
        self.scale = (WIDTH_INCHES - 4 * GAP) / sum(across)
        self.widths = [self.scale * width for width in across]
        lower = self.scale * max(self._sides(axis)[1] for axis in below)
        self.heights = [self.scale * self._sides(AXIAL)[1], max(lower, LEGEND_INCHES)]
        self.size = (WIDTH_INCHES, sum(self.heights) + 2 * TITLE + GAP)
        self.figure = Figure(figsize=self.size, dpi=DPI, facecolor=PAPER)

    def _sides(self, axis: int) -> tuple[float, float]:
        """Width and height of a plane across one RAS axis."""
        across, up = (size for other, size in enumerate(self.extent) if other != axis)
        return across, up

    def plane(self, axis: int, column: int, row: int) -> Axes:
        """Axes for a plane across one RAS axis, at the top of a cell, in its middle."""
        across, up = (side * self.scale for side in self._sides(axis))
        return self._axes(column, row, (self.widths[column] - across) / 2, across, up)

    def words(self, column: int, row: int) -> Axes:
        """Axes that measure inches from the top left of a cell."""
        width, height = self.widths[column], self.heights[row]
        axes = self._axes(column, row, 0, width, height)
        axes.set(xlim=(0, width), ylim=(height, 0))
        axes.set_axis_off()
        return axes

    def _axes(self, column: int, row: int, indent: float, width: float, height: float) -> Axes:
        left = GAP * (column + 1) + sum(self.widths[:column]) + indent
        top = TITLE * (row + 1) + sum(self.heights[:row])
        whole_width, whole_height = self.size
        bottom = whole_height - top - height
        return self.figure.add_axes(
            (left / whole_width, bottom / whole_height, width / whole_width, height / whole_height)
        )
