"""Compares cases with each other: one that is far from all others is seldom right.

A unit that slipped (micron for mm) makes 20 voxels 400, or a case nothing; a header copied from
another file turns a patient round. Each file is sound by itself: only the others tell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from unet.data.case_facts import CaseFacts

LEAST_CASES = 4  # of three, nobody says which one is odd
SPACING_RATIO = 8.0  # a data set of CTs mixes slices of 0.5 and 5 mm; a slipped unit makes 10
SIZE_RATIO = 5.0
INTENSITY_RATIO = 50.0  # scanners differ by 10; a scaling left out makes 100 and more
MAJORITY = 0.75  # of the cases, before another orientation than theirs is odd


def odd_cases(facts: Sequence[CaseFacts]) -> Iterator[tuple[str, str]]:
    """Yields (case, what is far from the others')."""
    if len(facts) < LEAST_CASES:
        return
    yield from _odd_spacings([case for case in facts if case.spacing is not None])
    yield from _odd_sizes(facts)
    yield from _odd_intensities(facts)
    yield from _odd_orientations(facts)


def absent_labels(facts: Sequence[CaseFacts], labels: Mapping[int, str]) -> Iterator[str]:
    """Yields a remark on each label that no case has."""
    for value, name in labels.items():
        if facts and not any(case.label_voxels.get(value, 0) for case in facts):
            yield f"label {value} ({name}) is in no case"


def _odd_spacings(known: Sequence[CaseFacts]) -> Iterator[tuple[str, str]]:
    sizes = np.array([case.spacing for case in known], dtype=np.float64).reshape(-1, 3)
    if len(known) < LEAST_CASES:
        return
    typical = np.median(sizes, axis=0)
    for case, size in zip(known, sizes, strict=True):
        if _far(size, typical, SPACING_RATIO):
            yield case.case, f"spacing {_by(size)} mm, the others' about {_by(typical)}: check unit"


def _odd_sizes(facts: Sequence[CaseFacts]) -> Iterator[tuple[str, str]]:
    shapes = np.array([case.shape for case in facts], dtype=np.float64)
    typical = np.median(shapes, axis=0)
    for case, shape in zip(facts, shapes, strict=True):
        if _far(shape, typical, SIZE_RATIO):
            yield case.case, f"shape {_by(shape)} voxels, the others' about {_by(typical)}"


def _odd_intensities(facts: Sequence[CaseFacts]) -> Iterator[tuple[str, str]]:
    for channel in range(min(len(case.channels) for case in facts)):
        values = np.array([case.channels[channel].percentiles for case in facts])
        widths = values[:, -1] - values[:, 0]
        typical = float(np.median(widths))
        low, high = np.median(values[:, 0]), np.median(values[:, -1])
        for case, row, width in zip(facts, values, widths, strict=True):
            if typical > 0 and width > 0 and _far(width, typical, INTENSITY_RATIO):
                found = f"intensities from {row[0]:g} to {row[-1]:g}, "
                yield case.case, found + f"the others' about {low:g} to {high:g}"


def _odd_orientations(facts: Sequence[CaseFacts]) -> Iterator[tuple[str, str]]:
    codes = Counter(case.orientation for case in facts)
    usual, count = codes.most_common(1)[0]
    if count < MAJORITY * len(facts):
        return
    for case in facts:
        if case.orientation != usual:
            found = f"axes run {case.orientation}, those of {count} others {usual}"
            yield case.case, f"{found}: see that left is left"


def _far(values: np.ndarray | np.float64, typical: np.ndarray | float, ratio: float) -> bool:
    with np.errstate(divide="ignore", over="ignore"):
        return bool((np.abs(np.log(values) - np.log(typical)) > np.log(ratio)).any())


def _by(sizes: np.ndarray) -> str:
    return " x ".join(f"{size:.4g}" for size in sizes)
