"""How cases are normalised: by their own body, or as CT by the whole data set."""

from __future__ import annotations

import numpy as np

from unet.data.axes import Spacing
from unet.data.recipe import CtStats, Recipe
from unet.planning.decision import Decision
from unet.planning.fingerprint import Fingerprint
from unet.planning.modality import is_ct


def make_recipe(
    fingerprint: Fingerprint, spacing: Spacing | None, wanted: str | None = None
) -> Decision[Recipe]:
    """The recipe for the fingerprint's channels at a target spacing (see `unet.planning.grid`).

    CT, if every channel is: clip and scale by the data set's labelled voxels (nnU-Net). Else
    each channel of each case by its own body.

    Args:
        wanted: "ct" or "other" as the settings say, None to decide.
    """
    channels = fingerprint.channels
    plain = Recipe(channels=channels, spacing=spacing)
    ct, reasons = _modality(fingerprint, wanted)
    if not ct:
        return Decision(plain, (*reasons, "each case is normalised by its own body"))
    stats = [_pooled(fingerprint, index) for index in range(len(channels))]
    if any(stat is None for stat in stats):  # no labelled voxel: nothing to pool
        return Decision(plain, (*reasons, "no labelled voxel to normalise by"))
    pooled = tuple(stat for stat in stats if stat is not None)
    ranges = ", ".join(f"{stat.low:.0f} to {stat.high:.0f}" for stat in pooled)
    recipe = plain.model_copy(update={"scheme": "ct", "ct_stats": pooled, "ct_zero": "air"})
    return Decision(recipe, (*reasons, f"clipped to {ranges} HU, of the labelled voxels"))


def _modality(fingerprint: Fingerprint, wanted: str | None) -> tuple[bool, tuple[str, ...]]:
    """Whether all channels are CT, and why."""
    if wanted is not None:
        return wanted == "ct", (f"modality: {wanted}, as --modality says",)
    judged = [
        is_ct(name, [case.channels[index] for case in fingerprint.cases])
        for index, name in enumerate(fingerprint.channel_names)
    ]
    reasons = [f"{why}; --modality beats it" for _, why in judged]
    if any(ct for ct, _ in judged) and not all(ct for ct, _ in judged):
        reasons.append("CT and others together: none is normalised as CT")
    return all(ct for ct, _ in judged), tuple(reasons)


def _pooled(fingerprint: Fingerprint, index: int) -> CtStats | None:
    """Statistics over all cases, each weighing the same whatever its lesion's size."""
    facts = [case.channels[index] for case in fingerprint.cases]
    facts = [channel for channel in facts if channel.foreground_quantiles]
    if not facts:
        return None
    quantiles = np.array([channel.foreground_quantiles for channel in facts])
    low, high = np.percentile(quantiles, (0.5, 99.5))
    means = np.array([channel.foreground_mean for channel in facts])
    variances = np.array([channel.foreground_sd for channel in facts]) ** 2
    sd = float(np.sqrt(variances.mean() + means.var()))
    return CtStats(low=float(low), high=float(high), mean=float(means.mean()), sd=sd)
