"""What the operator reads of an evaluation (docs/contract.md)."""

from __future__ import annotations

import numpy as np

from unet.evaluation.summary import Results


def termination_message(results: Results, report: str) -> dict[str, object]:
    """The summary for the pod's termination message.

    Args:
        results: of the evaluation.
        report: where the results page lies.
    """
    summary = results.summary
    interval = [summary.mean_dice.low, summary.mean_dice.high]
    distances = [region.hd95.mean for region in summary.counted if region.hd95]
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


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
