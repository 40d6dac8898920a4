"""Merges the cases' scores into means with intervals, a table and two files."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from unet.evaluation.folder import CaseResult, Folder, Settings
from unet.evaluation.intervals import Estimate, bootstrap_mean
from unet.evaluation.metrics import Lesions, RegionScore

Unit = Literal["mm", "voxels", "mixed"]


class RegionSummary(BaseModel):
    """Means over the cases of one region.

    `hd95` and `nsd` are None where cases with and without known spacing are mixed, since
    millimetres and voxels have no mean.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    region: str
    dice: Estimate
    dice_neither_empty: Estimate | None
    """As the others of this name: only over the cases where both masks hold a voxel."""
    dice_course_crop: Estimate
    hd95: Estimate | None
    hd95_median: float | None
    hd95_neither_empty: Estimate | None
    nsd: dict[str, Estimate] | None
    nsd_neither_empty: dict[str, Estimate] | None
    lesions: Lesions
    empty: dict[str, int]
    """Cases by which mask is empty: both, truth, prediction."""


class Summary(BaseModel):
    """The whole evaluation in figures."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    expected: int
    missing: tuple[str, ...]
    """Cases without a result yet."""
    mean_dice: Estimate
    """Over the cases' Dice, each the mean of its regions, over the whole volume."""
    mean_dice_course_crop: Estimate
    mean_dice_held_out: Estimate | None
    """Only over cases that the model was not trained on, where some were."""
    distance_unit: Unit
    regions: tuple[RegionSummary, ...]


class Results(BaseModel):
    """The content of results.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    settings: Settings
    summary: Summary
    cases: tuple[CaseResult, ...]


def merge(folder: Folder) -> Results | None:
    """Reads the cases that are there; None if there is none yet.

    Raises:
        DataError: there is no evaluation in the folder.
    """
    settings = folder.settings()
    found = {use.id: folder.result(use.id, settings.digest) for use in settings.cases}
    cases = tuple(result for result in found.values() if result is not None)
    if not cases:
        return None
    missing = tuple(case for case, result in found.items() if result is None)
    return Results(settings=settings, summary=summarise(settings, cases, missing), cases=cases)


def summarise(
    settings: Settings, cases: Sequence[CaseResult], missing: tuple[str, ...] = ()
) -> Summary:
    """Means with intervals over at least one case."""
    units = {case.distance_unit for case in cases}
    unit: Unit = units.pop() if len(units) == 1 else "mixed"
    trained = {use.id for use in settings.cases if use.use == "training"}
    held_out = [case.dice for case in cases if case.case not in trained]
    return Summary(
        expected=len(settings.cases),
        missing=missing,
        mean_dice=_estimate([case.dice for case in cases]),
        mean_dice_course_crop=_estimate([case.dice_course_crop for case in cases]),
        mean_dice_held_out=bootstrap_mean(held_out) if len(held_out) < len(cases) else None,
        distance_unit=unit,
        regions=tuple(
            _region([case.regions[index] for case in cases], comparable=unit != "mixed")
            for index in range(len(settings.regions))
        ),
    )


def save_results(folder: Folder, results: Results) -> None:
    """Writes results.json and results.csv.

    Raises:
        DiskError: they cannot be written.
    """
    folder.write(folder.root / "results.json", results)
    folder.write_text(folder.root / "results.csv", table_csv(results))


def table_csv(results: Results) -> str:
    """One row per case and region."""
    uses = {use.id: use.use for use in results.settings.cases}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    tolerances = [f"{t:g}" for t in results.settings.tolerances]
    writer.writerow(
        [
            "case",
            "use",
            "region",
            "dice",
            "dice_course_crop",
            "hd95",
            *(f"nsd_{t}" for t in tolerances),
            "distance_unit",
            "volume_truth",
            "volume_predicted",
            "volume_unit",
            "lesions_truth",
            "lesions_found",
            "lesions_predicted",
            "lesions_spurious",
            "empty",
        ]
    )
    for case in results.cases:
        for score in case.regions:
            lesions = score.lesions
            figures = [score.dice, score.dice_course_crop, score.hd95]
            figures += [score.nsd[t] for t in tolerances]
            writer.writerow(
                [
                    case.case,
                    uses[case.case],
                    score.region,
                    *(f"{x:.6g}" for x in figures),
                    case.distance_unit,
                    f"{score.volume_truth:.6g}",
                    f"{score.volume_predicted:.6g}",
                    case.volume_unit,
                    lesions.truth,
                    lesions.found,
                    lesions.predicted,
                    lesions.spurious,
                    score.empty,
                ]
            )
    return text.getvalue()


def table_text(results: Results) -> str:
    """The table for a terminal or a pod's log; its last line is the mean Dice."""
    summary, names = results.summary, results.settings.regions
    several = len(names) > 1
    unit = {"mm": " mm", "voxels": " vox", "mixed": ""}[summary.distance_unit]
    tolerances = [f"{t:g}" for t in results.settings.tolerances]
    head = ["case", *(names if several else ()), "Dice", "course crop", f"HD95{unit}"]
    head += [f"NSD {t}{unit}" for t in tolerances]
    rows = []
    for case in results.cases:
        scores = case.regions
        row = [case.case, *([f"{s.dice:.4f}" for s in scores] if several else ())]
        row += [f"{case.dice:.4f}", f"{case.dice_course_crop:.4f}"]
        row.append(f"{np.mean([s.hd95 for s in scores]):.2f}")
        row += [f"{np.mean([s.nsd[t] for s in scores]):.4f}" for t in tolerances]
        rows.append(row)
    foot = ["mean", *([f"{r.dice.mean:.4f}" for r in summary.regions] if several else ())]
    foot += [f"{summary.mean_dice.mean:.4f}", f"{summary.mean_dice_course_crop.mean:.4f}"]
    if summary.distance_unit == "mixed":
        foot += ["-"] * (1 + len(tolerances))
    else:
        foot.append(f"{np.mean([r.hd95.mean for r in summary.regions if r.hd95]):.2f}")
        foot += [
            f"{np.mean([r.nsd[t].mean for r in summary.regions if r.nsd]):.4f}" for t in tolerances
        ]
    lines = [_aligned([head, *rows, foot])]
    lines += notes(results)
    lines.append(
        f"mean Dice = {summary.mean_dice.mean:.4f}{_interval(summary.mean_dice)}, "
        f"{summary.mean_dice.count} case{'s' if summary.mean_dice.count != 1 else ''}, whole volume"
    )
    return "\n".join(lines)


def termination_message(results: Results, report: str) -> dict[str, object]:
    """The summary that the operator reads (docs/contract.md)."""
    summary = results.summary
    interval = [summary.mean_dice.low, summary.mean_dice.high]
    distances = [region.hd95.mean for region in summary.regions if region.hd95]
    return {
        "kind": "report",
        "code": 0,
        "cases": len(results.cases),
        "meanDice": _rounded(summary.mean_dice.mean),
        "meanDiceInterval": None if None in interval else [_rounded(x) for x in interval],
        "dicePerRegion": {r.region: _rounded(r.dice.mean) for r in summary.regions},
        "hd95": _rounded(float(np.mean(distances))) if distances else None,
        "hd95Unit": None if summary.distance_unit == "mixed" else summary.distance_unit,
        "report": report,
    }


def notes(results: Results) -> list[str]:
    """What qualifies the means, a sentence each; in every report."""
    summary = results.summary
    found = []
    if summary.missing:
        names = ", ".join(summary.missing[:5]) + (" …" if len(summary.missing) > 5 else "")
        found.append(
            f"Incomplete: {len(summary.missing)} of {summary.expected} cases have no result yet "
            f"({names})."
        )
    if summary.mean_dice_held_out:
        count = len(results.cases) - summary.mean_dice_held_out.count
        found.append(
            f"The model was trained on {count} of these cases; mean Dice of the others = "
            f"{summary.mean_dice_held_out.mean:.4f}{_interval(summary.mean_dice_held_out)}."
        )
    elif any(use.use == "training" for use in results.settings.cases):
        found.append("The model was trained on all of these cases: this says nothing of new ones.")
    found += [
        _of_empty(region, summary.distance_unit)
        for region in summary.regions
        if any(region.empty.values())
    ]
    if summary.distance_unit == "voxels":
        found.append("The voxel spacing is unknown: distances and volumes are in voxels.")
    if summary.distance_unit == "mixed":
        found.append("Only some cases have a known voxel spacing, so distances have no mean.")
    return found


def _of_empty(region: RegionSummary, unit: Unit) -> str:
    kinds = {"both": "both masks", "truth": "the actual mask", "prediction": "the predicted mask"}
    counts = " and ".join(
        f"{region.empty[kind]} with {where} empty"
        for kind, where in kinds.items()
        if region.empty[kind]
    )
    means = "no case is left"
    if region.dice_neither_empty:
        means = f"mean Dice = {region.dice_neither_empty.mean:.4f}"
    if region.hd95_neither_empty:
        means += f", HD95 = {region.hd95_neither_empty.mean:.2f} {unit}"
    for tolerance, share in (region.nsd_neither_empty or {}).items():
        means += f", NSD {tolerance} {unit} = {share.mean:.4f}"
    return f"{region.region}: {counts}; without them {means}."


def _region(scores: Sequence[RegionScore], *, comparable: bool) -> RegionSummary:
    """Means of one region; distances only where they are `comparable`, all in one unit."""
    full = [score for score in scores if score.empty == "none"]
    counted = [score.empty for score in scores]
    lesions = {
        field: sum(getattr(score.lesions, field) for score in scores)
        for field in Lesions.model_fields
    }
    distances = [score.hd95 for score in scores] if comparable else []
    return RegionSummary(
        region=scores[0].region,
        dice=_estimate([score.dice for score in scores]),
        dice_neither_empty=bootstrap_mean([score.dice for score in full]),
        dice_course_crop=_estimate([score.dice_course_crop for score in scores]),
        hd95=bootstrap_mean(distances),
        hd95_median=float(np.median(distances)) if distances else None,
        hd95_neither_empty=bootstrap_mean([score.hd95 for score in full]) if comparable else None,
        nsd=_nsd(scores) if comparable else None,
        nsd_neither_empty=_nsd(full) if comparable and full else None,
        lesions=Lesions(**lesions),
        empty={kind: counted.count(kind) for kind in ("both", "truth", "prediction")},
    )


def _nsd(scores: Sequence[RegionScore]) -> dict[str, Estimate]:
    return {t: _estimate([score.nsd[t] for score in scores]) for t in scores[0].nsd}


def _interval(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return ""
    return f" (95 % interval {estimate.low:.4f} to {estimate.high:.4f})"


def _aligned(rows: list[list[str]]) -> str:
    """Columns of equal width, a rule under the head and above the foot."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    rule = "-" * len(lines[0])
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def _estimate(values: Sequence[float]) -> Estimate:
    estimate = bootstrap_mean(values)
    assert estimate is not None, "at least one case"
    return estimate


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
