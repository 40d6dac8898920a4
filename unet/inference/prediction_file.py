"""Writes volumes on the grid of a source image: its affine, its header, its geometry.

nibabel gives types to a part of its functions only; those without are marked.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np

from unet.data import nifti_file
from unet.system.atomic_file import write_bytes
from unet.system.os_error import while_writing


def read_header(path: Path) -> nib.Nifti1Header:
    """The header of a NIfTI file with its extensions; a plain file may be named .nii.gz.

    Raises:
        DataError: it is missing or no NIfTI file.
    """
    return nifti_file.read_header(path).nifti


def knows_sides(header: nib.Nifti1Header) -> bool:
    """Whether a file says which way its axes run; else nibabel guesses the patient's sides."""
    return bool(header["qform_code"] > 0 or header["sform_code"] > 0)


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
    written = header.copy()
    written.set_data_dtype(array.dtype)
    written["scl_slope"], written["scl_inter"] = np.nan, np.nan
    written["cal_min"], written["cal_max"] = 0, 0
    # The affine is the source header's, so both of its forms are kept.
    image = kind(array, affine, written)  # type: ignore[no-untyped-call]
    try:
        write_bytes(path, gzip.compress(image.to_bytes(), compresslevel=1, mtime=0))
    except OSError as error:
        raise while_writing(path, error) from error
