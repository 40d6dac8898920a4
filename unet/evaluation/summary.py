"""The whole evaluation in figures: means over the cases, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from unet.evaluation.folder import CaseResult, Settings
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

    @property
    def absent(self) -> bool:
        """Whether no case has it, so that its figures count in no mean over regions."""
        return self.empty["both"] + self.empty["truth"] == self.dice.count


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

    @property
    def counted(self) -> tuple[RegionSummary, ...]:
        """The regions that means count: those that a case has, or all if there is none."""
        return tuple(region for region in self.regions if not region.absent) or self.regions


class Results(BaseModel):
    """The content of results.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    settings: Settings
    summary: Summary
    cases: tuple[CaseResult, ...]


def without_absent(cases: tuple[CaseResult, ...]) -> tuple[CaseResult, ...]:
    """The cases, with the regions that none of them has left out of their means.

    A model marks such a region or does not; either figure, 0 or 1, says nothing of how well it
    finds it.  If no case has any region, all are counted.
    """
    names = [score.region for score in cases[0].regions]
    absent = tuple(
        name
        for index, name in enumerate(names)
        if all(case.regions[index].empty in ("both", "truth") for case in cases)
    )
    absent = absent if len(absent) < len(names) else ()
    return tuple(case.model_copy(update={"absent": absent}) for case in cases)


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
            _region_summary([case.regions[index] for case in cases], comparable=unit != "mixed")
            for index in range(len(settings.regions))
        ),
    )


def _region_summary(scores: Sequence[RegionScore], *, comparable: bool) -> RegionSummary:
    """Means of one region; distances only where they are `comparable`, all in one unit."""
    full = [score for score in scores if score.empty == "none"]
    which_empty = [score.empty for score in scores]
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
        empty={kind: which_empty.count(kind) for kind in ("both", "truth", "prediction")},
    )


def _nsd(scores: Sequence[RegionScore]) -> dict[str, Estimate]:
    return {t: _estimate([score.nsd[t] for score in scores]) for t in scores[0].nsd}


def _estimate(values: Sequence[float]) -> Estimate:
    estimate = bootstrap_mean(values)
    assert estimate is not None, "at least one case"
    return estimate
