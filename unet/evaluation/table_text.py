"""The table of an evaluation for a terminal or a pod's log."""

from __future__ import annotations

import numpy as np

from unet.evaluation.notes import interval_words, notes
from unet.evaluation.summary import Results


def table_text(results: Results) -> str:
    """The table and what qualifies it; the last line is the mean Dice."""
    mean = results.summary.mean_dice
    plural = "" if mean.count == 1 else "s"
    last = (
        f"mean Dice = {mean.mean:.4f}{interval_words(mean)}, "
        f"{mean.count} case{plural}, on their own grid"
    )
    rows = [_head(results), *_case_rows(results), _mean_row(results)]
    return "\n".join([_aligned(rows), *notes(results), last])


def _head(results: Results) -> list[str]:
    names = results.settings.regions
    unit = {"mm": " mm", "voxels": " vox", "mixed": ""}[results.summary.distance_unit]
    head = ["case", *(names if len(names) > 1 else ()), "Dice", "course crop", f"HD95{unit}"]
    return head + [f"NSD {t:g}{unit}" for t in results.settings.tolerances]


def _case_rows(results: Results) -> list[list[str]]:
    several = len(results.settings.regions) > 1
    tolerances = [f"{t:g}" for t in results.settings.tolerances]
    rows = []
    for case in results.cases:
        scores = case.counted
        row = [case.case, *([f"{s.dice:.4f}" for s in case.regions] if several else ())]
        row += [f"{case.dice:.4f}", f"{case.dice_course_crop:.4f}"]
        row.append(f"{np.mean([s.hd95 for s in scores]):.2f}")
        row += [f"{np.mean([s.nsd[t] for s in scores]):.4f}" for t in tolerances]
        rows.append(row)
    return rows


def _mean_row(results: Results) -> list[str]:
    summary, settings = results.summary, results.settings
    several = len(settings.regions) > 1
    row = ["mean", *([f"{r.dice.mean:.4f}" for r in summary.regions] if several else ())]
    row += [f"{summary.mean_dice.mean:.4f}", f"{summary.mean_dice_course_crop.mean:.4f}"]
    if summary.distance_unit == "mixed":
        return row + ["-"] * (1 + len(settings.tolerances))
    row.append(f"{np.mean([r.hd95.mean for r in summary.counted if r.hd95]):.2f}")
    for tolerance in settings.tolerances:
        shares = [r.nsd[f"{tolerance:g}"].mean for r in summary.counted if r.nsd]
        row.append(f"{np.mean(shares):.4f}")
    return row


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
