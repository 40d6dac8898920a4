"""Merges the shards' cases into results.json and results.csv."""

from __future__ import annotations

import csv
import io

from unet.evaluation.folder import CaseResult, Folder
from unet.evaluation.metrics import RegionScore
from unet.evaluation.summary import Results, summarise, without_absent


def merge(folder: Folder) -> Results | None:
    """Reads the cases that are there; None if there is none yet.

    Raises:
        DataError: there is no evaluation in the folder.
    """
    settings = folder.settings()
    results = {use.id: folder.result(use.id, settings.digest) for use in settings.cases}
    cases = tuple(result for result in results.values() if result is not None)
    if not cases:
        return None
    missing = tuple(case for case, result in results.items() if result is None)
    cases = without_absent(cases)
    return Results(settings=settings, summary=summarise(settings, cases, missing), cases=cases)


def save_results(folder: Folder, results: Results) -> None:
    """Writes results.json and results.csv.

    Raises:
        DiskError: they cannot be written.
    """
    folder.write(folder.root / "results.json", results)
    folder.write_text(folder.root / "results.csv", table_csv(results))


def table_csv(results: Results) -> str:
    """One row per case and region, under a row of names."""
    uses = {use.id: use.use for use in results.settings.cases}
    tolerances = [f"{t:g}" for t in results.settings.tolerances]
    rows = [
        _row(case, uses[case.case], score, tolerances)
        for case in results.cases
        for score in case.regions
    ]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _row(
    case: CaseResult, use: str, score: RegionScore, tolerances: list[str]
) -> dict[str, str | int]:
    lesions = score.lesions
    return {
        "case": case.case,
        "use": use,
        "region": score.region,
        "dice": f"{score.dice:.6g}",
        "dice_course_crop": f"{score.dice_course_crop:.6g}",
        "hd95": f"{score.hd95:.6g}",
        **{f"nsd_{t}": f"{score.nsd[t]:.6g}" for t in tolerances},
        "distance_unit": case.distance_unit,
        "volume_truth": f"{score.volume_truth:.6g}",
        "volume_predicted": f"{score.volume_predicted:.6g}",
        "volume_unit": case.volume_unit,
        "lesions_truth": lesions.truth,
        "lesions_found": lesions.found,
        "lesions_predicted": lesions.predicted,
        "lesions_spurious": lesions.spurious,
        "empty": score.empty,
    }
