"""Small charts as SVG text that take their colours from the page's style sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 520, 220
STRIP_WIDTH = 720  # wide enough for many cases, narrow enough for a telephone
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 12, 28


@dataclass(frozen=True)
class Series:
    """One line: points (x, y), drawn in the colour of the class `series-NAME`."""

    name: str
    points: tuple[tuple[float, float], ...]


def line_chart(title: str, series: Sequence[Series], *, unit_y: bool) -> str:
    """Lines over a common x axis.

    Args:
        title: read out by screen readers.
        series: at least one with at least one point.
        unit_y: whether y runs from 0 to 1 rather than over the data.
    """
    xs = [x for line in series for x, _ in line.points]
    ys = [y for line in series for _, y in line.points]
    x_ticks = _ticks(min(xs), max(xs), 6, whole=True)
    y_ticks = [0, 0.25, 0.5, 0.75, 1] if unit_y else _ticks(min(0.0, *ys), max(ys), 5)
    low_x, high_x = min(xs), max(max(xs), min(xs) + 1)
    low_y, high_y = y_ticks[0], y_ticks[-1]

    def at(x: float, y: float) -> tuple[float, float]:
        across = (x - low_x) / (high_x - low_x)
        up = (y - low_y) / (high_y - low_y)
        return (
            round(LEFT + across * (WIDTH - LEFT - RIGHT), 1),
            round(HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM), 1),
        )

    parts = []
    for y in y_ticks:
        _, height = at(low_x, y)
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{height}" '
            f'y2="{height}"/><text class="tick" x="{LEFT - 8}" y="{height + 4}" '
            f'text-anchor="end">{y:g}</text>'
        )
    for x in x_ticks:
        if low_x <= x <= high_x:
            across, _ = at(x, low_y)
            parts.append(
                f'<text class="tick" x="{across}" y="{HEIGHT - 8}" '
                f'text-anchor="middle">{x:g}</text>'
            )
    for line in series:
        path = " ".join(f"{x},{y}" for x, y in (at(*point) for point in line.points))
        name = escape(line.name, quote=True)
        parts.append(f'<polyline class="line series-{name}" points="{path}"/>')
        x, y = at(*line.points[-1])
        parts.append(f'<circle class="dot series-{name}" cx="{x}" cy="{y}" r="3.5"/>')
    return _svg(title, WIDTH, HEIGHT, parts)


def strip_chart(
    title: str,
    points: Sequence[tuple[str, float]],
    mean: float,
    interval: tuple[float, float] | None,
) -> str:
    """Each case a dot over an axis from 0 to 1, the mean a line, its interval a band.

    Args:
        title: read out by screen readers.
        points: (case, value) with the value from 0 to 1.
        mean: of the values.
        interval: of the mean.
    """
    radius, rows = 4.5, _beeswarm([value for _, value in points])
    height = 2 * (max(map(abs, rows), default=0) + 1) * radius * 2 + 34
    middle = (height - 28) / 2

    def at(value: float) -> float:
        return round(14 + value * (STRIP_WIDTH - 28), 1)

    parts = []
    if interval:
        low, high = at(interval[0]), at(interval[1])
        parts.append(
            f'<rect class="band" x="{low}" y="0" width="{max(1.0, round(high - low, 1))}" '
            f'height="{height - 26}"/>'
        )
    parts.append(f'<line class="mean" x1="{at(mean)}" x2="{at(mean)}" y1="0" y2="{height - 26}"/>')
    parts.append(
        f'<line class="axis" x1="{at(0)}" x2="{at(1)}" y1="{height - 26}" y2="{height - 26}"/>'
    )
    for tick in (0, 0.2, 0.4, 0.6, 0.8, 1):
        parts.append(
            f'<text class="tick" x="{at(tick)}" y="{height - 8}" '
            f'text-anchor="middle">{tick:g}</text>'
        )
    for (case, value), row in zip(points, rows, strict=True):
        y = round(middle + row * radius * 2, 1)
        parts.append(
            f'<circle class="case" cx="{at(value)}" cy="{y}" r="{radius}">'
            f"<title>{escape(case)}: {value:.4f}</title></circle>"
        )
    return _svg(title, STRIP_WIDTH, round(height), parts)


def _beeswarm(values: Sequence[float]) -> list[int]:
    """A row for each value, 0, 1, -1, 2, …, so that dots do not cover each other."""
    taken: dict[int, list[float]] = {}
    rows = []
    gap = 9.4 / (STRIP_WIDTH - 28)
    for value in values:
        for step in range(2 * len(values) + 1):
            row = (step + 1) // 2 * (1 if step % 2 else -1)
            if all(abs(value - other) >= gap for other in taken.get(row, ())):
                taken.setdefault(row, []).append(value)
                rows.append(row)
                break
    return rows


def _ticks(low: float, high: float, count: int, *, whole: bool = False) -> list[float]:
    """About `count` round numbers that enclose low and high."""
    span = max(high - low, 1e-9)
    raw = span / max(1, count - 1)
    power = 10 ** math.floor(math.log10(raw))
    step = next(power * f for f in (1, 2, 2.5, 5, 10) if power * f >= raw * 0.999)
    if whole:
        step = max(1, round(step))
    first = math.floor(low / step)
    last = max(first + 1, math.ceil(high / step - 1e-9))
    return [round(i * step, 10) for i in range(first, last + 1)]


def _svg(title: str, width: float, height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(title, quote=True)}">{"".join(parts)}</svg>'
    )
