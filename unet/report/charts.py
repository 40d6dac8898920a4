"""The charts of the results page: a line over epochs, and each case a dot from 0 to 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, MaxNLocator

from unet.report.inline_svg import Ink, inline_svg, new_figure

WIDTH, HEIGHT = 520, 220
STRIP_WIDTH = 720  # wide enough for many cases, narrow enough for a telephone
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 12, 28
STRIP_MARGIN, STRIP_BOTTOM = 14, 26
DOT = 9.0
"""Diameter of a case's dot, and the distance of two rows of them."""
DOT_GAP = (DOT + 0.4) / (STRIP_WIDTH - 2 * STRIP_MARGIN)
"""Least difference of two values whose dots may share a row."""
TEXT_SIZE = 12


@dataclass(frozen=True)
class CaptionedChart:
    """A chart and the line below it."""

    chart: Markup
    caption: str


def line_chart(
    title: str, points: Sequence[tuple[float, float]], ink: Ink, *, unit_y: bool
) -> Markup:
    """A line over epochs, its last point marked.

    Args:
        title: read out by screen readers.
        points: (x, y), at least one, by rising x.
        ink: of the line.
        unit_y: whether y runs from 0 to 1 rather than over the data.
    """
    xs, ys = [x for x, _ in points], [y for _, y in points]
    figure = new_figure(WIDTH, HEIGHT)
    axes = _axes(figure, WIDTH, HEIGHT, (LEFT, RIGHT, TOP, BOTTOM))
    y_ticks = [0, 0.25, 0.5, 0.75, 1] if unit_y else _round_ticks(min(0.0, *ys), max(ys))
    axes.set_ylim(y_ticks[0], y_ticks[-1])
    axes.set_yticks(y_ticks)
    axes.set_xlim(xs[0], max(xs[-1], xs[0] + 1))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.grid(axis="y", color=Ink.LINE, linewidth=1, clip_on=False)
    axes.plot(xs, ys, color=ink, linewidth=2.2, clip_on=False)
    axes.plot(xs[-1:], ys[-1:], "o", color=ink, markersize=7, markeredgewidth=0, clip_on=False)
    return inline_svg(figure, title, f"From {ys[0]:.3f} to {ys[-1]:.3f} in {len(xs)} points.")


def strip_chart(
    title: str,
    points: Sequence[tuple[str, float]],
    mean: float,
    interval: tuple[float, float] | None,
) -> Markup:
    """Each case a dot over an axis from 0 to 1, the mean a line, its interval a band.

    Args:
        title: read out by screen readers.
        points: (case, value) with the value from 0 to 1.
        mean: of the values.
        interval: of the mean.
    """
    rows = beeswarm([value for _, value in points])
    reach = (max(map(abs, rows), default=0) + 1) * DOT
    height = 2 * reach + STRIP_BOTTOM + 8
    figure = new_figure(STRIP_WIDTH, height)
    axes = _axes(figure, STRIP_WIDTH, height, (STRIP_MARGIN, STRIP_MARGIN, 0, STRIP_BOTTOM))
    axes.set_xlim(0, 1)
    axes.set_ylim(-reach - 4, reach + 4)  # in the units of the drawing
    axes.set_yticks([])
    axes.spines["bottom"].set(visible=True, color=Ink.MUTED, alpha=0.5, linewidth=1)
    if interval:
        axes.axvspan(*interval, facecolor=Ink.BAND, edgecolor="none", clip_on=False)
    axes.axvline(mean, color=Ink.ACCENT, linewidth=1.5, clip_on=False)
    notes = {}
    for number, ((case, value), row) in enumerate(zip(points, rows, strict=True)):
        (dot,) = axes.plot([value], [row * DOT], "o", color=Ink.ACCENT, alpha=0.75, clip_on=False)
        dot.set(markersize=DOT, markeredgewidth=0, gid=f"case-{number}")
        notes[f"case-{number}"] = f"{case}: {value:.4f}"
    values = [value for _, value in points]
    description = f"The lowest case is {min(values):.3f}, the highest {max(values):.3f}."
    return inline_svg(figure, title, description, notes)


def beeswarm(values: Sequence[float]) -> list[int]:
    """A row for each value from 0 to 1: 0, 1, -1, 2, …, so that no dot covers another."""
    taken: dict[int, list[float]] = {}
    rows = []
    for value in values:
        for step in range(2 * len(values) + 1):
            row = (step + 1) // 2 * (1 if step % 2 else -1)
            if all(abs(value - other) >= DOT_GAP for other in taken.get(row, ())):
                taken.setdefault(row, []).append(value)
                rows.append(row)
                break
    return rows


def _axes(
    figure: Figure, width: float, height: float, margins: tuple[float, float, float, float]
) -> Axes:
    """Bare axes: no frame, no marks at the ticks, small grey figures."""
    left, right, top, bottom = margins
    axes = figure.add_axes(
        (
            left / width,
            bottom / height,
            (width - left - right) / width,
            (height - top - bottom) / height,
        ),
        frameon=True,
    )
    axes.patch.set_visible(False)
    axes.spines[:].set_visible(False)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, pad=8, labelsize=TEXT_SIZE, labelcolor=Ink.MUTED)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FormatStrFormatter("%g"))
    return axes


def _round_ticks(low: float, high: float) -> list[float]:
    """About five round numbers that enclose low and high."""
    ticks = MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]).tick_values(low, max(high, low + 1e-9))
    return [float(tick) for tick in ticks]
