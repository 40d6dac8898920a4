"""Learns a model's post-processing from an evaluation of its validation cases."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

from unet.evaluation.postprocess import (
    KEEP_ALL,
    Learnt,
    Postprocess,
    choose,
    cross_fitted,
    load_postprocess,
    save_postprocess,
)
from unet.evaluation.summary import Results
from unet.system.errors import UnetError


def learn_postprocess(results: Results) -> Postprocess | None:
    """Chooses the post-processing on the validation cases and saves it with the model.

    Returns:
        What is newly saved.  None where the cases chosen were others, the model has moved or
        cannot be written to, or the same rules are saved already.
    """
    settings, model = results.settings, Path(results.settings.model)
    if settings.selection != "validation" or not model.is_file():
        return None
    chosen = choose([case.candidates for case in results.cases])
    if str(chosen) == str(load_postprocess(model).postprocess):
        return None
    cases = tuple(case.case for case in results.cases)
    learnt = Learnt(model_sha256=settings.model_sha256, postprocess=chosen, cases=cases)
    try:
        save_postprocess(model, learnt)
    except UnetError:  # another user's model: it only goes unsaved
        return None
    return chosen


def dice_by_others_rules(results: Results) -> float:
    """Mean Dice where every case has the post-processing that other cases chose."""
    return fmean(cross_fitted(_candidates(results)))


def dice_without_rules(results: Results) -> float:
    """Mean Dice of the plain predictions."""
    return fmean(fmean(dice[KEEP_ALL] for dice in case.values()) for case in _candidates(results))


def _candidates(results: Results) -> list[dict[str, dict[str, float]]]:
    """For each case, counted region → rule → Dice."""
    return [
        {score.region: case.candidates[score.region] for score in case.counted}
        for case in results.cases
    ]
