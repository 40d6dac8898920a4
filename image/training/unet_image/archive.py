"""Unpacks an archive without letting it write anywhere else, and reads it to its end."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, cast

from unet.system.errors import DataError
from unet.system.os_error import while_writing

REMEDY = "give .tar, .tar.gz, .tgz or .zip"
CHUNK_BYTES = 2**20
DEFLATE64 = 9
"""What Windows packs files above 2 GB by, and Python's zipfile cannot read."""
READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, DEFLATE64)
METHODS = {14: "LZMA", 93: "Zstandard", 98: "PPMd"}
# What Python's readers raise for bytes that are no archive, or a damaged one.
DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    EOFError,
    lzma.LZMAError,
    zlib.error,
    gzip.BadGzipFile,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
    IndexError,
    KeyError,
)


def unpack(path: Path, folder: Path, name: str, keep: Callable[[], None] = lambda: None) -> None:
    """Unpacks the tar (of any compression) or zip at `path` into `folder`.

    Args:
        keep: called now and then; raises where the work is not ours any more.

    Raises:
        DataError: it is neither, damaged, truncated, locked, of an unknown method, or names a
            path outside `folder`.
        DiskError: the disk is full or cannot be written.
    """
    try:
        if zipfile.is_zipfile(path):
            _unzip(path, folder, name, keep)
        else:
            _untar(path, folder, name, keep)
    except DAMAGED as error:
        found = f"no readable archive ({str(error).splitlines()[0] if str(error) else 'cut off'})"
        raise DataError(name, found, REMEDY) from error
    except OSError as error:
        if error.errno is None:  # of a decompressor, not of the disk
            raise DataError(name, f"no readable archive ({error})", REMEDY) from error
        raise while_writing(error.filename or folder, error) from error


def _unzip(path: Path, folder: Path, name: str, keep: Callable[[], None]) -> None:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        for member in members:
            if member.flag_bits & 1:
                raise DataError(name, f"{member.filename!r} has a password", "pack it without")
            if member.compress_type not in READABLE:
                method = METHODS.get(member.compress_type, f"method {member.compress_type}")
                remedy = "pack it with `zip -r` or as .tar.gz"
                raise DataError(name, f"{member.filename!r} is packed by {method}", remedy)
        for member in members:
            if not member.is_dir():
                _require_inside(member.filename, name)
                place = _place(folder, member.filename, name)
                with _member(path, archive, member) as stream:
                    _write(stream, place, member.file_size, name, keep)


def _untar(path: Path, folder: Path, name: str, keep: Callable[[], None]) -> None:
    with _opened(path) as stream:
        # Members come one after the other: memory stays small, and the checksum at the end of
        # a gzip or xz is reached, which a reader that seeks leaves out.
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            found = False
            for member in archive:
                found = True
                _require_inside(member.name, name)
                if not (member.isfile() or member.isdir()):
                    remedy = "pack plain files below one folder"
                    raise DataError(name, f"holds {member.name!r}, a link or device", remedy)
                content = archive.extractfile(member) if member.isfile() else None
                if content is not None:
                    _write(content, _place(folder, member.name, name), member.size, name, keep)
        if not found:
            raise DataError(name, "no readable archive (it is empty)", REMEDY)
        while stream.read(CHUNK_BYTES):
            keep()


def _opened(path: Path) -> IO[bytes]:
    """The archive's bytes, unpacked."""
    with path.open("rb") as stream:
        start = stream.read(8)
    if start.startswith(b"\x1f\x8b"):
        return cast("IO[bytes]", gzip.open(path))
    if start.startswith(b"BZh"):
        return cast("IO[bytes]", bz2.open(path))
    if start.startswith(b"\xfd7zXZ"):
        return cast("IO[bytes]", lzma.open(path))
    return path.open("rb")


def _require_inside(member: str, name: str) -> None:
    if member.startswith("/") or ".." in Path(member.replace("\\", "/")).parts:
        raise DataError(name, f"holds {member!r}", "pack plain files below one folder")


def _place(folder: Path, member: str, name: str) -> Path:
    place = folder / member
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        found = f"{member!r} lies below what is a file"
        raise DataError(name, found, "pack it again") from None
    if place.is_dir():
        raise DataError(name, f"{member!r} is a file and a folder", "pack it again")
    return place


def _member(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> IO[bytes]:
    """A member's bytes, unpacked; their checksum is compared at the end."""
    if member.compress_type == DEFLATE64:
        from unet_image.deflate64 import open_member

        return open_member(path, member)
    return archive.open(member)


def _write(stream: IO[bytes], place: Path, size: int, name: str, keep: Callable[[], None]) -> None:
    with place.open("wb") as target:
        while chunk := stream.read(CHUNK_BYTES):
            keep()
            target.write(chunk)
    if place.stat().st_size != size:
        found = f"{place.name} is cut off: {place.stat().st_size} of {size} bytes"
        raise DataError(name, found, "download or pack it again")
