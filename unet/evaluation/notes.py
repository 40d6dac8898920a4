"""What qualifies the means of an evaluation, a sentence each."""

from __future__ import annotations

from unet.evaluation.intervals import Estimate
from unet.evaluation.summary import RegionSummary, Results, Unit


def notes(results: Results) -> list[str]:
    """What qualifies the means, a sentence each; in every report."""
    summary = results.summary
    sentences = []
    if summary.missing:
        names = ", ".join(summary.missing[:5]) + (" …" if len(summary.missing) > 5 else "")
        sentences.append(
            f"Incomplete: {len(summary.missing)} of {summary.expected} cases have no result yet "
            f"({names})."
        )
    if summary.mean_dice_held_out:
        count = len(results.cases) - summary.mean_dice_held_out.count
        sentences.append(
            f"The model was trained on {count} of these cases; mean Dice of the others = "
            f"{summary.mean_dice_held_out.mean:.4f}{interval_words(summary.mean_dice_held_out)}."
        )
    elif any(use.use == "training" for use in results.settings.cases):
        sentences.append(
            "The model was trained on all of these cases: this says nothing of new ones."
        )
    sentences += [
        _of_empty(region, summary.distance_unit)
        for region in summary.regions
        if any(region.empty.values())
    ]
    if summary.distance_unit == "voxels":
        sentences.append("The voxel spacing is unknown: distances and volumes are in voxels.")
    if summary.distance_unit == "mixed":
        sentences.append("Only some cases have a known voxel spacing, so distances have no mean.")
    return sentences


def interval_words(estimate: Estimate) -> str:
    """`` (95 % interval LOW to HIGH)``; nothing for a single case."""
    if estimate.low is None or estimate.high is None:
        return ""
    return f" (95 % interval {estimate.low:.4f} to {estimate.high:.4f})"


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
