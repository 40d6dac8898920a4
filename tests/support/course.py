"""The course's flags and a data set like its own, without files."""

from pathlib import Path

from unet.course.command import parse_flags
from unet.course.flags import CourseFlags
from unet.data.dataset import Case, Dataset

BRAIN = {1: "edema", 2: "non-enhancing tumor", 3: "enhancing tumour"}


def described_dataset(channels=("FLAIR", "T1w", "t1gd", "T2w"), labels=BRAIN, cases=484) -> Dataset:
    made = tuple(
        Case(
            id=f"c{i:03}",
            image=Path(f"/d/imagesTr/c{i:03}.nii.gz"),
            label=Path(f"/d/labelsTr/c{i:03}.nii.gz"),
        )
        for i in range(cases)
    )
    return Dataset(root=Path("/d"), name="d", channels=channels, labels=labels, cases=made)


def parsed_flags(*words: str) -> CourseFlags:
    return parse_flags("train.py", "", words)
