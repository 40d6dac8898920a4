"""Prepared cases on disk, memory-mapped: each is prepared once for all epochs and ranks.

An entry is a folder `CASE-KEY` (see `cache_entry`), whole or absent. The key is a hash of the
files, the recipe and its version, so that a changed file or recipe makes a new entry and never
a wrong one.

Nobody locks: two ranks or pods that prepare the same case make equal entries, the first
rename wins and the other drops its own.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unet.data.cache_entry import (
    PreparedCase,
    is_sound,
    open_entry,
    publish_entry,
    read_record,
    write_entry,
)
from unet.data.dataset import Case, Dataset
from unet.data.nifti_header import times
from unet.data.preparation import prepare_image, prepare_label
from unet.data.recipe import Recipe, Record
from unet.data.volume import read_case
from unet.system.atomic_file import temporary_prefix
from unet.system.errors import DataError
from unet.system.os_error import while_reading, while_writing

SAMPLE_BYTES = 65_536  # of either end of a file, for its identity


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
    ) -> dict[str, Record]:
        """Prepares this rank's share of the cases; what exists already is kept.

        Cases are dealt out by file size, so that ranks end together. Any rank may open any
        case afterwards: one that another rank has not finished yet is prepared on the spot.

        Args:
            cases: ids.
            rank: of this process.
            size: number of ranks.
            on_progress: called with (done, total) of this rank's share.

        Returns:
            Case → record of those in the share that have lost a label to the grid.

        Raises:
            DataError: a case is unreadable.
            DiskError: `root` is full or cannot be written.
        """
        every = [self.dataset.case(case_id) for case_id in cases]
        share = sorted(every, key=lambda case: (-_file_size(case.image), case.id))[rank::size]
        losses = {}
        for done, case in enumerate(share):
            if on_progress:
                on_progress(done, len(share))
            record = read_record(self._entry(case))
            if record.lost:
                losses[case.id] = record
        if on_progress:
            on_progress(len(share), len(share))
        return losses

    def open(self, case_id: str) -> PreparedCase:
        """Opens a case, preparing it first if need be.

        Raises:
            DataError: no such case, or it is unreadable.
            DiskError: it had to be prepared and `root` is full or cannot be written.
        """
        return open_entry(self._entry(self.dataset.case(case_id)))

    def _entry(self, case: Case) -> Path:
        """The case's folder, made if it is absent or damaged."""
        # A key of 16 letters, and a temporary name longer than that, must fit into 255 bytes.
        entry = self.root / f"{temporary_prefix(case.id)[1:-1]}-{self._key(case)}"
        if not is_sound(entry, with_label=case.label is not None):
            self._make(case, entry)
        return entry

    def _key(self, case: Case) -> str:
        digest = hashlib.sha256(self.recipe.model_dump_json().encode())
        digest.update(str((len(self.dataset.channels), sorted(self.dataset.labels))).encode())
        digest.update(str(self.dataset.ignore).encode() if self.dataset.ignore else b"")
        for file in (*case.images, case.label):
            digest.update(b"|" if file is None else _file_identity(file))
        return digest.hexdigest()[:16]

    def _make(self, case: Case, entry: Path) -> None:
        volume, values = read_case(self.dataset, case, self.recipe.channels)
        image, record = prepare_image(
            volume.array, volume.affine, volume.spacing, self.recipe, case.id
        )
        label = None
        del volume  # its voxels are prepared: room for the label's
        if values is not None:
            label = prepare_label(values, record)
            if values.any() and not label.any():
                found = f"all {np.count_nonzero(values)} labelled voxels are lost on the grid of "
                found += f"{times(record.shape)} voxels that it is resampled to"
                remedy = "see that its spacing and unit are right, or give a finer --spacing"
                raise DataError(str(case.label), found, remedy)
            record = record.model_copy(update={"lost": _lost(values, label)})
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(prefix=f".{entry.name}.", dir=self.root))
            try:
                write_entry(temporary, image, label, record)
                publish_entry(temporary, entry, with_label=label is not None)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
            # Left by killed writers. A live one of the same case finds `entry` instead.
            for leftover in self.root.glob(f".{entry.name}.*"):
                shutil.rmtree(leftover, ignore_errors=True)
        except OSError as error:
            if not is_sound(entry, with_label=label is not None):
                raise while_writing(entry, error) from error


def _lost(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> dict[int, int]:
    """Label → voxels of those that are there before and not after."""
    counts, left = np.bincount(before.ravel()), np.bincount(after.ravel())
    left = np.pad(left, (0, max(0, len(counts) - len(left))))
    return {int(v): int(counts[v]) for v in np.flatnonzero(counts) if v and not left[v]}


def _file_identity(file: Path) -> bytes:
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
        raise while_reading(file, error) from None
    changed = b"" if head[:2] == b"\x1f\x8b" else str(status.st_mtime_ns).encode()
    return hashlib.sha256(str(status.st_size).encode() + changed + head + tail).digest()


def _file_size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0
