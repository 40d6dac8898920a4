"""The tables of the results page: means per region, and every case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from unet.evaluation.folder import CaseResult
from unet.evaluation.intervals import Estimate
from unet.evaluation.metrics import RegionScore
from unet.evaluation.summary import Results


class Cell(NamedTuple):
    """A figure and, in small grey letters, its interval."""

    text: str
    interval: str = ""


@dataclass(frozen=True)
class Table:
    """A table whose first column names the row.

    Attributes:
        caption: above it.
        heads: of the columns.
        rows: as many cells as heads.
        sortable: whether a click on a head sorts.
    """

    caption: str
    heads: list[str]
    rows: list[list[Cell]]
    sortable: bool = False


def region_table(results: Results) -> Table | None:
    """Means per region; None for a single region, whose means the tiles show."""
    regions = results.summary.regions
    if len(regions) < 2:
        return None
    rows = [
        [
            Cell(region.region),
            _estimate(region.dice),
            _estimate(region.dice_course_crop),
            Cell(f"{region.hd95.mean:.2f}" if region.hd95 else "-"),
            Cell(f"{region.lesions.found} of {region.lesions.truth}"),
            Cell(str(region.lesions.spurious)),
        ]
        for region in regions
    ]
    distance = f"HD95 ({results.summary.distance_unit})"
    heads = ["region", "Dice", "course crop", distance, "lesions found", "spurious"]
    return Table("Means per region with 95 % intervals", heads, rows)


def case_table(results: Results, ranked: Sequence[CaseResult]) -> Table:
    """Every figure of every case and region.

    Args:
        results: of the evaluation.
        ranked: its cases, worst first.
    """
    uses = {use.id: use.use for use in results.settings.cases}
    tolerances = [f"{t:g}" for t in results.settings.tolerances]
    several = len(results.settings.regions) > 1
    rows = [
        [
            Cell(case.case),
            *([Cell(score.region)] if several else []),
            Cell(uses[case.case]),
            *_figures(case, score, tolerances),
        ]
        for case in ranked
        for score in case.regions
    ]
    unit = results.summary.distance_unit
    distance = "" if unit == "mixed" else f" ({unit})"
    volume = {"mm": " (ml)", "voxels": " (voxels)", "mixed": ""}[unit]
    heads = ["case", *(["region"] if several else []), "use", "Dice", "course crop"]
    heads += [f"HD95{distance}", *(f"NSD {t}{distance}" for t in tolerances)]
    heads += [f"actual{volume}", f"predicted{volume}", "lesions found", "spurious"]
    return Table("Scores per case, worst first; a head sorts", heads, rows, sortable=True)


def _figures(case: CaseResult, score: RegionScore, tolerances: Sequence[str]) -> list[Cell]:
    digits = 1 if case.volume_unit == "ml" else 0
    texts = [
        f"{score.dice:.4f}",
        f"{score.dice_course_crop:.4f}",
        f"{score.hd95:.2f}",
        *(f"{score.nsd[tolerance]:.4f}" for tolerance in tolerances),
        f"{score.volume_truth:.{digits}f}",
        f"{score.volume_predicted:.{digits}f}",
        f"{score.lesions.found}/{score.lesions.truth}",
        str(score.lesions.spurious),
    ]
    return [Cell(text) for text in texts]


def _estimate(estimate: Estimate) -> Cell:
    if estimate.low is None or estimate.high is None:
        return Cell(f"{estimate.mean:.3f}")
    return Cell(f"{estimate.mean:.3f}", f"[{estimate.low:.3f}, {estimate.high:.3f}]")
