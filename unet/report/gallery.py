"""The pictures of the results page, and which cases have one there."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from unet.evaluation.folder import CaseResult, Folder
from unet.evaluation.metrics import RegionScore

GALLERY = 48
"""Pictures in the page, at most; beyond, the worst half, the middle and the best quarter."""


@dataclass(frozen=True)
class Card:
    """A case's picture and the words below it.

    Attributes:
        case: its id.
        dice: from 0 to 1.
        words: what went wrong, a line for each region.
        picture: PNG in base64.
    """

    case: str
    dice: float
    words: tuple[str, ...]
    picture: str


def gallery(folder: Folder, ranked: Sequence[CaseResult]) -> list[Card]:
    """The cards of the cases that have a picture.

    Args:
        folder: of the evaluation.
        ranked: all cases, worst first.
    """
    cards = []
    for place in pick_for_gallery(len(ranked)):
        case = ranked[place]
        try:
            picture = folder.overlay(case.case).read_bytes()
        except OSError:
            continue
        encoded = base64.b64encode(picture).decode()
        cards.append(Card(case.case, case.dice, _words(case), encoded))
    return cards


def pick_for_gallery(count: int, most: int = GALLERY) -> list[int]:
    """Places in the ranking, worst first: all, or the worst, some of the middle and the best."""
    if count <= most:
        return list(range(count))
    quarter = most // 4
    worst = list(range(most - 2 * quarter))
    middle = count // 2 - quarter // 2
    centre = [i for i in range(middle, middle + quarter) if i >= len(worst)]
    best = [i for i in range(count - quarter, count) if i > (centre or worst)[-1]]
    return worst + centre + best


def _words(case: CaseResult) -> tuple[str, ...]:
    """What went wrong in a case, in a few words for each region."""
    several = len(case.regions) > 1
    return tuple(
        f"{f'{score.region} {score.dice:.3f}, ' if several else ''}"
        f"HD95 {score.hd95:.1f} {case.distance_unit}, {_change(score)}"
        for score in case.regions
    )


def _change(score: RegionScore) -> str:
    """By how much the predicted volume is off."""
    if score.volume_truth:
        percent = round(100 * (score.volume_predicted / score.volume_truth - 1))
        sign = "+" if percent > 0 else "\N{MINUS SIGN}" if percent else "±"
        return f"volume {sign}{abs(percent)}\N{NO-BREAK SPACE}%"
    return "lesion predicted, none actual" if score.volume_predicted else "no lesion in either"
