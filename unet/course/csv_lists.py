"""The course's train.csv, validate.csv and test.csv, in the working directory."""

from __future__ import annotations

from pathlib import Path

from unet.data.dataset import Dataset
from unet.data.split import Split
from unet.system.atomic_file import write_text
from unet.system.os_error import while_writing

LISTS = {"train.csv": "training", "validate.csv": "validation", "test.csv": "test"}


def list_text(split: Split, use: str, dataset: Dataset) -> str:
    """One list: headless `image,label` lines, sorted."""
    cases = [dataset.case(case_id) for case_id in getattr(split, use)]
    return "".join(sorted(f"{case.image},{case.label}\n" for case in cases))


def write_lists(split: Split, dataset: Dataset) -> None:
    """Writes all three.

    Raises:
        DiskError: one cannot be written.
    """
    for name, use in LISTS.items():
        try:
            write_text(Path(name), list_text(split, use, dataset))
        except OSError as error:
            raise while_writing(name, error) from error
