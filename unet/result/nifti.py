"""Writes volumes on the grid of a source image: its affine, its header, its geometry."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import nibabel as nib
import numpy as np

from unet.data.atomic import write_bytes
from unet.errors import DataError, DiskError

HEADER_BYTES = 8192  # more than a NIfTI-2 header with its extension flag


def read_header(path: Path) -> nib.Nifti1Header:
    """The header of a NIfTI file, read by content: a plain file may be named .nii.gz.

    Raises:
        DataError: it is missing or no NIfTI file.
    """
    try:
        with path.open("rb") as stream:
            packed = stream.read(2) == b"\x1f\x8b"
            stream.seek(0)
            content = (gzip.open(stream) if packed else stream).read(HEADER_BYTES)  # noqa: SIM115
        second = len(content) >= 4 and 540 in (
            int.from_bytes(content[:4], "little"),
            int.from_bytes(content[:4], "big"),
        )
        kind = nib.Nifti2Header if second else nib.Nifti1Header
        return kind.from_fileobj(io.BytesIO(content))
    except (OSError, EOFError, nib.spatialimages.HeaderDataError, ValueError) as error:
        found = " ".join(str(error).split()) or type(error).__name__
        raise DataError(str(path), found, "give a readable NIfTI file") from None


def compact(array: np.ndarray) -> np.ndarray:
    """float32 voxels as int16 if that loses nothing, as for most scanners' images."""
    small = np.clip(array, -32768, 32767).astype(np.int16)
    return small if np.array_equal(small, array) else array


def write_volume(
    path: Path, array: np.ndarray, affine: np.ndarray, header: nib.Nifti1Header
) -> None:
    """Writes a volume under its final name only once it is whole.

    Args:
        path: ends in .nii.gz.
        array: uint8, int16 or float32 [X, Y, Z] or [X, Y, Z, C].
        affine: [4, 4] of the source.
        header: of the source; units and form codes are kept, type and scaling follow `array`.

    Raises:
        DiskError: it cannot be written.
    """
    kind = nib.Nifti2Image if isinstance(header, nib.Nifti2Header) else nib.Nifti1Image
    own = header.copy()
    own.set_data_dtype(array.dtype)
    own["scl_slope"], own["scl_inter"] = np.nan, np.nan
    own["cal_min"], own["cal_max"] = 0, 0
    image = kind(array, affine, own)  # the affine is the header's own, so both forms are kept
    try:
        write_bytes(path, gzip.compress(image.to_bytes(), compresslevel=1, mtime=0))
    except OSError as error:
        raise DiskError.from_os(path, error) from error
