"""Checkpoints that are whole or absent, verified on load.

    RUN/checkpoints/000750/  state.npz   all arrays, by name
                             state.json  position and history
                             manifest.json  sha256 and size of the two; written last

A checkpoint is made under a temporary name, every file is synced, and the folder is renamed.
The newest two and the best are kept.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from unet.parallel.fence import Fence
from unet.system.atomic_file import sync_folder, write_text
from unet.system.errors import DiskError
from unet.system.os_error import while_reading, while_writing
from unet.training.position import Position

Arrays = dict[str, NDArray[np.generic]]
KEEP = 2
READ_OF_DAMAGE = (
    *(ValueError, LookupError, AttributeError, TypeError, ArithmeticError, EOFError, SyntaxError),
    *(RuntimeError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, TokenError),
)
"""What reading a damaged checkpoint raises."""
REPLACED = ".replaced."  # prefix of a checkpoint that its successor of the same step displaces
FREE_FACTOR = 2  # a checkpoint is not begun with less free space than this many of it


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint in memory."""

    path: Path
    position: Position
    arrays: Arrays


class CheckpointStore:
    """The checkpoints of one run; only rank 0 writes."""

    def __init__(self, run: Path, fence: Fence) -> None:
        self.run, self.folder, self.fence = run, run / "checkpoints", fence

    def save(self, position: Position, arrays: Arrays) -> Path:
        """Writes a checkpoint and drops the ones no longer needed.

        Raises:
            DiskError: the disk is full or not writable; the older checkpoints stay.
            PeerLostError: a newer attempt has the run.
        """
        final = self.folder / f"{position.global_step:06d}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._require_space(sum(array.nbytes for array in arrays.values()))
            temporary = Path(tempfile.mkdtemp(prefix=".writing.", dir=self.folder))
            try:
                _write_files(temporary, position, arrays)
                self.fence.check()
                self._put(temporary, final)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
        except OSError as error:
            self.fence.check()  # a newer attempt clears away what an older one is writing
            raise while_writing(self.folder, error) from error
        self._drop_old()
        return final

    def mark_best(self, path: Path) -> None:
        """Makes `best` name a checkpoint, which is kept until another is better."""
        self.fence.check()
        write_text(self.folder / "best", path.name)
        self._drop_old()

    def best(self) -> Checkpoint | None:
        """The best checkpoint; None if no epoch was validated yet or if it is damaged."""
        file = self.folder / "best"
        try:
            name = file.read_text().strip()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise while_reading(file, error) from error
        return read_checkpoint(self.folder / name)[0]

    def newest_settings(self) -> tuple[Path, dict[str, JsonValue]] | None:
        """The newest checkpoint that says what it was made with, and that; reads no arrays."""
        for path in reversed(self._numbered()):
            try:
                text = (path / "state.json").read_text()
                return path, Position.model_validate_json(text).settings
            except (FileNotFoundError, ValueError):
                continue
            except OSError as error:
                raise while_reading(path, error) from error
        return None

    def newest_sound(self, on_damage: Callable[[Path, str], None]) -> Checkpoint | None:
        """The newest sound checkpoint; newer ones that are damaged are set aside.

        Args:
            on_damage: called with each damaged one's path and what is wrong with it.
        """
        for path in reversed(self._numbered()):
            checkpoint, fault = read_checkpoint(path)
            if checkpoint is not None:
                return checkpoint
            self.set_aside(path)
            on_damage(path, fault)
        return None

    def clean(self) -> None:
        """Removes what killed writers left behind, and finishes what they had begun."""
        for displaced in self.folder.glob(f"{REPLACED}*"):
            final = self.folder / displaced.name.removeprefix(REPLACED)
            if not final.exists():
                displaced.rename(final)
        for leftover in self.folder.glob(".*"):
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                leftover.unlink(missing_ok=True)

    def set_aside(self, path: Path) -> None:
        """Renames a damaged checkpoint, so that it counts as one no more but is not lost."""
        self.fence.check()
        aside = path.with_name(f"damaged.{path.name}")
        shutil.rmtree(aside, ignore_errors=True)
        path.rename(aside)

    def clear(self) -> None:
        """Removes all checkpoints: the run begins anew."""
        self.fence.check()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _drop_old(self) -> None:
        best = (self.folder / "best").read_text().strip() if (self.folder / "best").exists() else ""
        for path in self._numbered()[:-KEEP]:
            if path.name != best:
                shutil.rmtree(path, ignore_errors=True)

    def _numbered(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        numbered = (path for path in self.folder.iterdir() if path.name.isdigit())
        return sorted(numbered, key=lambda path: int(path.name))

    def _put(self, temporary: Path, final: Path) -> None:
        """Renames into place; one of the same step stays whole until the new one is there."""
        displaced = final.with_name(REPLACED + final.name)
        if final.exists():
            shutil.rmtree(displaced, ignore_errors=True)
            final.rename(displaced)
        temporary.rename(final)
        sync_folder(self.folder)
        shutil.rmtree(displaced, ignore_errors=True)

    def _require_space(self, size: int) -> None:
        free = shutil.disk_usage(self.folder).free
        if free < FREE_FACTOR * size:
            raise DiskError(
                str(self.folder),
                f"{free / 2**20:.0f} MiB free, a checkpoint needs {FREE_FACTOR * size / 2**20:.0f}",
                "free space or choose another --output",
            )


def read_checkpoint(path: Path) -> tuple[Checkpoint | None, str]:
    """Reads and verifies one checkpoint; returns it, or None and what is wrong with it.

    Raises:
        DataError: a file of it may not be read.
        MachineError: the machine or the volume failed, which says nothing of the checkpoint.
    """
    try:
        manifest = json.loads((path / "manifest.json").read_text())
        for name in ("state.npz", "state.json"):
            if describe(path / name) != manifest.get(name):
                return None, f"{name} does not match its manifest"
        position = Position.model_validate_json((path / "state.json").read_text())
        with np.load(path / "state.npz", allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        return None, f"{Path(error.filename).name}: {error.strerror}"
    except OSError as error:
        if error.errno is not None:
            raise while_reading(path, error) from error
        return None, str(error)  # of a packed member
    except READ_OF_DAMAGE as error:
        return None, " ".join(str(error).split()) or type(error).__name__
    return Checkpoint(path, position, arrays), ""


def _write_files(folder: Path, position: Position, arrays: Arrays) -> None:
    """Fills a checkpoint's folder; every file is on the disk when its manifest is."""
    folder.chmod(0o755)
    with (folder / "state.npz").open("wb") as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]  # has a flag besides arrays
        stream.flush()
        os.fsync(stream.fileno())
    write_text(folder / "state.json", position.model_dump_json(indent=1))
    manifest = {name: describe(folder / name) for name in ("state.npz", "state.json")}
    write_text(folder / "manifest.json", json.dumps(manifest, indent=1))


def describe(file: Path) -> dict[str, object]:
    """What the manifest says of a file: its digest and size."""
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"sha256": digest, "bytes": file.stat().st_size}
