"""BraTS as its organisers give it: no dataset.json, a folder for each patient."""

from __future__ import annotations

from pathlib import Path

from unet.data.channel_files import (
    BRATS_CHANNELS,
    MASK_NAMES,
    foldered_cases,
    named,
    volumes_in,
)
from unet.data.dataset import Dataset

CHANNEL_NAMES = ("FLAIR", "T1", "T1Gd", "T2")
LATER_NAMES = ("t2f", "t1n")  # since 2023, and with them the value 3 for enhancing tumour


def brats_folders(root: Path) -> Dataset | None:
    """The data set of patients' folders with FLAIR and a mask; None if `root` holds none.

    The channels are those that every patient has. Enhancing tumour is 4, since 2023 it is 3.
    """
    folders = [path for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
    files = {folder: volumes_in(folder) for folder in folders}
    patients = [
        folder
        for folder, inside in files.items()
        if named(inside, folder.name, MASK_NAMES) and named(inside, folder.name, BRATS_CHANNELS[0])
    ]
    if not patients:
        return None
    channels = tuple(
        name
        for name, spelt in zip(CHANNEL_NAMES, BRATS_CHANNELS, strict=True)
        if all(named(files[folder], folder.name, spelt) for folder in patients)
    )
    later = any(named(files[folder], folder.name, LATER_NAMES) for folder in patients)
    return Dataset(
        root=root.resolve(),
        name=root.resolve().name,
        channels=channels,
        labels={1: "non-enhancing tumor", 2: "edema", 3 if later else 4: "enhancing tumor"},
        cases=foldered_cases(root.resolve(), channels),
    )
