"""Whether a training came to anything: what a program asks before it goes on with the model."""

from __future__ import annotations

from unet.data.regions import Target
from unet.planning.fingerprint import Fingerprint
from unet.planning.spending import trivial_dice

USEFUL_GAIN = 0.1  # of the way from marking every voxel to a Dice of 1


def has_learned(
    dice: float | None, fingerprint: Fingerprint, target: Target, steps: int
) -> bool | None:
    """Whether the model's validation Dice is clearly better than that of who marks every voxel.

    That is 2p / (1 + p) where the truth fills a share p of a case: 0 for a small lesion, 0.67 for
    half a volume. At least a tenth of what is missing there to 1 must have been learned.

    Args:
        dice: mean over validation cases and regions; None where none was scored.
        fingerprint: of the validation cases.
        steps: that were taken; a model of none has learned nothing.

    Returns:
        None where nothing tells.
    """
    if not steps:
        return False
    if dice is None:
        return None
    floor = trivial_dice(fingerprint, [region.labels for region in target.regions])
    return dice > floor + USEFUL_GAIN * (1 - floor)
