"""Finds the files of a case whose channels have a file each.

nnU-Net numbers them, CASE_0000.nii.gz to CASE_0003.nii.gz; BraTS gives every patient a folder
with flair.nii.gz, t1.nii.gz and so on, or with the patient's name before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from unet.data.dataset import SUFFIXES, Case, case_id, plain_name

NUMBERED = re.compile(r"(?P<case>.+)_(?P<channel>\d{4})$")
MASK_NAMES = ("seg", "label", "mask")
BRATS_CHANNELS = (("flair", "t2f"), ("t1", "t1n"), ("t1ce", "t1c", "t1gd"), ("t2", "t2w"))


def volumes_in(folder: Path) -> list[Path]:
    """The NIfTI files of a folder in the order of their names; no hidden ones."""
    if not folder.is_dir():
        return []
    found = (p for p in folder.iterdir() if p.name.lower().endswith(SUFFIXES))
    return sorted(path for path in found if not path.name.startswith("."))


def numbered_cases(files: Sequence[Path], channels: int) -> tuple[Case, ...] | None:
    """nnU-Net's cases, None unless every file is one of a case's `channels` numbered ones."""
    groups: dict[str, dict[int, Path]] = {}
    for file in files:
        match = NUMBERED.fullmatch(case_id(file))
        if match is None:
            return None
        groups.setdefault(match["case"], {})[int(match["channel"])] = file
    if not groups or any(sorted(group) != list(range(channels)) for group in groups.values()):
        return None
    return tuple(
        case_of(name, [group[channel] for channel in range(channels)])
        for name, group in sorted(groups.items())
    )


def foldered_cases(root: Path, channels: Sequence[str]) -> tuple[Case, ...]:
    """The patients' folders below `root` that hold a file of each channel's name."""
    cases = []
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        files = volumes_in(folder)
        found = [named(files, folder.name, spellings(channel)) for channel in channels]
        images = [path for path in found if path is not None]
        if len(images) == len(channels):
            label = named(files, folder.name, MASK_NAMES)
            cases.append(case_of(folder.name, images, label))
    return tuple(cases)


def spellings(channel: str) -> tuple[str, ...]:
    """The names that BraTS's years gave a channel; its own name first."""
    plain = plain_name(channel)
    synonyms = next((names for names in BRATS_CHANNELS if plain in names), ())
    return (plain, *synonyms)


def named(files: Iterable[Path], case: str, names: Sequence[str]) -> Path | None:
    """The only file of one of the names, alone or after the case's name; None if there is none."""
    for name in names:
        for file in files:
            stem = case_id(file)
            short = stem[len(case) :].lstrip("_-. ") if stem.startswith(case) else stem
            if plain_name(short) == plain_name(name):
                return file
    return None


def case_of(name: str, images: Sequence[Path], label: Path | None = None) -> Case:
    """A case with a file for each channel."""
    return Case(id=name, image=images[0], more_images=tuple(images[1:]), label=label)
