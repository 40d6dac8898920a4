"""A picture per case: prediction and truth over the image, on its most telling slices.

Red is predicted only, blue is actual only, purple is both; amber, where there are several
labels, is both but of different labels.  Planes are shown as a radiologist reads them: the
patient's right on the left of axial and coronal planes, the face on the left of sagittal ones.
All planes of a picture share one scale.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from PIL import Image

from unet.data import geometry
from unet.data.volume import Volume
from unet.evaluation.agreement_colours import AMBER, BLUE, PURPLE, RED, blend
from unet.report.overlay_crop import grey_range, picture_box
from unet.report.overlay_layout import DPI, PAPER, Sheet, is_flat
from unet.report.overlay_slices import Slice, choose_slices
from unet.system.atomic_file import write_bytes
from unet.system.os_error import while_writing

INK, MUTED = "#f2f4f8", "#aab2c0"
LINE = 0.19
"""Height of a line of the legend, in inches."""


def draw_overlay(
    path: Path,
    volume: Volume,
    prediction: np.ndarray,
    truth: np.ndarray,
    words: Sequence[str],
    *,
    several_labels: bool = False,
    sides_known: bool = True,
) -> None:
    """Draws the telling slices of one case, the first also without colours, into a PNG.

    Args:
        path: of the picture.
        volume: the image; its first channel is shown.
        prediction: label values, uint8 [X, Y, Z].
        truth: label values, uint8 [X, Y, Z].
        words: lines above the legend, the first in bold.
        several_labels: whether there are several labels, so that amber needs its word.
        sides_known: whether the file says which side is the patient's left.

    Raises:
        DiskError: it cannot be written.
    """
    orientation = geometry.orientation_of(volume.affine)
    image = geometry.to_ras(volume.array[..., 0], orientation)
    masks = [geometry.to_ras(array, orientation) for array in (prediction, truth)]
    low, high = grey_range(image, masks[1] if masks[1].any() else masks[0])
    box = picture_box(image, low, high, masks)
    grey = np.clip((geometry.crop(image, box) - low) / (high - low), 0, 1)
    masks = [geometry.crop(mask, box) for mask in masks]
    spacing = volume.spacing or (1.0, 1.0, 1.0)
    extent = [n * size for n, size in zip(grey.shape, spacing, strict=True)]
    chosen = choose_slices(masks[0], masks[1], flat=is_flat(extent))
    sheet = Sheet(extent, chosen)
    cells: dict[tuple[int, int], Slice | None] = {(0, 0): chosen.largest, (2, 0): chosen.worst}
    cells |= {(column, 1): other for column, other in enumerate(chosen.others)}
    for (column, row), plane in cells.items():
        if plane is None:
            continue
        axes = sheet.plane(plane.axis, column, row)
        _show(axes, blend(plane.cut(grey), plane.cut(masks[0]), plane.cut(masks[1])))
        whole = Slice(plane.axis, plane.index + box[plane.axis][0], plane.why)
        place = whole.place_in_file(orientation, image.shape)
        _title(axes, f"{plane.plane} {place}", plane.why)
        if sides_known:
            _mark_sides(axes, plane.axis)
    axes = sheet.plane(chosen.largest.axis, 1, 0)
    _show(axes, np.repeat(chosen.largest.cut(grey)[..., None], 3, axis=-1))
    _title(axes, "image alone", "")
    _legend(sheet.words(2, 1), words, several_labels=several_labels)
    try:
        write_bytes(path, _png(sheet.figure))
    except OSError as error:
        raise while_writing(path, error) from error


def _show(axes: Axes, colours: np.ndarray) -> None:
    axes.imshow(colours, origin="lower", aspect="auto", interpolation="nearest")
    axes.set_axis_off()


def _title(axes: Axes, left: str, right: str) -> None:
    axes.set_title(left, color=INK, fontsize=8.5, loc="left", pad=3)
    axes.set_title(right, color=MUTED, fontsize=8, loc="right", pad=3)


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


def _legend(axes: Axes, words: Sequence[str], *, several_labels: bool) -> None:
    """What the picture shows and what its colours mean, in axes measured in inches."""
    colours = {"predicted only": RED, "actual only": BLUE, "both": PURPLE}
    if several_labels:
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


def _png(figure: Figure) -> bytes:
    """The figure as PNG with a palette of 256 colours.

    That is half the size, and the pure colours stay exact.
    """
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=DPI)
    picture = Image.open(drawn).convert("RGB")
    picture = picture.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    packed = io.BytesIO()
    picture.save(packed, "PNG", optimize=True)
    return packed.getvalue()
