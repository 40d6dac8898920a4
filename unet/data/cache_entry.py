"""One prepared case on disk: a folder that is whole or absent.

It holds image.npy (float16 [D, H, W, C]), label.npy (uint8 [D, H, W]), foreground.npz and
record.json. It is written under a temporary name and renamed.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unet.data.foreground import foreground_voxels
from unet.data.recipe import Record
from unet.system.atomic_file import sync_folder
from unet.system.errors import DataError
from unet.system.json_file import read_model


@dataclass(frozen=True)
class PreparedCase:
    """A prepared case.

    Attributes:
        image: float16 [D, H, W, C], a read-only memory map.
        label: uint8 [D, H, W], a read-only memory map; None for a case without label.
        foreground: of each label value present, up to 10,000 voxels, int32 [N, 3].
        record: how to return to the source's grid.
    """

    image: NDArray[np.float16]
    label: NDArray[np.uint8] | None
    foreground: dict[int, NDArray[np.int32]]
    record: Record


def open_entry(entry: Path) -> PreparedCase:
    """Maps the files of a sound entry into memory.

    Raises:
        DataError: it is damaged.
    """
    label = entry / "label.npy"
    with np.load(entry / "foreground.npz") as voxels:
        foreground = {int(value): voxels[value] for value in voxels.files}
    return PreparedCase(
        image=np.load(entry / "image.npy", mmap_mode="r"),
        label=np.load(label, mmap_mode="r") if label.exists() else None,
        foreground=foreground,
        record=read_record(entry),
    )


def write_entry(
    folder: Path, image: NDArray[np.float16], label: NDArray[np.uint8] | None, record: Record
) -> None:
    """Writes the files of an entry into `folder`.

    Args:
        folder: a temporary one, for `publish_entry`.
        image: float16 [D, H, W, C].
        label: uint8 [D, H, W], None for a case without label.
        record: how the case was prepared.

    Raises:
        OSError: as the system gives it.
    """
    folder.chmod(0o755)  # mkdtemp's 0700 would hide it from the other pods' users
    _save(folder / "image.npy", image)
    foreground = {}
    if label is not None:
        _save(folder / "label.npy", label)
        foreground = foreground_voxels(label, record.case)
    with (folder / "foreground.npz").open("wb") as stream:
        arrays = {str(value): voxels for value, voxels in foreground.items()}
        np.savez(stream, **arrays)  # type: ignore[arg-type]  # its stub reads ** as allow_pickle
        _flush(stream.fileno(), stream.flush)
    with (folder / "record.json").open("w", encoding="utf-8") as stream:
        stream.write(record.model_dump_json(indent=1) + "\n")
        _flush(stream.fileno(), stream.flush)


def publish_entry(temporary: Path, entry: Path, *, with_label: bool) -> None:
    """Renames `temporary` to `entry`; another writer's entry is kept if sound, else replaced.

    Raises:
        OSError: as the system gives it.
    """
    try:
        temporary.rename(entry)
    except OSError:
        if not entry.exists():
            raise
        if is_sound(entry, with_label=with_label):
            return
        # Damaged: out of the way under a name that no reader knows, then removed.
        damaged = Path(tempfile.mkdtemp(prefix=f".{entry.name}.", dir=entry.parent))
        entry.rename(damaged / "damaged")
        temporary.rename(entry)
        shutil.rmtree(damaged, ignore_errors=True)
    sync_folder(entry.parent)


def is_sound(entry: Path, *, with_label: bool) -> bool:
    """Whether the entry's files are there and as long as the record says."""
    try:
        record = read_record(entry)
        image = np.load(entry / "image.npy", mmap_mode="r")
        label = np.load(entry / "label.npy", mmap_mode="r") if with_label else None
        whole = zipfile.is_zipfile(entry / "foreground.npz")
    except (OSError, ValueError, EOFError, DataError):
        return False
    shapes = [image.shape[:3]] + ([] if label is None else [label.shape])
    return whole and all(shape == record.shape for shape in shapes)


def read_record(entry: Path) -> Record:
    """How the entry's case was prepared.

    Raises:
        DataError: the record is missing or damaged.
    """
    file, remedy = entry / "record.json", "remove its folder; it is made again"
    record = read_model(file, Record, remedy=remedy)
    if record is None:
        raise DataError(str(file), "no such file", remedy)
    return record


def _save(file: Path, array: NDArray[np.generic]) -> None:
    """np.save, but with a write whose failure keeps its errno (tofile's has none)."""
    array = np.ascontiguousarray(array)
    header = np.lib.format.header_data_from_array_1_0(array)
    with file.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        stream.write(array.data.cast("B"))
        _flush(stream.fileno(), stream.flush)


def _flush(descriptor: int, flush: Callable[[], None]) -> None:
    flush()
    os.fsync(descriptor)
