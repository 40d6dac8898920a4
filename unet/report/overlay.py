"""A picture per case: prediction and truth over the image, on its most telling slices.

Red is predicted only, blue is actual only, purple is both; amber, where there are several
labels, is both but of different labels.  Planes are shown as a radiologist reads them: the
patient's right on the left of axial and coronal planes, the face on the left of sagittal ones.
All planes of a picture share one scale.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from unet.data import geometry
from unet.data.volume import Volume
from unet.system.atomic_file import write_bytes
from unet.system.errors import DiskError

RED, BLUE, PURPLE, AMBER = "#ff4136", "#2469ff", "#c46bff", "#ffb000"  # as in page.css
SHADE = 0.4
"""Share of a colour that the image below does not darken."""
INK, MUTED, PAPER = "#f2f4f8", "#aab2c0", "#0d1017"
WIDTH_INCHES, DPI = 7.6, 100
TITLE, GAP, LINE, LEGEND_INCHES = 0.26, 0.08, 0.19, 1.4  # inches
FLAT = 0.25
"""Height of a volume as a share of its width, below which planes across it are mere strips."""
SURROUNDINGS = 0.15
"""Share of the volume's size round a lesion that decides what is black and what is white."""
FOOT = 0.05
"""Share of the grey values kept below the tissue, so that its darkest is not black as air."""
MARGIN = 0.06
"""Of the volume kept round the body, so that the picture is not mostly air."""


@dataclass(frozen=True)
class Slice:
    """One plane of a RAS volume: through `index` of `axis`."""

    axis: int
    index: int
    why: str

    @property
    def plane(self) -> str:
        """The plane's name."""
        return ("sagittal", "coronal", "axial")[self.axis]


@dataclass(frozen=True)
class Telling:
    """The slices of a picture; None where there is nothing more to tell."""

    largest: Slice
    worst: Slice | None
    others: tuple[Slice | None, Slice | None]


def telling_slices(prediction: np.ndarray, truth: np.ndarray, *, flat: bool = False) -> Telling:
    """Axial slices of the largest actual area and of most disagreement, and two more planes.

    Args:
        prediction: uint8 [D, H, W] in RAS order.
        truth: uint8 [D, H, W].
        flat: whether the volume is too flat for planes across it; then axial ones are added.
    """
    shown, whose = (truth, "actual") if truth.any() else (prediction, "predicted")
    area = np.count_nonzero(shown, axis=(0, 1))
    largest = int(area.argmax()) if area.any() else len(area) // 2
    wrong = np.count_nonzero(prediction != truth, axis=(0, 1))
    # A second slice beside the first tells nothing new: look a little further off.
    near = max(1, len(area) // 40)
    wrong[max(0, largest - near) : largest + near + 1] = 0
    first = Slice(2, largest, f"largest {whose} area" if area.any() else "nothing to see")
    worst = Slice(2, int(wrong.argmax()), "most disagreement") if wrong.any() else None
    if flat:
        marked = np.flatnonzero(area) if area.any() else np.arange(len(area))
        quarters = (int(marked[int(share * len(marked))]) for share in (0.25, 0.75))
        taken = {largest, worst.index if worst else largest}
        others = [None if index in taken else Slice(2, index, "") for index in quarters]
        return Telling(first, worst, (others[0], others[1]))
    marked = np.argwhere(shown[:, :, largest]) if area.any() else np.array([shown.shape[:2]]) / 2
    centre = marked.mean(axis=0).astype(int)
    return Telling(first, worst, (Slice(1, int(centre[1]), ""), Slice(0, int(centre[0]), "")))


def blend(image: np.ndarray, prediction: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Colours one slice: the mask gives the hue, the image the brightness.

    Args:
        image: grey values from 0 to 1, [A, B].
        prediction: uint8 [A, B].
        truth: uint8 [A, B].

    Returns:
        float32 [A, B, 3].
    """
    result = np.repeat(image[..., None], 3, axis=-1).astype(np.float32)
    predicted, actual = prediction > 0, truth > 0
    for mask, colour in (
        (predicted & ~actual, RED),
        (actual & ~predicted, BLUE),
        (predicted & (prediction == truth), PURPLE),
        (predicted & actual & (prediction != truth), AMBER),
    ):
        tint = np.array(matplotlib.colors.to_rgb(colour), np.float32)
        result[mask] = tint * (SHADE + (1 - SHADE) * result[mask])
    return result


def draw_overlay(
    path: Path,
    volume: Volume,
    prediction: np.ndarray,
    truth: np.ndarray,
    words: Sequence[str],
    *,
    several: bool = False,
    sides_known: bool = True,
) -> None:
    """Draws the telling slices of one case, the first also without colours, into a PNG.

    Args:
        path: of the picture.
        volume: the image; its first channel is shown.
        prediction: label values, uint8 [X, Y, Z].
        truth: label values, uint8 [X, Y, Z].
        words: lines above the legend, the first in bold.
        several: whether there are several labels, so that amber needs its word.
        sides_known: whether the file says which side is the patient's left.

    Raises:
        DiskError: it cannot be written.
    """
    orientation = geometry.orientation_of(volume.affine)
    image = geometry.to_ras(volume.array[..., 0], orientation)
    masks = [geometry.to_ras(array, orientation) for array in (prediction, truth)]
    low, high = _grey_range(image, masks[1] if masks[1].any() else masks[0])
    box = _picture_box(image, low, high, masks)
    grey = np.clip((geometry.crop(image, box) - low) / (high - low), 0, 1)
    masks = [geometry.crop(mask, box) for mask in masks]
    spacing = volume.spacing or (1.0, 1.0, 1.0)
    extent = [n * size for n, size in zip(grey.shape, spacing, strict=True)]
    chosen = telling_slices(*masks, flat=extent[2] < FLAT * max(extent))
    sheet = Sheet(extent, chosen)
    places = {(0, 0): chosen.largest, (2, 0): chosen.worst}
    places |= {(column, 1): other for column, other in enumerate(chosen.others)}
    for cell, plane in places.items():
        if plane is None:
            continue
        axes = sheet.plane(plane.axis, *cell)
        _show(axes, blend(*(_plane(part, plane) for part in (grey, *masks))))
        index = plane.index + box[plane.axis][0]
        place = _place_in_file(plane.axis, index, orientation, image.shape)
        _title(axes, f"{plane.plane} {place}", plane.why)
        if sides_known:
            _mark_sides(axes, plane.axis)
    axes = sheet.plane(chosen.largest.axis, 1, 0)
    _show(axes, np.repeat(_plane(grey, chosen.largest)[..., None], 3, axis=-1))
    _title(axes, "image alone", "")
    _legend(sheet.words(2, 1), words, several=several)
    content = io.BytesIO()
    FigureCanvasAgg(sheet.figure).print_png(content)
    try:
        write_bytes(path, _smaller(content))
    except OSError as error:
        raise DiskError.from_os(path, error) from error


class Sheet:
    """Two rows of three cells in which all planes of a volume have one scale.

    Args:
        extent: of the volume along the RAS axes, in mm or voxels.
        slices: that are to be shown.
    """

    def __init__(self, extent: Sequence[float], slices: Telling) -> None:
        self.extent = tuple(extent)
        axial, below = 2, [2 if other is None else other.axis for other in slices.others]
        across = [max(self._sides(axial)[0], self._sides(axis)[0]) for axis in (*below, axial)]
        self.scale = (WIDTH_INCHES - 4 * GAP) / sum(across)
        self.widths = [self.scale * width for width in across]
        lower = self.scale * max(self._sides(axis)[1] for axis in below)
        self.heights = [self.scale * self._sides(axial)[1], max(lower, LEGEND_INCHES)]
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


def _plane(volume: np.ndarray, chosen: Slice) -> np.ndarray:
    """One plane [up, across] of a RAS volume, right or anterior to the left."""
    return np.take(volume, chosen.index, axis=chosen.axis).T[:, ::-1]


def _show(axes: Axes, colours: np.ndarray) -> None:
    axes.imshow(colours, origin="lower", aspect="auto", interpolation="nearest")
    axes.set_axis_off()


def _title(axes: Axes, left: str, right: str) -> None:
    axes.set_title(left, color=INK, fontsize=8.5, loc="left", pad=3)
    axes.set_title(right, color=MUTED, fontsize=8, loc="right", pad=3)


def _place_in_file(
    axis: int, index: int, orientation: geometry.Orientation, shape: Sequence[int]
) -> str:
    """A plane of the RAS volume as the file counts it, from 0: ``k=31``."""
    own = next(i for i, (ras, _) in enumerate(orientation) if ras == axis)
    flipped = orientation[own][1] < 0
    return f"{'ijk'[own]}={shape[axis] - 1 - index if flipped else index}"


def _mark_sides(axes: Axes, axis: int) -> None:
    """Letters at the edges: the patient's right and left, front and back."""
    for letter, where, align in zip(
        ("AP", "RL", "RL")[axis], (0.02, 0.98), ("left", "right"), strict=True
    ):
        text = axes.text(
            where,
            0.5,
            letter,
            color=INK,
            fontsize=8,
            ha=align,
            va="center",
            transform=axes.transAxes,
        )
        text.set_path_effects([withStroke(linewidth=1.5, foreground=PAPER)])  # on bright tissue too


def _legend(axes: Axes, words: Sequence[str], *, several: bool) -> None:
    """What the picture shows and what its colours mean, in axes measured in inches."""
    colours = {"predicted only": RED, "actual only": BLUE, "both": PURPLE}
    if several:
        colours |= {"both, other label": AMBER}
    height = 0.12
    for number, text in enumerate(words):
        axes.text(
            0.1,
            height,
            text,
            color=MUTED if number else INK,
            fontsize=8 if number else 9,
            fontweight="normal" if number else "bold",
            va="center",
        )
        height += LINE
    for text, colour in colours.items():
        axes.text(0.1, height, "■", color=colour, fontsize=11, va="center")
        axes.text(0.28, height, text, color=INK, fontsize=8, va="center")
        height += LINE


def _grey_range(image: np.ndarray, mask: np.ndarray) -> tuple[float, float]:
    """What is black and what is white: percentiles of the tissue round the mask.

    Air, scalp and bone far from it would leave its surroundings one grey, above all in CT.
    """
    margins = [round(SURROUNDINGS * size) for size in image.shape]
    near = geometry.crop(image, _wider(geometry.box_of(mask > 0), image.shape, margins))
    tissue = near[near != image[0, 0, 0]]
    values = tissue[:: max(1, tissue.size // 200_000)] if tissue.size else np.zeros(1)
    low, high = (float(value) for value in np.percentile(values, (1, 99.5)))
    return (low - FOOT * (high - low), high) if high > low else (low - 1, low)


def _picture_box(
    image: np.ndarray, low: float, high: float, masks: Sequence[np.ndarray]
) -> geometry.Box:
    """The body and all labels, with a margin."""
    shown = image > low + 2 * FOOT * (high - low)
    for mask in masks:
        shown |= mask > 0
    box = geometry.box_of(shown) or geometry.full_box(image.shape)
    return _wider(box, image.shape, [round(MARGIN * (last - first)) + 1 for first, last in box])


def _wider(box: geometry.Box | None, shape: geometry.Shape, margins: Sequence[int]) -> geometry.Box:
    """The box with a margin at both ends of each axis; all of the volume where there is none."""
    box = box or geometry.full_box(shape)
    ends = zip(box, shape, margins, strict=True)
    return tuple((max(0, a - more), min(size, b + more)) for (a, b), size, more in ends)


def _smaller(content: io.BytesIO) -> bytes:
    """The PNG with a palette of 256 colours: half the size, and the pure colours stay exact."""
    from PIL import Image

    picture = Image.open(content).convert("RGB")
    picture = picture.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    packed = io.BytesIO()
    picture.save(packed, "PNG", optimize=True)
    return packed.getvalue()
