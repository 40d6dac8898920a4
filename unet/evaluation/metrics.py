"""How well one predicted mask agrees with the truth, on the case's own grid."""

from __future__ import annotations

import math

import numpy as np
from pydantic import BaseModel, ConfigDict
from scipy import ndimage

from unet.evaluation.empty_masks import (
    DICE_BOTH_EMPTY,
    EMPTY_RULES,
    Empty,
    hd95_of_empty,
    nsd_of_empty,
    which_is_empty,
)
from unet.evaluation.surface import surface_distances

SCORING_RULES = (
    *EMPTY_RULES,
    "HD95 and NSD are over surface area; distances are in mm where the voxel spacing is known, "
    "else in voxels.",
    "Dice is over the whole volume; the course's Dice counts the centre 144 x 144 x 144 voxels "
    "only.",
    "A lesion is a group of voxels that touch by face, edge or corner; it is found if the other "
    "mask shares at least one voxel with it.",
)
"""How cases are scored, a sentence each; printed in every report."""

COURSE_CROP = 144
"""Edge in voxels of the centre crop in which the course scores."""


class Lesions(BaseModel):
    """Lesion-wise counts of one mask pair."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    truth: int
    predicted: int
    found: int
    """True lesions that share a voxel with the prediction."""
    spurious: int
    """Predicted lesions that share none with the truth."""


class RegionScore(BaseModel):
    """Agreement of one region of one case.

    Distances are in the unit of `CaseResult.distance_unit`, volumes in that of
    `CaseResult.volume_unit`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    region: str
    dice: float
    dice_course_crop: float
    hd95: float
    nsd: dict[str, float]
    """Normalised surface Dice by tolerance, e.g. ``{"1": 0.9, "2": 0.97}``."""
    volume_truth: float
    volume_predicted: float
    lesions: Lesions
    empty: Empty
    """Which masks hold no voxel."""


def dice(prediction: np.ndarray, truth: np.ndarray) -> float:
    """Dice coefficient of two bool arrays of one shape; 1 if both are empty.

    Raises:
        ValueError: if the shapes differ.
    """
    if prediction.shape != truth.shape:
        raise ValueError(f"masks of shapes {prediction.shape} and {truth.shape}")
    prediction, truth = prediction.astype(bool, copy=False), truth.astype(bool, copy=False)
    total = np.count_nonzero(prediction) + np.count_nonzero(truth)
    return 2 * np.count_nonzero(prediction & truth) / total if total else DICE_BOTH_EMPTY


def centre_crop(volume: np.ndarray, edge: int = COURSE_CROP) -> np.ndarray:
    """The central cube of at most `edge` voxels a side, as the course cuts it."""
    starts = [max(0, (n - edge) // 2) for n in volume.shape[:3]]
    return volume[tuple(slice(start, start + edge) for start in starts)]


def count_lesions(prediction: np.ndarray, truth: np.ndarray) -> Lesions:
    """Counts the 26-connected groups of voxels of both masks and those that overlap."""
    neighbours = np.ones((3, 3, 3), bool)
    true_labels, true_count = ndimage.label(truth, neighbours)
    pred_labels, pred_count = ndimage.label(prediction, neighbours)
    return Lesions(
        truth=true_count,
        predicted=pred_count,
        found=np.count_nonzero(np.unique(true_labels[prediction])),
        spurious=pred_count - np.count_nonzero(np.unique(pred_labels[truth])),
    )


def score_region(
    region: str,
    prediction: np.ndarray,
    truth: np.ndarray,
    *,
    spacing: tuple[float, float, float] | None,
    tolerances: tuple[float, ...] = (1.0, 2.0),
) -> RegionScore:
    """Scores one region of one case.

    Args:
        region: the region's name.
        prediction: bool [D, H, W].
        truth: bool [D, H, W].
        spacing: size of a voxel in mm, or None if unknown: then distances are in
            voxels, and so are volumes (else ml).
        tolerances: of the NSD, in the unit of the distances.
    """
    empty = which_is_empty(prediction, truth)
    unit = spacing or (1.0, 1.0, 1.0)
    if empty == "none":
        distances = surface_distances(prediction, truth, unit)
        hd95 = distances.hausdorff(95)
        nsd = {f"{t:g}": distances.surface_dice(t) for t in tolerances}
    else:
        hd95 = hd95_of_empty(empty, truth.shape, unit)
        nsd = {f"{t:g}": nsd_of_empty(empty) for t in tolerances}
    volume = math.prod(spacing) / 1000 if spacing else 1.0
    return RegionScore(
        region=region,
        dice=dice(prediction, truth),
        dice_course_crop=dice(centre_crop(prediction), centre_crop(truth)),
        hd95=hd95,
        nsd=nsd,
        volume_truth=np.count_nonzero(truth) * volume,
        volume_predicted=np.count_nonzero(prediction) * volume,
        lesions=count_lesions(prediction, truth),
        empty=empty,
    )
