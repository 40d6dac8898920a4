"""Reads NIfTI files: the only module that touches the files of a case.

A file is read to its last byte, so that a damaged one is found here and not by a wrong
result, and every fault is one `DataError` that names the file.
"""

from __future__ import annotations

import gzip
import logging
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel import imageglobals
from nibabel.arrayproxy import ArrayProxy
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray

from unet.data import geometry
from unet.data.axes import Shape, Spacing
from unet.system.errors import DataError

# nibabel logs what it tolerates in a header, case by case, on stderr; what matters of it is
# an error of ours below.
imageglobals.logger.setLevel(logging.CRITICAL)

COPY_AGAIN = "copy or download the file again"
# What nibabel raises for a file that is not NIfTI or has a damaged header.
NOT_NIFTI = (ImageFileError, HeaderDataError, WrapStructError, ValueError, OSError, KeyError)
SPATIAL_UNITS = {1: "meter", 2: "mm", 3: "micron"}  # the lowest 3 bits of xyzt_units
LABEL_TOLERANCE = 1e-3  # what float storage and scl_slope may add to an integer
SHIFT_TOLERANCE = 0.5  # voxels between the corners of image and label


@dataclass(frozen=True)
class Volume:
    """An image as stored, scaled by its header's slope.

    Attributes:
        array: float32 [X, Y, Z, C].
        affine: float64 [4, 4], voxel indices to mm.
        spacing: mm along the RAS axes, or None if the header does not tell it.
    """

    array: NDArray[np.float32]
    affine: NDArray[np.float64]
    spacing: Spacing | None


def read_image(path: Path, channels: int, picked: Sequence[int] | None = None) -> Volume:
    """Reads an image.

    Args:
        path: of the image.
        channels: that the file must hold.
        picked: indices of the channels to return, None for all.

    Raises:
        DataError: the file is missing, damaged, not NIfTI, of other dimensions than the
            data set's, or holds NaN or infinity.
    """
    image = _open(path)
    shape = tuple(s for s in image.shape)
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    spatial, stored = _split_shape(path, shape)
    if stored != channels:
        count = f"{stored} channel{'s' if stored > 1 else ''} (shape {_times(image.shape)})"
        remedy = f"dataset.json's modality lists {channels}: correct it or the file"
        raise DataError(str(path), count, remedy)
    proxy = image.dataobj
    used = list(range(channels)) if picked is None else list(picked)
    array = np.empty((*spatial, len(used)), dtype=np.float32)
    with np.errstate(over="ignore"):  # beyond float32 becomes infinite and is refused below
        for index, channel in enumerate(used):
            part = proxy[..., channel] if len(shape) == 4 else proxy[...].reshape(spatial)
            array[..., index] = part.reshape(spatial)
    _require_finite(path, array)
    affine = _affine(path, image)
    # get_xyzt_units refuses codes it does not know; to us they are "unknown".
    unit = SPATIAL_UNITS.get(int(image.header["xyzt_units"]) & 7, "unknown")
    spacing = geometry.spacing_of(affine, unit, geometry.orientation_of(affine))
    return Volume(array=array, affine=affine, spacing=spacing)


def read_label(path: Path, image: Volume, labels: Sequence[int]) -> NDArray[np.uint8]:
    """Reads the label values [X, Y, Z] that belong to `image`.

    Args:
        path: of the label.
        image: shape and affine must agree with it.
        labels: the values of dataset.json; 0 is always allowed.

    Raises:
        DataError: as for `read_image`; other shape or position than the image; values that
            are no integers or not in dataset.json.
    """
    label = _open(path)
    shape = tuple(label.shape)
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if shape != image.array.shape[:3]:
        found = f"shape {_times(shape)}, but its image has {_times(image.array.shape[:3])}"
        raise DataError(str(path), found, "pair the label with its own image")
    _require_same_place(path, _affine(path, label), image)
    values = np.asarray(label.dataobj).reshape(shape)
    if not np.issubdtype(values.dtype, np.integer):
        values = _rounded(path, values)
    _require_known(path, values, labels)
    return values.astype(np.uint8)


def _open(path: Path) -> nib.Nifti1Image:
    """Reads and unpacks the whole file; the checksum of a gzip is checked on the way."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(str(path), "no such file", "correct its path in dataset.json") from None
    except OSError as error:
        raise DataError(str(path), error.strerror or str(error), "make it readable") from None
    if not content:
        raise DataError(str(path), "an empty file", COPY_AGAIN)
    # By content, not by name: a plain .nii named .nii.gz is common and harmless.
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except EOFError:
            raise DataError(str(path), "truncated gzip", COPY_AGAIN) from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise DataError(str(path), f"damaged gzip ({error})", COPY_AGAIN) from None
    return _parse(path, content)


def _parse(path: Path, content: bytes) -> nib.Nifti1Image:
    """Reads header and array; refuses a file shorter than its header promises."""
    nifti2 = len(content) >= 4 and 540 in (
        int.from_bytes(content[:4], "little"),
        int.from_bytes(content[:4], "big"),
    )
    try:
        with np.errstate(all="ignore"):  # of a NaN in the header; `_affine` looks for it
            image = (nib.Nifti2Image if nifti2 else nib.Nifti1Image).from_bytes(content)
            dtype = image.get_data_dtype()
        proxy = image.dataobj
        assert isinstance(proxy, ArrayProxy), "bytes are mapped, not copied"
        needed = proxy.offset + math.prod(image.shape) * dtype.itemsize
    except NOT_NIFTI as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(str(path), f"not a NIfTI file ({reason})", COPY_AGAIN) from None
    if dtype.fields is not None or dtype.kind not in "iuf":
        raise DataError(str(path), f"voxels of type {dtype}", "store one number a voxel")
    if len(content) < needed:
        found = f"truncated: {len(content)} of {needed} bytes"
        raise DataError(str(path), found, COPY_AGAIN)
    return image


def _split_shape(path: Path, shape: tuple[int, ...]) -> tuple[Shape, int]:
    """(X, Y, Z) and the number of channels."""
    if len(shape) not in (3, 4) or min(shape) < 1:
        remedy = "store a volume as XxYxZ, several channels as XxYxZxC"
        raise DataError(str(path), f"shape {_times(shape)}", remedy)
    return (shape[0], shape[1], shape[2]), shape[3] if len(shape) == 4 else 1


def _affine(path: Path, image: nib.Nifti1Image) -> NDArray[np.float64]:
    affine = np.asarray(image.affine, dtype=np.float64)
    sizes = nib.affines.voxel_sizes(affine)
    volume = abs(np.linalg.det(affine[:3, :3]))
    if not np.isfinite(affine).all() or not volume > 1e-6 * sizes.prod():
        remedy = "repair the header's sform or qform"
        raise DataError(f"{path}: affine", "not finite or not invertible", remedy)
    return affine


def _require_finite(path: Path, array: NDArray[np.float32]) -> None:
    # The sum is finite unless a voxel is not (or the sum overflows): cheap, mostly enough.
    if np.isfinite(array.sum(dtype=np.float64)):
        return
    bad = int(array.size - np.isfinite(array).sum())
    if bad:
        found = f"{bad} NaN or infinite voxels of {array.size}"
        raise DataError(str(path), found, "repair the image or leave the case out")


def _require_same_place(path: Path, affine: NDArray[np.float64], image: Volume) -> None:
    """Refuses a label whose corners lie elsewhere than the image's.

    Measured where it hurts, in voxels at the volume's corners: headers written by two tools
    differ in the last digits, and that is no fault.
    """
    shape = np.array(image.array.shape[:3]) - 1
    corners = np.array(np.meshgrid(*([0, size] for size in shape))).reshape(3, -1)
    corners = np.vstack([corners, np.ones(corners.shape[1])])
    in_image = np.linalg.solve(image.affine, affine @ corners)
    shift = float(np.abs(in_image - corners)[:3].max())
    if shift > SHIFT_TOLERANCE:
        found = f"its affine is {shift:.1f} voxels off its image's"
        remedy = "copy the image's affine if they match voxel by voxel, else leave the case out"
        raise DataError(f"{path}: affine", found, remedy)


def _rounded(path: Path, values: NDArray[np.floating]) -> NDArray[np.floating]:
    if not np.isfinite(values).all():
        raise DataError(str(path), "NaN or infinite label values", "repair the label")
    nearest: NDArray[np.floating] = np.rint(values)
    off = float(np.abs(values - nearest).max(initial=0.0))
    if off > LABEL_TOLERANCE:
        worst = values.ravel()[np.abs(values - nearest).argmax()]
        found = f"label value {worst:g}, no integer"
        remedy = "store integer labels (was it resampled without nearest neighbour?)"
        raise DataError(str(path), found, remedy)
    return nearest


def _require_known(path: Path, values: NDArray[np.number], labels: Sequence[int]) -> None:
    known = {0, *labels}
    unknown = [int(value) for value in np.unique(values) if int(value) not in known]
    if unknown:
        listed = ", ".join(str(value) for value in unknown[:5])
        found = f"label value{'s' if len(unknown) > 1 else ''} {listed} not in dataset.json"
        remedy = f"its labels are {', '.join(map(str, sorted(known)))}: correct it or the file"
        raise DataError(str(path), found, remedy)


def _times(shape: Sequence[int]) -> str:
    return "x".join(str(size) for size in shape)
