"""What qualifies the means of an evaluation, a sentence each."""

from __future__ import annotations

from collections.abc import Collection

from unet.evaluation.intervals import LEAST_CASES, Estimate
from unet.evaluation.learn_postprocess import dice_by_others_rules, dice_without_rules
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
    sentences += _of_choices(results)
    absent = [region for region in summary.regions if region.absent]
    if len(absent) < len(summary.regions):
        sentences += [
            f"{region.region}: no case has it, so no mean counts it; it is predicted in "
            f"{region.empty['truth']} of {region.dice.count} cases."
            for region in absent
        ]
    sentences += [
        _of_empty(region, summary.distance_unit)
        for region in summary.regions
        if any(region.empty.values()) and region in summary.counted
    ]
    if summary.distance_unit == "voxels":
        sentences.append("The voxel spacing is unknown: distances and volumes are in voxels.")
    if summary.distance_unit == "mixed":
        sentences.append("Only some cases have a known voxel spacing, so distances have no mean.")
    return sentences


def _of_choices(results: Results) -> list[str]:
    """What was chosen on the very cases that are scored, which flatters the figure."""
    settings, scored = results.settings, {case.case for case in results.cases}
    sentences = []
    on = len(scored.intersection(settings.epoch_chosen_on))
    if on:
        sentences.append(
            f"The model's epoch was chosen by the validation Dice of {_so_many(on, scored)} "
            "(--keep best), which flatters it a little."
        )
    on = len(scored.intersection(settings.postprocess_chosen_on))
    if on and not settings.postprocess.changes_nothing:
        sentences.append(
            f"Post-processing ({settings.postprocess}) was chosen on {_so_many(on, scored)}; mean "
            f"Dice without it = {dice_without_rules(results):.4f}, with rules that other cases "
            f"chose = {dice_by_others_rules(results):.4f}."
        )
    return sentences


def _so_many(count: int, cases: Collection[str]) -> str:
    return "these cases" if count == len(cases) else f"{count} of these {len(cases)} cases"


def interval_words(estimate: Estimate) -> str:
    """`` (95 % interval LOW to HIGH)``; for fewer than `LEAST_CASES` that there is none."""
    if estimate.low is None or estimate.high is None:
        return f" (an interval needs {LEAST_CASES} cases)"
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
