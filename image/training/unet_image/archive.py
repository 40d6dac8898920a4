"""Unpacks an archive without letting it write anywhere else."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

from unet.system.errors import DataError


def unpack(path: Path, folder: Path, name: str) -> None:
    """Unpacks the tar (of any compression) or zip at `path` into `folder`.

    Raises:
        DataError: it is neither, damaged, or names a path outside `folder`.
    """
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                archive.extractall(folder)  # drops "..", drives and leading slashes itself
            return
        with tarfile.open(path) as archive:
            # extractall(filter=…) is not in every 3.11: members are checked one by one.
            for member in archive:
                _check(member, name)
                archive.extract(member, folder, set_attrs=False)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise DataError(
            name, f"no readable archive ({error})", "give .tar, .tar.gz, .tgz or .zip"
        ) from error


def _check(member: tarfile.TarInfo, name: str) -> None:
    parts = Path(member.name).parts
    if member.name.startswith("/") or ".." in parts or not (member.isfile() or member.isdir()):
        raise DataError(name, f"holds {member.name!r}", "pack plain files below one folder")
