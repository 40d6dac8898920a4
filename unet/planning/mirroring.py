"""Along which axes training mirrors, and why: left and right are not always the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from unet.data.axes import MIRROR_AXES
from unet.data.case_facts import CaseFacts, LabelPlace
from unet.data.regions import Region, Target
from unet.planning.decision import Decision
from unet.planning.fingerprint import Fingerprint
from unet.planning.side_names import side_pairs

# Measured on real masks: lower-grade gliomas lie with 90 % of their voxels in the right half in
# 45 % of 88 cases, in the left in 40 %; BraTS tumours 50 and 45 %; the hippocampus' ends (208
# cases) at most 10 %; the prostate's zones (32) never. What has a side has it in nearly all.
SIDE_SHARE = 0.9  # of a region's voxels in one half of the body
CASES_SHARE = 0.9  # of the cases that have the region
FEWEST_CASES = 8  # by chance all of them lie on one side once in 2**7 data sets
APART = 1.0  # distance of two regions' centres, in the sum of their spreads

Axes = tuple[int, ...]


def choose_mirroring(
    fingerprint: Fingerprint, target: Target, wanted: str | None
) -> Decision[Axes]:
    """Mirrors left and right unless that would make one structure another.

    A wrong yes costs the label (two equal kidneys cannot be told apart any more), a wrong no
    next to nothing, so that doubt is settled by not mirroring: also for a single organ that
    always lies on one side, since its counterpart may be in the image without a label.

    Args:
        fingerprint: of the training cases alone.
        target: the regions to segment; what lies in one region together needs no telling apart.
        wanted: "none" or "left-right" as the settings say, None to decide.

    Returns:
        the axes of (0, 1, 2) = (right, anterior, superior).
    """
    if wanted is not None:
        axes = MIRROR_AXES if wanted == "left-right" else ()
        return Decision(axes, (f"mirroring: {wanted}, as --mirror says",))
    found = _names(fingerprint, target) or _places(fingerprint.cases, target)
    if found:
        return Decision((), (f"not mirrored: {found}; --mirror left-right beats it",))
    return Decision(MIRROR_AXES, ("mirrored left and right: no label keeps to one side",))


def _names(fingerprint: Fingerprint, target: Target) -> str:
    values = {name: value for value, name in fingerprint.labels.items()}
    for left, right in side_pairs(values):
        if any((values[left] in r.labels) != (values[right] in r.labels) for r in target.regions):
            return f"labels {left!r} and {right!r} differ by their side"
    return ""


def _places(cases: Sequence[CaseFacts], target: Target) -> str:
    """Why the training masks speak against mirroring, or nothing."""
    regions = target.regions
    for region in regions:
        shares = [place.right for case in cases if (place := _place(case, region))]
        for half, sure in _halves(shares, lambda share: share >= SIDE_SHARE, lambda x: 1 - x):
            if sure:
                return f"{region.name!r} lies in the {half} half in {sure} training cases"
    for index, first in enumerate(regions):
        for second in regions[index + 1 :]:
            offsets = [
                (a.centre - b.centre) / (a.spread + b.spread + 1e-6)
                for case in cases
                if (a := _place(case, first)) and (b := _place(case, second))
            ]
            for half, sure in _halves(offsets, lambda offset: offset >= APART, lambda x: -x):
                if sure:
                    return f"{first.name!r} lies {half} of {second.name!r} in {sure} training cases"
    return ""


def _halves(
    values: Sequence[float], clear: Callable[[float], bool], turned: Callable[[float], float]
) -> list[tuple[str, str]]:
    """For either side how many of how many cases show it, if they are enough to be sure."""
    result = []
    for half, seen in (("right", values), ("left", [turned(value) for value in values])):
        count = sum(map(clear, seen))
        sure = len(seen) >= FEWEST_CASES and count >= CASES_SHARE * len(seen)
        result.append((half, f"{count} of {len(seen)}" if sure else ""))
    return result


def _place(case: CaseFacts, region: Region) -> LabelPlace | None:
    """Where a region lies from left to right, from where its labels lie."""
    found = [
        (case.label_voxels[value], case.places[value])
        for value in region.labels
        if value in case.places
    ]
    total = sum(count for count, _ in found)
    if not total:
        return None
    right = sum(count * place.right for count, place in found) / total
    centre = sum(count * place.centre for count, place in found) / total
    variance = (
        sum(count * (place.spread**2 + place.centre**2) for count, place in found) / total
        - centre**2
    )
    return LabelPlace(right=right, centre=centre, spread=max(0.0, variance) ** 0.5)
