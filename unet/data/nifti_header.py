"""Reads a NIfTI header and checks it against the file that it describes.

A header is a promise: so many voxels, of such a type, from such a byte on. What a file of
this length cannot keep is refused before any memory is taken for it.
"""

from __future__ import annotations

import io
import logging
import math
import warnings
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel import imageglobals
from numpy.typing import NDArray

from unet.system.errors import DataError

# nibabel logs what it tolerates in a header, case by case, on stderr; what matters of it is
# an error of ours below.
imageglobals.logger.setLevel(logging.CRITICAL)

COPY_AGAIN = "copy or download the file again"
NIFTI1_BYTES, NIFTI2_BYTES = 348, 540
DESCRIPTION_BYTES = 2**26  # of extensions before the voxels; more is no description
ROUNDING = 1e-4  # what storing a unit quaternion with four digits may add to its length
SPATIAL_UNITS = {1: "meter", 2: "mm", 3: "micron"}  # the lowest 3 bits of xyzt_units
SEVERAL_VALUES = 5  # the header's code of a fifth dimension that holds a vector


@dataclass(frozen=True)
class Header:
    """What a header says of its file.

    Attributes:
        nifti: the header itself, its quaternion of at most unit length.
        shape: (X, Y, Z) or (X, Y, Z, C); axes of one voxel at the end left out.
        stored_shape: as the header has it.
        dtype: of a stored voxel.
        offset: bytes before the first voxel.
        scale: slope and intercept, None where voxels are their own values.
        affine: float64 [4, 4], voxel indices to `unit`.
        unit: meter, mm, micron or unknown.
    """

    nifti: nib.Nifti1Header
    shape: tuple[int, ...]
    stored_shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    offset: int
    scale: tuple[float, float] | None
    affine: NDArray[np.float64]
    unit: str

    @property
    def voxels(self) -> int:
        """Values stored, of all channels."""
        return math.prod(self.shape)

    @property
    def file_bytes(self) -> int:
        """Bytes of the unpacked file up to the last voxel."""
        return self.offset + self.voxels * self.dtype.itemsize

    @property
    def slice_bytes(self) -> int:
        """Bytes of the thinnest slab that another size along one axis would add."""
        return min(self.voxels // size for size in self.shape) * self.dtype.itemsize


def header_bytes(start: bytes) -> int:
    """Bytes of the header of a file that starts so: NIfTI-2 tells by its first number."""
    second = NIFTI2_BYTES in (int.from_bytes(start[:4], order) for order in ("little", "big"))
    return NIFTI2_BYTES if second else NIFTI1_BYTES


def parse_header(path: Path, block: bytes) -> Header:
    """Reads a header.

    Args:
        path: for messages.
        block: the file's first 348 or 540 bytes, as `header_bytes` says.

    Raises:
        DataError: it is no NIfTI header, or what it says cannot be.
    """
    nifti = _nifti(path, block)
    stored = tuple(int(size) for size in nifti.get_data_shape())
    dtype = nifti.get_data_dtype()
    if dtype.fields is not None or dtype.kind not in "iuf":
        raise DataError(str(path), f"voxels of type {dtype}", "store one number a voxel")
    bits = _stored_bits(block, nifti)
    if bits not in (0, 8 * dtype.itemsize):
        found = f"{bits} bits per voxel, but its type {dtype} has {8 * dtype.itemsize}"
        raise DataError(f"{path}: header", found, COPY_AGAIN)
    shape = _shape(stored)
    if len(shape) not in (3, 4) or min(shape) < 1:
        remedy = "store a volume as XxYxZ, several channels as XxYxZxC"
        raise DataError(str(path), f"shape {times(stored)}", remedy)
    return Header(
        nifti=nifti,
        shape=shape,
        stored_shape=stored,
        dtype=dtype,
        offset=_offset(path, nifti, len(block)),
        scale=_scale(path, nifti),
        affine=_affine(path, nifti),
        # get_xyzt_units refuses codes it does not know; to us they are "unknown".
        unit=SPATIAL_UNITS.get(int(nifti["xyzt_units"]) & 7, "unknown"),
    )


def add_extensions(nifti: nib.Nifti1Header, described: bytes) -> None:
    """Gives a header the extensions that lie between it and the voxels, if they are sound."""
    if len(described) < 12 or not described[0]:
        return
    stream = io.BytesIO(described[4:])
    with warnings.catch_warnings():  # of sizes that are no multiple of 16: no fault of the voxels
        warnings.simplefilter("ignore")
        try:
            found = nifti.exts_klass.from_fileobj(  # type: ignore[no-untyped-call]  # nibabel has none
                stream, len(described) - 4, nifti.endianness != "<"
            )
        except Exception:  # remarks that nobody can read are left out
            return
    nifti.extensions.extend(found)


def times(shape: tuple[int, ...]) -> str:
    """A shape as people write it: 240x240x155."""
    return "x".join(str(size) for size in shape)


def _nifti(path: Path, block: bytes) -> nib.Nifti1Header:
    second = len(block) == NIFTI2_BYTES
    try:
        with np.errstate(all="ignore"):  # of a NaN in the header; `_affine` looks for it
            kind = nib.Nifti2Header if second else nib.Nifti1Header
            nifti: nib.Nifti1Header = kind(block)  # type: ignore[no-untyped-call]  # nibabel has none
            nifti.get_data_dtype()
    # nibabel raises whatever its parts raise (HeaderDataError, KeyError, OverflowError, …).
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(str(path), f"not a NIfTI file ({reason})", COPY_AGAIN) from None
    if bytes(nifti["magic"])[:2] == b"ni":
        remedy = "convert the pair of .hdr and .img to one .nii.gz"
        raise DataError(str(path), "a header whose voxels are in another file", remedy)
    _shorten_quaternion(nifti)
    return nifti


def _stored_bits(block: bytes, nifti: nib.Nifti1Header) -> int:
    """Bits per voxel as stored: nibabel puts right what contradicts the type."""
    raw = np.ndarray((), nifti.template_dtype.newbyteorder(nifti.endianness), block)
    return int(raw["bitpix"])


def _shape(stored: tuple[int, ...]) -> tuple[int, ...]:
    """The shape without axes of one voxel that say nothing; X x Y x Z x 1 x C has channels."""
    if len(stored) == SEVERAL_VALUES and stored[3] == 1:
        stored = (*stored[:3], stored[4])
    while len(stored) > 3 and stored[-1] == 1:
        stored = stored[:-1]
    return stored


def _offset(path: Path, nifti: nib.Nifti1Header, header: int) -> int:
    offset = float(nifti["vox_offset"])
    least = header + 4
    if not (math.isfinite(offset) and offset == int(offset) and offset >= least):
        found = f"voxels from byte {offset:g}, but its header has {least}"
        raise DataError(f"{path}: header", found, COPY_AGAIN)
    return int(offset)


def _scale(path: Path, nifti: nib.Nifti1Header) -> tuple[float, float] | None:
    """Slope and intercept; a slope of 0 or NaN means none, as the standard says."""
    try:
        slope, intercept = nifti.get_slope_inter()
    except Exception as error:  # HeaderDataError for an intercept of NaN
        reason = str(error).splitlines()[0]
        raise DataError(f"{path}: header", reason, "repair scl_slope and scl_inter") from None
    if slope is None or (slope, intercept) == (1.0, 0.0):
        return None
    return float(slope), float(intercept or 0.0)


def _shorten_quaternion(nifti: nib.Nifti1Header) -> None:
    """Brings a quaternion that rounding made longer than 1 back to 1.

    Half turns store three numbers whose squares add up to 1; the fourth, computed from them,
    would be the root of a negative number.
    """
    names = ("quatern_b", "quatern_c", "quatern_d")
    parts = np.array([float(nifti[name]) for name in names])
    with np.errstate(all="ignore"):
        length = float(parts @ parts)
    if 1.0 < length <= 1.0 + ROUNDING:
        for name, part in zip(names, parts / math.sqrt(length) * (1 - 1e-7), strict=True):
            nifti[name] = part


def _affine(path: Path, nifti: nib.Nifti1Header) -> NDArray[np.float64]:
    where, remedy = f"{path}: affine", "repair the header's sform or qform"
    try:
        with np.errstate(all="ignore"):
            affine = np.asarray(nifti.get_best_affine(), dtype=np.float64)
            sizes = nib.affines.voxel_sizes(affine)
            volume = abs(np.linalg.det(affine[:3, :3]))
    except Exception as error:  # ValueError, LinAlgError, HeaderDataError
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(where, reason, remedy) from None
    with np.errstate(all="ignore"):
        sound = np.isfinite(affine).all() and volume > 1e-6 * sizes.prod() > 0
    if not sound:
        raise DataError(where, "not finite or not invertible", remedy)
    return affine
