"""Prepared cases on disk, memory-mapped: each is prepared once for all epochs and ranks.

An entry is a folder `CASE-KEY` with image.npy (float16 [D, H, W, C]), label.npy (uint8
[D, H, W]), foreground.npz and record.json. It is written under a temporary name and renamed,
so it is whole or absent. The key is a hash of the files, the recipe and its version, so that
a changed file or recipe makes a new entry and never a wrong one.

Nobody locks: two ranks or pods that prepare the same case make equal entries, the first
rename wins and the other drops its own.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from unet.data.dataset import Case, Dataset
from unet.data.preparation import prepare_image, prepare_label
from unet.data.recipe import Recipe, Record
from unet.data.volume import read_image, read_label
from unet.system.atomic_file import sync_folder
from unet.system.errors import DataError, DiskError

FOREGROUND_VOXELS = 10_000  # a label; enough for an even draw, 120 KB
SAMPLE_BYTES = 65_536  # of either end of a file, for its identity


@dataclass(frozen=True)
class Prepared:
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


class Cache:
    """The prepared cases of one data set and recipe under `root`."""

    def __init__(self, root: Path, dataset: Dataset, recipe: Recipe) -> None:
        self.root, self.dataset, self.recipe = Path(root), dataset, recipe

    def prepare(
        self,
        cases: Sequence[str],
        rank: int = 0,
        size: int = 1,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Prepares this rank's share of the cases; what exists already is kept.

        Cases are dealt out by file size, so that ranks end together. Any rank may open any
        case afterwards: one that another rank has not finished yet is prepared on the spot.

        Args:
            cases: ids.
            rank: of this process.
            size: number of ranks.
            on_progress: called with (done, total) of this rank's share.

        Raises:
            DataError: a case is unreadable.
            DiskError: `root` is full or cannot be written.
        """
        every = [self.dataset.case(case_id) for case_id in cases]
        share = sorted(every, key=lambda case: (-_size(case.image), case.id))[rank::size]
        for done, case in enumerate(share):
            if on_progress:
                on_progress(done, len(share))
            self._entry(case)
        if on_progress:
            on_progress(len(share), len(share))

    def open(self, case_id: str) -> Prepared:
        """Opens a case, preparing it first if need be.

        Raises:
            DataError: no such case, or it is unreadable.
            DiskError: it had to be prepared and `root` is full or cannot be written.
        """
        entry = self._entry(self.dataset.case(case_id))
        label = entry / "label.npy"
        with np.load(entry / "foreground.npz") as voxels:
            foreground = {int(value): voxels[value] for value in voxels.files}
        return Prepared(
            image=np.load(entry / "image.npy", mmap_mode="r"),
            label=np.load(label, mmap_mode="r") if label.exists() else None,
            foreground=foreground,
            record=_record(entry),
        )

    def _entry(self, case: Case) -> Path:
        """The case's folder, made if it is absent or damaged."""
        entry = self.root / f"{case.id}-{self._key(case)}"
        if not _sound(entry, with_label=case.label is not None):
            self._make(case, entry)
        return entry

    def _key(self, case: Case) -> str:
        digest = hashlib.sha256(self.recipe.model_dump_json().encode())
        digest.update(str((len(self.dataset.channels), sorted(self.dataset.labels))).encode())
        for file in (case.image, case.label):
            digest.update(b"|" if file is None else _identity(file))
        return digest.hexdigest()[:16]

    def _make(self, case: Case, entry: Path) -> None:
        volume = read_image(case.image, len(self.dataset.channels), self.recipe.channels)
        image, record = prepare_image(
            volume.array, volume.affine, volume.spacing, self.recipe, case.id
        )
        label = None
        if case.label is not None:
            values = read_label(case.label, volume, tuple(self.dataset.labels))
            label = prepare_label(values, record)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(prefix=f".{entry.name}.", dir=self.root))
            try:
                _write(temporary, image, label, record)
                _publish(temporary, entry, with_label=label is not None)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
            # Left by killed writers. A live one of the same case finds `entry` instead.
            for leftover in self.root.glob(f".{entry.name}.*"):
                shutil.rmtree(leftover, ignore_errors=True)
        except OSError as error:
            if not _sound(entry, with_label=label is not None):
                raise DiskError.from_os(entry, error) from error


def foreground_voxels(
    label: NDArray[np.uint8], case: str, limit: int = FOREGROUND_VOXELS
) -> dict[int, NDArray[np.int32]]:
    """Draws up to `limit` voxels of each label value in [D, H, W], int32 [N, 3].

    The draw depends on the case's id alone, so that every rank has the same.
    """
    seed = int.from_bytes(hashlib.sha256(case.encode()).digest()[:8], "big")
    rng = np.random.default_rng(seed)
    flat = label.ravel()
    result = {}
    for value in np.flatnonzero(np.bincount(flat, minlength=256)):
        if value == 0:
            continue
        where = np.flatnonzero(flat == value)
        if where.size > limit:
            where = np.sort(rng.choice(where, limit, replace=False))
        result[int(value)] = np.stack(np.unravel_index(where, label.shape), -1).astype(np.int32)
    return result


def _write(
    folder: Path, image: NDArray[np.float16], label: NDArray[np.uint8] | None, record: Record
) -> None:
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


def _publish(temporary: Path, entry: Path, *, with_label: bool) -> None:
    """Renames; another writer's entry is kept if it is sound, else replaced."""
    try:
        temporary.rename(entry)
    except OSError:
        if not entry.exists():
            raise
        if _sound(entry, with_label=with_label):
            return
        # Damaged: out of the way under a name that no reader knows, then removed.
        damaged = Path(tempfile.mkdtemp(prefix=f".{entry.name}.", dir=entry.parent))
        entry.rename(damaged / "damaged")
        temporary.rename(entry)
        shutil.rmtree(damaged, ignore_errors=True)
    sync_folder(entry.parent)


def _sound(entry: Path, *, with_label: bool) -> bool:
    """Whether the entry's files are there and as long as the record says."""
    try:
        record = _record(entry)
        image = np.load(entry / "image.npy", mmap_mode="r")
        sound = image.shape[:3] == record.shape and zipfile.is_zipfile(entry / "foreground.npz")
        if with_label:
            sound &= np.load(entry / "label.npy", mmap_mode="r").shape == record.shape
    except (OSError, ValueError, EOFError, DataError):
        return False
    return bool(sound)


def _record(entry: Path) -> Record:
    file = entry / "record.json"
    try:
        return Record.model_validate_json(file.read_text(encoding="utf-8"))
    except ValidationError:
        raise DataError(str(file), "damaged", "remove its folder; it is made again") from None


def _identity(file: Path) -> bytes:
    """A few bytes that change when the file's content does.

    Size, both ends, and the time of change. A gzip ends in a checksum of its whole content,
    so there the time is left out: a fresh copy of the same data finds the old entries.
    """
    try:
        status = file.stat()
        with file.open("rb") as stream:
            head = stream.read(SAMPLE_BYTES)
            stream.seek(max(0, status.st_size - SAMPLE_BYTES))
            tail = stream.read()
    except FileNotFoundError:
        raise DataError(str(file), "no such file", "correct its path in dataset.json") from None
    except OSError as error:
        raise DataError(str(file), error.strerror or str(error), "make it readable") from None
    changed = b"" if head[:2] == b"\x1f\x8b" else str(status.st_mtime_ns).encode()
    return hashlib.sha256(str(status.st_size).encode() + changed + head + tail).digest()


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0
