"""A picture per case: prediction and truth over the image, on its most telling slices.

Red is predicted only, blue is actual only, purple is both; amber, where there are several
labels, is both but of different labels.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from unet.data import geometry
from unet.data.atomic import write_bytes
from unet.data.volume import Volume
from unet.errors import DiskError

RED, BLUE, PURPLE, AMBER = "#ff3b30", "#2f7bff", "#b14cff", "#ffb000"
OPACITY = 0.45
INK, MUTED, PAPER = "#f2f4f8", "#aab2c0", "#0d1017"
SIDE_INCHES, DPI = 2.6, 120
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


def telling_slices(prediction: np.ndarray, truth: np.ndarray) -> tuple[Slice, ...]:
    """Four slices: largest extent, most disagreement, and two planes across the first.

    Args:
        prediction: uint8 [D, H, W] in RAS order.
        truth: uint8 [D, H, W].
    """
    either = (prediction > 0) | (truth > 0)
    if not either.any():
        middle = [n // 2 for n in truth.shape]
        return tuple(Slice(axis, middle[axis], "nothing to see") for axis in (2, 1, 0))
    area = either.sum(axis=(0, 1))
    largest = int(area.argmax())
    wrong = (prediction != truth).sum(axis=(0, 1))
    # A second slice beside the first tells nothing new: look a little further off.
    near = max(1, len(area) // 40)
    wrong[max(0, largest - near) : largest + near + 1] = 0
    slices = [Slice(2, largest, "largest extent")]
    if wrong.any():
        slices.append(Slice(2, int(wrong.argmax()), "most disagreement"))
    centre = np.argwhere(either[:, :, largest]).mean(axis=0).round().astype(int)
    slices += [Slice(1, int(centre[1]), ""), Slice(0, int(centre[0]), "")]
    return tuple(slices)


def blend(image: np.ndarray, prediction: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Colours one slice.

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
        result[mask] = (1 - OPACITY) * result[mask] + OPACITY * tint
    return result


def draw_overlay(path: Path, volume: Volume, prediction: np.ndarray, truth: np.ndarray) -> None:
    """Draws the telling slices of one case into a PNG, two by two.

    Args:
        path: of the picture.
        volume: the image; its first channel is shown.
        prediction: label values, uint8 [X, Y, Z].
        truth: label values, uint8 [X, Y, Z].

    Raises:
        DiskError: it cannot be written.
    """
    orientation = geometry.orientation_of(volume.affine)
    image = geometry.to_ras(volume.array[..., 0], orientation)
    masks = [geometry.to_ras(array, orientation) for array in (prediction, truth)]
    spacing = volume.spacing or (1.0, 1.0, 1.0)
    low, high = _grey_range(image)
    box = _picture_box(image, *masks)
    figure = Figure(figsize=(2 * SIDE_INCHES, 2 * SIDE_INCHES), dpi=DPI, facecolor=PAPER)
    slices = telling_slices(*masks)
    for position, chosen in enumerate(slices, 1):
        axes = figure.add_subplot(2, 2, position)
        inside = tuple(
            chosen.index if axis == chosen.axis else slice(*box[axis]) for axis in range(3)
        )
        grey = np.clip((image[inside] - low) / (high - low), 0, 1)
        across, up = (spacing[axis] for axis in range(3) if axis != chosen.axis)
        colours = blend(grey, *(mask[inside] for mask in masks))
        axes.imshow(
            colours.transpose(1, 0, 2), origin="lower", aspect=up / across, interpolation="nearest"
        )
        axes.set_axis_off()
        title = f"{chosen.plane} {chosen.index}"
        axes.set_title(title, color=INK, fontsize=7.5, loc="left", pad=3)
        axes.set_title(chosen.why, color=MUTED, fontsize=7, loc="right", pad=3)
        _mark_sides(axes, chosen.axis)
    figure.subplots_adjust(0.015, 0.015, 0.985, 0.955, wspace=0.04, hspace=0.1)
    content = io.BytesIO()
    FigureCanvasAgg(figure).print_png(content)
    try:
        write_bytes(path, _smaller(content))
    except OSError as error:
        raise DiskError.from_os(path, error) from error


def _mark_sides(axes: matplotlib.axes.Axes, axis: int) -> None:
    """Letters at the edges: low index to the left, so left and posterior are left."""
    sides = (("P", "A"), ("L", "R"), ("L", "R"))[axis]
    for letter, where, align in ((sides[0], 0.02, "left"), (sides[1], 0.98, "right")):
        text = axes.text(
            where, 0.5, letter, color=MUTED, fontsize=6.5, ha=align, va="center",
            transform=axes.transAxes,
        )  # fmt: skip
        text.set_path_effects([withStroke(linewidth=1.5, foreground=PAPER)])  # on bright tissue too


def _grey_range(image: np.ndarray) -> tuple[float, float]:
    """Percentiles of the body: air at the low end would wash out, vessels at the high end."""
    background = image[0, 0, 0]
    body = image[image != background]
    values = body[:: max(1, body.size // 200_000)] if body.size else np.zeros(1)
    low, high = np.percentile(values, (1, 99.5))
    low = min(float(low), float(background)) if background < low else float(low)
    return low, float(high) if high > low else low + 1.0


def _picture_box(image: np.ndarray, *masks: np.ndarray) -> tuple[tuple[int, int], ...]:
    """The body and all labels, with a margin."""
    low, high = _grey_range(image)
    shown = image > low + 0.08 * (high - low)
    for mask in masks:
        shown |= mask > 0
    box = geometry.box_of(shown) or geometry.full_box(image.shape)
    wide = []
    for (first, last), size in zip(box, image.shape, strict=True):
        margin = round(MARGIN * (last - first)) + 1
        wide.append((max(0, first - margin), min(size, last + margin)))
    return tuple(wide)


def _smaller(content: io.BytesIO) -> bytes:
    """The PNG with a palette of 256 colours: a third of the size, no difference to the eye."""
    from PIL import Image

    picture = Image.open(content).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    packed = io.BytesIO()
    picture.save(packed, "PNG", optimize=True)
    return packed.getvalue()
