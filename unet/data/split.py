"""Which case trains, validates and tests.

`course` is the split of Intel's course (seed 816: 411, 36 and 37 of 484 cases), kept exactly
so that figures compare; `random` sets a fraction aside; `kfold` lets every case validate once.
"""

from __future__ import annotations

import csv
import errno
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from unet.data.dataset import Dataset
from unet.data.groups import units_of
from unet.system.atomic_file import write_text
from unet.system.errors import DataError, UsageError
from unet.system.json_file import read_model, write_model
from unet.system.os_error import while_writing

Scheme = Literal["random", "course", "kfold"]

COURSE_SEED = 816
COURSE_TRAIN_FRACTION = 0.85  # --train_test_split
COURSE_VALIDATION_FRACTION = 0.5  # --validate_test_split, of the rest


class Split(BaseModel):
    """Case ids by use; no case is in two of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    training: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...] = ()
    scheme: str
    groups: dict[str, str] = {}
    """Of each case, where cases were kept together."""

    def without(self, cases: frozenset[str]) -> Split:
        """The split less the cases that preflight has quarantined.

        Raises:
            DataError: no training case is left.
        """
        kept = {
            use: tuple(c for c in getattr(self, use) if c not in cases)
            for use in ("training", "validation", "test")
        }
        if not kept["training"]:
            found = f"no training case left without the {len(cases)} bad ones"
            raise DataError("quarantine.json", found, "repair them, or add cases")
        return self.model_copy(update=kept)


def make_split(
    dataset: Dataset,
    scheme: Scheme = "random",
    *,
    seed: int = COURSE_SEED,
    validation_fraction: float = 0.15,
    fold: int = 0,
    folds: int = 5,
    course_fractions: tuple[float, float] = (COURSE_TRAIN_FRACTION, COURSE_VALIDATION_FRACTION),
    groups: Mapping[str, str] | None = None,
) -> Split:
    """Splits the data set's training cases; the same arguments give the same split.

    Groups are permuted and divided as cases are, so that none is on two sides; shares are counted
    in cases and met as closely as whole groups allow.

    Args:
        dataset: its order of cases matters.
        scheme: see the module's docstring.
        seed: of the permutation; `course` always takes the course's own, 816.
        validation_fraction: of the cases, at least one; `random` only.
        fold: 0 to folds - 1, the part that validates; `kfold` only.
        folds: number of parts; `kfold` only.
        course_fractions: of all cases for training, of the rest for validation; `course` only.
        groups: of each case, see `unet.data.groups`.

    Raises:
        UsageError: the fraction or fold makes no sense.
        DataError: there are too few cases.
    """
    ids = [case.id for case in dataset.cases]
    # The course calls np.random.seed(816) and permutes; RandomState is the same generator
    # without touching the global one.
    seed = COURSE_SEED if scheme == "course" else seed
    units = units_of(ids, groups or {})
    order = [units[i] for i in np.random.RandomState(seed).permutation(len(units))]
    if scheme == "course":
        first = int(len(ids) * course_fractions[0])
        second = first + int((len(ids) - first) * course_fractions[1])
        parts = _cut(order, first, second)
    elif scheme == "kfold":
        parts = _fold(order, fold, folds)
    else:
        parts = _fraction(order, validation_fraction)
    training, validation, test = (tuple(part) for part in parts)
    if not training:
        found = f"no training case left after the split ({len(validation)} for validation)"
        where = f"{dataset.root / 'dataset.json'}: training"
        raise DataError(where, found, "add cases; at least two are needed")
    return Split(
        training=training,
        validation=validation,
        test=test,
        scheme=scheme,
        groups=dict(groups or {}),
    )


def save_split(split: Split, dataset: Dataset, folder: Path) -> None:
    """Writes split.json and, for people, train.csv, validate.csv and test.csv.

    Raises:
        DiskError: `folder` cannot be written.
    """
    uses = {"train": split.training, "validate": split.validation, "test": split.test}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, ids in uses.items():
            table = io.StringIO()
            writer = csv.writer(table, lineterminator="\n")
            writer.writerow(["case", "image", "label"])
            for case in (dataset.case(case_id) for case_id in ids):
                writer.writerow([case.id, str(case.image), str(case.label or "")])
            write_text(folder / f"{name}.csv", table.getvalue())
    except OSError as error:
        raise while_writing(folder, error) from error
    write_model(folder / "split.json", split)


def load_split(file: Path) -> Split:
    """Reads split.json.

    Raises:
        DataError: it is missing or not a split.
    """
    split = read_model(file, Split, remedy="restore the file")
    if split is None:
        remedy = "train first, or give the run folder that holds it"
        raise DataError(str(file), os.strerror(errno.ENOENT), remedy)
    return split


def _cut(order: list[list[str]], *at: int) -> tuple[list[str], ...]:
    """Cases in order, cut after so many of them, or after the group in which that falls."""
    parts: list[list[str]] = [[] for _ in range(len(at) + 1)]
    done = 0
    for unit in order:
        parts[sum(done >= cut for cut in at)] += unit
        done += len(unit)
    return tuple(parts)


def _fold(order: list[list[str]], fold: int, folds: int) -> tuple[list[str], list[str], list[str]]:
    if folds < 2 or folds > len(order):
        what = "cases" if all(len(unit) == 1 for unit in order) else "groups"
        remedy = f"use 2 to {len(order)} folds" if len(order) > 1 else f"add {what}"
        raise UsageError("--folds", f"{folds} for {len(order)} {what}", remedy)
    if not 0 <= fold < folds:
        raise UsageError("--fold", str(fold), f"use 0 to {folds - 1}")
    training = [c for i, unit in enumerate(order) if i % folds != fold for c in unit]
    return training, [c for unit in order[fold::folds] for c in unit], []


def _fraction(order: list[list[str]], fraction: float) -> tuple[list[str], list[str], list[str]]:
    if not 0 <= fraction < 1:
        raise UsageError("--validation-fraction", str(fraction), "use a number from 0 to below 1")
    cases = sum(map(len, order))
    validation, training = _cut(order, max(1, round(cases * fraction)) if fraction > 0 else 0)
    return training, validation, []
