"""Reads a NIfTI file piece by piece: the only module that opens the files of a case.

A file is read to its last byte, so that a damaged one is found here and not by a wrong
result; it is never held whole. Every fault is one error that names the file.
"""

from __future__ import annotations

import gzip
import math
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from nibabel.volumeutils import apply_read_scaling
from numpy.typing import NDArray

from unet.data.nifti_header import (
    COPY_AGAIN,
    DESCRIPTION_BYTES,
    Header,
    add_extensions,
    header_bytes,
    parse_header,
)
from unet.system.cgroup import memory_limit_bytes
from unet.system.errors import DataError, MemoryShortError
from unet.system.os_error import while_reading

GZIP = b"\x1f\x8b"
MOST_PACKED = 1032  # deflate's limit: no byte of a gzip unpacks to more
PIECE_BYTES = 2**22
POINTERS = {
    b"version https://git-lfs": ("a pointer of Git LFS, not the image", "run `git lfs pull`"),
    b"/annex/objects/": ("a pointer of git-annex, not the image", "run `git annex get`"),
}


@dataclass(frozen=True)
class Stream:
    """An open file whose header has been read and kept its promises so far.

    Attributes:
        path: of the file.
        header: what it says.
        content: unpacked, at the first voxel.
    """

    path: Path
    header: Header
    content: IO[bytes]

    def pieces(self, room: int = PIECE_BYTES) -> Iterator[NDArray[np.number]]:
        """Yields the values in the file's order (X fastest, channels last), piece by piece.

        Args:
            room: bytes of a piece.

        Raises:
            DataError: the file is shorter or longer than its header says, or damaged.
        """
        header = self.header
        size = header.dtype.itemsize
        left = header.voxels * size
        while left:
            block = self._read(min(left, room // size * size))
            left -= len(block)
            if len(block) % size or (left and not block):
                block = b""
            if not block:
                found = f"truncated: {header.file_bytes - left} of {header.file_bytes} bytes"
                raise DataError(str(self.path), found, COPY_AGAIN)
            values: NDArray[np.number] = np.frombuffer(block, header.dtype)
            if header.scale is not None:
                slope, intercept = (np.float64(number) for number in header.scale)
                with np.errstate(all="ignore"):  # what overflows is refused as infinite
                    values = apply_read_scaling(values, slope, intercept)
            yield values
        self._read_to_end()

    def _read_to_end(self) -> None:
        """The checksum of a gzip is checked at its end; what follows must be padding."""
        beyond = 0
        while block := self._read(PIECE_BYTES):
            beyond += len(block)
            if beyond >= self.header.slice_bytes:
                found = f"holds more than the {self.header.file_bytes} bytes its header tells of"
                remedy = f"its sizes or type are wrong: {COPY_AGAIN}"
                raise DataError(f"{self.path}: header", found, remedy)

    def _read(self, count: int) -> bytes:
        """Up to `count` bytes, fewer only at the end."""
        blocks = []
        while count and (block := unpacked(self.path, self.content, count)):
            blocks.append(block)
            count -= len(block)
        return b"".join(blocks)


@contextmanager
def open_nifti(path: Path) -> Iterator[Stream]:
    """Opens a file and reads its header.

    Raises:
        DataError: the file is missing, no file, a pointer, empty, no NIfTI, shorter than its
            header promises, or promises more than this process may ever hold.
        MemoryShortError: memory ran out while it was read.
    """
    try:
        with _opened(path) as raw:
            length = os.fstat(raw.fileno()).st_size
            start = raw.read(256)
            raw.seek(0)
            _require_content(path, start)
            packed = start[:2] == GZIP
            # By content, not by name: a plain .nii named .nii.gz is common and harmless.
            content: IO[bytes] = gzip.GzipFile(fileobj=raw) if packed else raw  # type: ignore[assignment]
            header = _read_header(path, content)
            _require_length(path, header, length, packed=packed)
            yield Stream(path, header, content)
    except MemoryError as error:
        found = f"memory ran out while it was read ({str(error) or 'allocation failed'})"
        raise MemoryShortError(str(path), found, "give this process more memory") from None


def read_header(path: Path) -> Header:
    """The header of a file alone, with its extensions.

    Raises:
        DataError: as `open_nifti`.
    """
    with open_nifti(path) as stream:
        return stream.header


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        # A FIFO or a device would wait for ever, or never end.
        if not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():
            raise DataError(str(path), "not a regular file", "give a NIfTI file")
        stream = path.open("rb")
    except FileNotFoundError:
        found, remedy = "no such file", "correct its path in dataset.json"
        if path.is_symlink():
            found, remedy = f"a link to {path.readlink()}, which is not there", "fetch the file"
            if "annex" in str(path.readlink()):
                remedy = "run `git annex get`"
        raise DataError(str(path), found, remedy) from None
    except OSError as error:
        raise while_reading(path, error) from None
    except ValueError as error:  # a name with a zero byte
        raise DataError(str(path), str(error), "correct its path in dataset.json") from None
    with stream:
        yield stream


def _require_content(path: Path, start: bytes) -> None:
    if not start:
        raise DataError(str(path), "an empty file", COPY_AGAIN)
    for mark, (found, remedy) in POINTERS.items():
        if mark in start:
            raise DataError(str(path), found, remedy)


def _read_header(path: Path, content: IO[bytes]) -> Header:
    first = unpacked(path, content, 4)
    block = first + _exactly(path, content, header_bytes(first) - len(first))
    header = parse_header(path, block)
    described = header.offset - len(block)
    if described > DESCRIPTION_BYTES:
        found = f"voxels from byte {header.offset}, far beyond its header"
        raise DataError(f"{path}: header", found, COPY_AGAIN)
    add_extensions(header.nifti, _exactly(path, content, described))
    return header


def _exactly(path: Path, content: IO[bytes], count: int) -> bytes:
    """Bytes up to `count`; what is missing is found by whoever needs them."""
    blocks = b""
    while len(blocks) < count and (block := unpacked(path, content, count - len(blocks))):
        blocks += block
    return blocks


def unpacked(path: Path, content: IO[bytes], count: int) -> bytes:
    """Reads from a file that may be a gzip.

    Raises:
        DataError: it is truncated, damaged or cannot be read.
    """
    try:
        return content.read(count)
    except EOFError:
        raise DataError(str(path), "truncated gzip", COPY_AGAIN) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(str(path), f"damaged gzip ({error})", COPY_AGAIN) from None
    except OSError as error:
        raise while_reading(path, error) from None


def _require_length(path: Path, header: Header, length: int, *, packed: bool) -> None:
    """Refuses what the file cannot hold, and what this process could never hold."""
    needed = header.file_bytes
    if not packed and length < needed:
        raise DataError(str(path), f"truncated: {length} of {needed} bytes", COPY_AGAIN)
    if packed and length * MOST_PACKED < needed:
        found = f"truncated: {length} packed bytes cannot hold the {needed} its header promises"
        raise DataError(str(path), found, COPY_AGAIN)
    # One channel is the least that is ever held, as float32.
    held, limit = 4 * math.prod(header.shape[:3]), memory_limit_bytes()
    if held > limit:
        found = f"its header promises {'x'.join(map(str, header.shape))} voxels, "
        found += f"{held / 2**30:.1f} GiB of {limit / 2**30:.1f} GiB of memory"
        raise DataError(str(path), found, "give a file that fits, or more memory")
