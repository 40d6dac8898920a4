"""Removing small pieces of a prediction, by a rule chosen on the validation cases.

A rule is kept only if it surely raises the validation cases' mean Dice; it is saved beside
the model and applied to that model's later predictions.  Which rule would have given which
Dice is counted per case while it is scored (`candidate_dice`), so the choice needs no image.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError
from scipy import ndimage

from unet.evaluation.intervals import bootstrap_mean
from unet.system.atomic_file import write_text
from unet.system.errors import DataError
from unet.system.os_error import while_reading, while_writing

FILE = "postprocess.json"
LEAST_GAIN = 0.001
"""Of mean Dice; below it a rule would only hide small lesions."""
PARTS = 5
"""Of the cases, to see what choosing a rule is worth."""

KEEP_ALL = "keep all"
LARGEST = "largest component"
MIN_VOXELS = (10, 30, 100, 300, 1000)
CANDIDATES = (KEEP_ALL, LARGEST, *(f"at least {n} voxels" for n in MIN_VOXELS))


class Postprocess(BaseModel):
    """The rule of each region, one of `CANDIDATES`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: dict[str, str] = {}

    @property
    def changes_nothing(self) -> bool:
        """Whether every piece of every region is kept."""
        return all(rule == KEEP_ALL for rule in self.rules.values())

    def apply(self, masks: np.ndarray, regions: Sequence[str]) -> np.ndarray:
        """Removes pieces: bool [X, Y, Z, R] → bool [X, Y, Z, R]."""
        if self.changes_nothing:
            return masks
        result = np.zeros_like(masks)
        for index, region in enumerate(regions):
            labels, sizes = _components(masks[..., index])
            result[..., index] = _kept(sizes, self.rules.get(region, KEEP_ALL))[labels]
        return result

    def __str__(self) -> str:
        kept = {region: rule for region, rule in self.rules.items() if rule != KEEP_ALL}
        return "; ".join(f"{region}: {rule}" for region, rule in kept.items()) or "none"


class Learnt(BaseModel):
    """The content of postprocess.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model_sha256: str = ""
    """Of the model that was evaluated; a model trained further has no rules yet."""
    postprocess: Postprocess = Postprocess()
    cases: tuple[str, ...] = ()
    """On which it was chosen; none from releases that did not record them."""


def candidate_dice(prediction: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Dice under each of `CANDIDATES` of one region, bool [X, Y, Z] both."""
    labels, sizes = _components(prediction)
    shared = np.bincount(labels[truth], minlength=len(sizes))
    true_size = int(np.count_nonzero(truth))
    result = {}
    for rule in CANDIDATES:
        kept = _kept(sizes, rule)
        total = int(sizes[kept].sum()) + true_size
        result[rule] = 2 * int(shared[kept].sum()) / total if total else 1.0
    return result


def choose(cases: Sequence[Mapping[str, Mapping[str, float]]]) -> Postprocess:
    """The rule of each region with the highest mean Dice over the cases.

    Pieces are removed only if the gain is no chance: at least `LEAST_GAIN`, and the interval
    of the cases' gains (percentile bootstrap) above 0, over at least `LEAST_CASES`.

    Args:
        cases: for each case, region → rule → Dice (`candidate_dice`).
    """
    return Postprocess(
        rules={
            region: _best([case[region] for case in cases])
            for region in (cases[0] if cases else ())
        }
    )


def cross_fitted(cases: Sequence[Mapping[str, Mapping[str, float]]]) -> list[float]:
    """The mean Dice of each case under rules that were chosen on other cases.

    The cases are dealt out to `PARTS`; each part is scored with the rules that the others choose,
    so that the mean says what choosing is worth on cases that chose nothing.
    """
    chosen = [
        choose([case for index, case in enumerate(cases) if index % PARTS != part]).rules
        for part in range(min(PARTS, len(cases)))
    ]
    return [
        fmean(case[region][chosen[index % PARTS].get(region, KEEP_ALL)] for region in case)
        for index, case in enumerate(cases)
    ]


def _best(cases: Sequence[Mapping[str, float]]) -> str:
    best = max(CANDIDATES, key=lambda rule: np.mean([case[rule] for case in cases]))
    # Few gains above many zeros: there BCa's lower end leaves 0 sooner than the percentile's.
    gain = bootstrap_mean([case[best] - case[KEEP_ALL] for case in cases], method="percentile")
    if gain is None or gain.low is None:
        return KEEP_ALL
    return best if gain.low > 0 and gain.mean >= LEAST_GAIN else KEEP_ALL


def model_digest(model_file: Path) -> str:
    """sha256 of a model file."""
    return hashlib.sha256(model_file.read_bytes()).hexdigest()


def load_postprocess(model_file: Path) -> Learnt:
    """The rules saved beside a model file; none if there are none of this very model.

    Raises:
        DataError: the file is damaged.
    """
    file = model_file.with_name(FILE)
    try:
        learnt = Learnt.model_validate_json(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Learnt()
    except OSError as error:
        raise while_reading(file, error) from None
    except ValidationError as error:
        found = " ".join(str(error).split())[:200]
        raise DataError(str(file), found, "remove it, then evaluate the validation cases") from None
    return learnt if learnt.model_sha256 == model_digest(model_file) else Learnt()


def save_postprocess(model_file: Path, learnt: Learnt) -> None:
    """Writes the rules beside the model file.

    Raises:
        DiskError: they cannot be written.
    """
    file = model_file.with_name(FILE)
    try:
        write_text(file, learnt.model_dump_json(indent=1) + "\n")
    except OSError as error:
        raise while_writing(file, error) from error


def _components(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """26-connected components and their sizes; label 0, the outside, has size 0."""
    labels, count = ndimage.label(mask, np.ones((3, 3, 3), bool))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    return labels, sizes


def _kept(sizes: np.ndarray, rule: str) -> np.ndarray:
    """Whether each component is kept: bool [labels]."""
    kept: np.ndarray = sizes > 0
    if rule == LARGEST and kept.any():
        kept = np.arange(len(sizes)) == sizes.argmax()
    elif rule in CANDIDATES[2:]:
        kept = kept & (sizes >= MIN_VOXELS[CANDIDATES.index(rule) - 2])
    return kept
