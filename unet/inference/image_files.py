"""Which images to predict, and where their channels lie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unet.data.channel_files import foldered_cases, numbered_cases, volumes_in
from unet.data.dataset import Case, case_id, plain_name
from unet.data.dataset_json import read_json
from unet.data.msd import channels_of
from unet.system.errors import DataError


def image_cases(given: Sequence[Path], names: Sequence[str]) -> list[Case]:
    """The images named, those in folders included; no hidden files.

    A folder may hold images, nnU-Net's numbered channels, or a folder for each patient.

    Args:
        given: files and folders.
        names: of the model's channels.

    Raises:
        DataError: a path does not exist, a folder has no image, or two images share a name.
    """
    cases: list[Case] = []
    for path in given:
        if path.is_dir():
            cases += _cases_in(path, names)
        elif path.exists() or path.is_symlink():
            cases.append(Case(id=case_id(path), image=path))
        else:
            raise DataError(str(path), "no such file", "give a NIfTI file or a folder of them")
    seen: set[str] = set()
    for case in cases:
        if case.id in seen:
            remedy = "predict them one by one, each into its own --output"
            raise DataError(case.id, "two images of that name", remedy)
        seen.add(case.id)
    return cases


def _cases_in(folder: Path, names: Sequence[str]) -> Sequence[Case]:
    files = volumes_in(folder)
    if not files:
        cases = foldered_cases(folder, names)
        if not cases:
            raise DataError(str(folder), "holds no .nii or .nii.gz", "give a folder of images")
        return cases
    listed = _listed_channels(files[0]) or tuple(names)
    numbered = numbered_cases(files, len(listed))
    if numbered is not None:
        return numbered
    return [Case(id=case_id(file), image=file) for file in files]


def model_channels(case: Case, count: int, names: Sequence[str]) -> tuple[int, ...]:
    """Which of an image's channels the model takes, in the model's order.

    They are found by name where a dataset.json beside the image's folder names them. Else
    the image must have the model's channels and no other: nothing tells which to take.

    Args:
        case: the image.
        count: its channels.
        names: of the model's channels.

    Raises:
        DataError: a channel is missing, or the image has others and nothing names them.
    """
    listed = _listed_channels(case.image)
    wanted = ", ".join(names)
    if listed is not None and len(listed) == count:
        places = {plain_name(name): index for index, name in enumerate(listed)}
        missing = [name for name in names if plain_name(name) not in places]
        if missing:
            found = f"its dataset.json names {', '.join(listed)}, not {missing[0]}"
            raise DataError(str(case.image), found, f"give images with the channels {wanted}")
        return tuple(places[plain_name(name)] for name in names)
    if count == len(names):
        return tuple(range(count))
    found = f"{count} channel{'s' if count > 1 else ''}, but the model takes {len(names)}"
    remedy = f"give images with the channels {wanted}, or their dataset.json beside their folder"
    raise DataError(str(case.image), found, remedy)


def _listed_channels(image: Path) -> tuple[str, ...] | None:
    """The channels that the data set which an image lies in names; None if none does."""
    folder = image.absolute().parent
    for file in (folder / "dataset.json", folder.parent / "dataset.json"):
        try:
            return channels_of(read_json(file)[0], file)
        except DataError:
            continue
    return None
