"""Whether a training came to anything: what a program asks before it goes on with the model."""

from __future__ import annotations

from unet.data.regions import Target
from unet.planning.fingerprint import Fingerprint
from unet.planning.spending import trivial_dice

USELESS_DICE = 0.1  # masks that share less with the truth are no masks of it


def has_learned(
    dice: float | None, fingerprint: Fingerprint, target: Target, steps: int
) -> bool | None:
    """Whether the model's validation Dice is better than that of who marks every voxel.

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
    return dice > max(floor, USELESS_DICE)
