"""What a data set is: its channels, labels and cases, wherever they were listed."""

from __future__ import annotations

import difflib
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from unet.system.errors import DataError


class Case(BaseModel):
    """One patient's image and label. `id` is the image's file name without suffix."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    image: Path
    label: Path | None = None


class Dataset(BaseModel):
    """A data set as its dataset.json describes it.

    `labels` maps a label's value to its name, without the background 0. `channels` are the
    modalities in file order. `cases` are the training cases, `test_cases` have no labels.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: Path
    name: str
    channels: tuple[str, ...]
    labels: dict[int, str]
    cases: tuple[Case, ...]
    test_cases: tuple[Case, ...] = ()

    def case(self, case_id: str) -> Case:
        """Returns the case of that id.

        Raises:
            DataError: there is none; the error names the nearest one.
        """
        every = {case.id: case for case in (*self.test_cases, *self.cases)}
        if case_id in every:
            return every[case_id]
        near = difflib.get_close_matches(case_id, every, n=1)
        hint = f"did you mean {near[0]}?" if near else f"it has {len(every)} other cases"
        raise DataError(str(self.root), f"no case {case_id!r}", f"name a case of it ({hint})")


def plain_name(name: str) -> str:
    """A name's letters and digits in lower case: T1-Gd, t1gd and T1_Gd are the same."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())
