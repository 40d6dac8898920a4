"""The curves of the training that made the model, from the run's log."""

from __future__ import annotations

import json
import math
from pathlib import Path

from unet.evaluation.folder import Folder
from unet.report.charts import CaptionedChart, line_chart
from unet.report.inline_svg import Ink


def training_curves(epochs: list[dict[str, float]]) -> list[CaptionedChart]:
    """Loss and validation Dice by epoch; a figure with fewer than two epochs has no curve."""
    curves = []
    for key, name, ink, unit_y in (
        ("loss", "Training loss", Ink.BLUE, False),
        ("val_dice", "Validation Dice, training grid", Ink.ACCENT, True),
    ):
        points = [(e["epoch"], e[key]) for e in epochs if key in e and math.isfinite(e[key])]
        if len(points) > 1:
            caption = f"{name} by epoch: {points[-1][1]:.3f} at the end"
            curves.append(CaptionedChart(line_chart(caption, points, ink, unit_y=unit_y), caption))
    return curves


def read_log(folder: Folder, model: Path) -> list[dict[str, float]]:
    """The training's epochs from the run's log.jsonl; [] without such a file.

    It is looked for beside the model, in the folder above, and above the evaluation.
    """
    places = (model.parent, model.parent.parent, folder.root.resolve().parent)
    file = next((p / "log.jsonl" for p in places if (p / "log.jsonl").is_file()), None)
    if file is None:
        return []
    epochs: dict[float, dict[str, float]] = {}
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # the last line of a run that was killed
        if not isinstance(entry, dict) or "epoch" not in entry:
            continue
        figures = {k: float(v) for k, v in entry.items() if isinstance(v, int | float)}
        epochs[figures.get("epoch", 0.0)] = figures  # an epoch that was resumed counts once
    return [epochs[key] for key in sorted(epochs)]
