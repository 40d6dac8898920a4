"""Which files to predict, and which of their channels the model takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unet.data.msd import SUFFIXES, case_id
from unet.system.errors import DataError


def image_files(given: Sequence[Path]) -> list[Path]:
    """The images named, those in folders included; no hidden files.

    Raises:
        DataError: a path does not exist, a folder has no image, or two images share a name.
    """
    files: list[Path] = []
    for path in given:
        inside = [path]
        if path.is_dir():
            inside = sorted(
                p
                for p in path.iterdir()
                if p.name.lower().endswith(SUFFIXES) and not p.name.startswith(".")
            )
            if not inside:
                raise DataError(str(path), "holds no .nii or .nii.gz", "give a folder of images")
        elif not path.is_file():
            raise DataError(str(path), "no such file", "give a NIfTI file or a folder of them")
        files += inside
    names = [case_id(file) for file in files]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        remedy = "predict them one by one, each into its own --output"
        raise DataError(twice, "two images of that name", remedy)
    return files


def channel_count(shape: tuple[int, ...]) -> int:
    """Channels of a NIfTI file of that shape."""
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    return shape[3] if len(shape) > 3 else 1


def model_channels(
    file: Path, count: int, trained: tuple[int, ...], names: tuple[str, ...]
) -> tuple[int, ...]:
    """Which of a file's channels the model takes.

    Args:
        file: for the message.
        count: its channels.
        trained: indices of the model's channels in the data set it was trained on.
        names: of the model's channels.

    Raises:
        DataError: the file has neither the model's channels nor the data set's.
    """
    if count == len(trained):
        return tuple(range(count))
    if count > max(trained):
        return trained
    remedy = f"give images with the channels {', '.join(names)}"
    raise DataError(str(file), f"{count} channels", remedy)
