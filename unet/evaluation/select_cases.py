"""Which cases an evaluation scores: of the model's split, all, or ids."""

from __future__ import annotations

import difflib

from unet.data.dataset import Dataset
from unet.data.split import Split
from unet.evaluation.folder import CaseUse, Use
from unet.system.errors import DataError, UsageError

SELECTIONS = ("validation", "test", "all")


def select_cases(dataset: Dataset, split: Split | None, wanted: str) -> tuple[CaseUse, ...]:
    """Which cases to evaluate.

    Args:
        dataset: where they are; only cases with a label count.
        split: the model's, None if it has none.
        wanted: validation, test, all, or ids with commas.

    Raises:
        UsageError: the split has no such cases.
        DataError: the data set lacks one of them.
    """
    uses: dict[str, Use] = {}
    for use in ("training", "validation", "test"):
        uses |= dict.fromkeys(getattr(split, use) if split else (), use)
    labelled = [case.id for case in dataset.cases if case.label is not None]
    if wanted == "all":
        ids = labelled
    elif wanted in ("validation", "test"):
        ids = list(getattr(split, wanted)) if split else []
        if not ids:
            found = f"the model's split has no {wanted} cases"
            raise UsageError(f"--cases {wanted}", found, "give --cases all, or ids with commas")
        missing = [case for case in ids if case not in labelled]
        if missing:
            found = f"lacks {len(missing)} of the model's {wanted} cases, {missing[0]} among them"
            remedy = "give --cases all to score the model on another data set"
            raise DataError(str(dataset.root), found, remedy)
    elif wanted not in labelled and (near := difflib.get_close_matches(wanted, SELECTIONS, n=1)):
        raise UsageError("--cases", repr(wanted), f"did you mean {near[0]}?")
    else:
        ids = [dataset.case(name.strip()).id for name in wanted.split(",") if name.strip()]
        unlabelled = [case for case in ids if case not in labelled]
        if unlabelled:
            remedy = "use `unet predict` for images without label"
            raise DataError(f"--cases {unlabelled[0]}", "has no label", remedy)
    if not ids:
        raise DataError(str(dataset.root), "no case with a label", "add labels to dataset.json")
    return tuple(CaseUse(id=case, use=uses.get(case, "unseen")) for case in dict.fromkeys(ids))
