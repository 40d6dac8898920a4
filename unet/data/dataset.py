"""What a data set is: its channels, labels and cases, wherever they were listed."""

from __future__ import annotations

import difflib
import unicodedata
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict

from unet.system.errors import DataError

SUFFIXES = (".nii.gz", ".nii")
SEPARATORS = frozenset(" -_.,:;/\\()[]")


class Case(BaseModel):
    """One patient's image and label. `id` is the image's file name without suffix.

    Where every channel has a file of its own, `image` is the first's and `more_images` those
    of the others, in order.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    image: Path
    label: Path | None = None
    more_images: tuple[Path, ...] = ()

    @property
    def images(self) -> tuple[Path, ...]:
        """All files of the image."""
        return (self.image, *self.more_images)


class Dataset(BaseModel):
    """A data set as its dataset.json describes it.

    `labels` maps a label's value to its name, without the background 0. `channels` are the
    modalities in file order. `cases` are the training cases, `test_cases` have no labels.
    `regions` are unions of labels that overlap, by name (nnU-Net). `ignore` is the label value
    of voxels that nobody judged. `notes` is what was odd about dataset.json.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: Path
    name: str
    channels: tuple[str, ...]
    labels: dict[int, str]
    cases: tuple[Case, ...]
    test_cases: tuple[Case, ...] = ()
    regions: dict[str, tuple[int, ...]] = {}
    ignore: int | None = None
    notes: tuple[str, ...] = ()

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
    """A name in lower case without what separates words: T1-Gd, t1gd and T1_Gd are the same.

    What else is no letter tells names apart, as in T1 and T1+, or T2 and T2*. Letters with
    accents are the same whether composed or not.
    """
    plain = unicodedata.normalize("NFC", name).casefold()
    return "".join(x for x in plain if x not in SEPARATORS and not x.isspace())


def case_id(file: str | Path) -> str:
    """The id of a file's case: its name without folder and without .nii or .nii.gz."""
    name = PurePosixPath(str(file).strip().replace("\\", "/")).name
    for suffix in SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name
