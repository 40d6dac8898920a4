"""The figures at the head of the results page."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unet.evaluation.intervals import Estimate
from unet.evaluation.summary import Results, Summary


@dataclass(frozen=True)
class Tile:
    """One figure.

    Attributes:
        name: of the figure.
        value: as text.
        unit: in small letters beside it, or empty.
        note: a line below it.
        big: whether it is the first among them.
    """

    name: str
    value: str
    unit: str = ""
    note: str = ""
    big: bool = False


def make_tiles(results: Results) -> list[Tile]:
    """Mean Dice first, then the course's, distances, surfaces and lesions."""
    summary = results.summary
    return [
        _dice("Mean Dice, case's own grid", summary.mean_dice, big=True),
        _dice("Dice, course crop", summary.mean_dice_course_crop),
        *_distances(summary),
        *_surfaces(summary, results.settings.tolerances),
        _lesions(summary),
    ]


def _dice(name: str, estimate: Estimate, *, big: bool = False) -> Tile:
    note = "one case" if estimate.count == 1 else f"{estimate.count} cases: no interval"
    if estimate.low is not None and estimate.high is not None:
        note = f"{'95 % interval ' if big else ''}{estimate.low:.3f} to {estimate.high:.3f}"
    return Tile(name, f"{estimate.mean:.3f}", note=note, big=big)


def _distances(summary: Summary) -> list[Tile]:
    """HD95 over the regions; nothing where it has no mean."""
    means = [region.hd95.mean for region in summary.counted if region.hd95]
    if not means:
        return []
    medians = [r.hd95_median for r in summary.counted if r.hd95_median is not None]
    note = f"median {np.mean(medians):.1f} {summary.distance_unit}" if medians else ""
    return [Tile("HD95", f"{np.mean(means):.1f}", summary.distance_unit, note)]


def _surfaces(summary: Summary, tolerances: tuple[float, ...]) -> list[Tile]:
    """NSD over the regions at each tolerance; nothing where it has no mean."""
    tiles = []
    unit: str = summary.distance_unit
    for tolerance in (f"{tolerance:g}" for tolerance in tolerances):
        shares = [region.nsd[tolerance].mean for region in summary.counted if region.nsd]
        if shares:
            within = unit.removesuffix("s") if tolerance == "1" else unit
            name = f"NSD at {tolerance} {within}"
            tiles.append(Tile(name, f"{np.mean(shares):.3f}", note="of the surfaces"))
    return tiles


def _lesions(summary: Summary) -> Tile:
    counts = [region.lesions for region in summary.regions]
    return Tile(
        "Lesions found",
        str(sum(count.found for count in counts)),
        f"of {sum(count.truth for count in counts)}",
        f"{sum(count.spurious for count in counts)} spurious",
    )
