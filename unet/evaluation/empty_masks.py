"""What a case scores whose actual or predicted mask holds no voxel.

Published tools disagree here most, so the rules are written once, and printed in every report.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

Empty = Literal["none", "both", "truth", "prediction"]
"""Which masks hold no voxel."""

EMPTY_RULES = (
    "Both masks empty: Dice 1, HD95 0, NSD 1; such cases are counted apart.",
    "One mask empty: Dice 0, NSD 0, HD95 the diagonal of the whole image.",
)
DICE_BOTH_EMPTY = 1.0


def which_is_empty(prediction: np.ndarray, truth: np.ndarray) -> Empty:
    """Tells which of two bool masks hold no voxel."""
    if truth.any():
        return "none" if prediction.any() else "prediction"
    return "truth" if prediction.any() else "both"


def hd95_of_empty(empty: Empty, shape: Sequence[int], spacing: tuple[float, float, float]) -> float:
    """HD95 where a mask is empty: 0 if both are, else the image's diagonal.

    Args:
        empty: not "none".
        shape: of the whole image in voxels.
        spacing: size of a voxel along each axis; its unit is the answer's.
    """
    return 0.0 if empty == "both" else math.dist((0, 0, 0), np.multiply(shape, spacing))


def nsd_of_empty(empty: Empty) -> float:
    """NSD at any tolerance where a mask is empty: 1 if both are, else 0."""
    return float(empty == "both")
