"""Images and labels as arrays: what their files hold must be numbers, and belong together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unet.data import geometry
from unet.data.axes import Spacing
from unet.data.dataset import Case, Dataset
from unet.data.nifti_file import Stream, open_nifti
from unet.data.nifti_header import times
from unet.system.errors import DataError

LABEL_TOLERANCE = 1e-3  # what float storage and scl_slope may add to an integer
SHIFT_TOLERANCE = 0.5  # voxels between the corners of image and label
MANY_VALUES = 1024  # of a label that is none; it is refused before they fill the memory


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

    Beside the array itself it takes a few megabytes.

    Args:
        path: of the image.
        channels: that the file must hold.
        picked: indices of the channels to return, None for all.

    Raises:
        DataError: the file is missing, damaged, not NIfTI, of other dimensions than the
            data set's, or holds NaN or infinity.
        MemoryShortError: there is no memory for it.
    """
    with open_nifti(path) as stream:
        header = stream.header
        stored = header.shape[3] if len(header.shape) == 4 else 1
        if stored != channels:
            plural = "s" if stored > 1 else ""
            count = f"{stored} channel{plural} (shape {times(header.stored_shape)})"
            remedy = f"dataset.json's modality lists {channels}: correct it or the file"
            raise DataError(str(path), count, remedy)
        used = list(range(channels)) if picked is None else list(picked)
        # As in the file: X fastest, channels slowest.
        values = np.empty((len(used), math.prod(header.shape[:3])), dtype=np.float32)
        for place, channel, part in _by_channel(stream):
            if channel in used:
                with np.errstate(over="ignore"):  # beyond float32 is infinite, refused below
                    values[used.index(channel), place : place + part.size] = part
    shape = header.shape[:3]
    array = values.reshape(len(used), *reversed(shape)).transpose(3, 2, 1, 0)
    _require_finite(path, values)
    orientation = geometry.orientation_of(header.affine)
    spacing = geometry.spacing_of(header.affine, header.unit, orientation)
    return Volume(array=array, affine=header.affine, spacing=spacing)


def read_case(
    dataset: Dataset, case: Case, picked: Sequence[int] | None = None
) -> tuple[Volume, NDArray[np.uint8] | None]:
    """Reads a case: its image, and its label where it has one.

    Args:
        dataset: that the case belongs to.
        case: to read.
        picked: indices of the channels to return, None for all.

    Raises:
        DataError: as for `read_image` and `read_label`.
        MemoryShortError: there is no memory for it.
    """
    image = read_images(case.images, len(dataset.channels), picked)
    if case.label is None:
        return image, None
    return image, read_label(case.label, image, tuple(dataset.labels), dataset.ignore)


def read_images(
    files: Sequence[Path], channels: int, picked: Sequence[int] | None = None
) -> Volume:
    """Reads an image whose channels lie in one file or in one file each.

    Raises:
        DataError: as for `read_image`; the files differ in shape or place.
        MemoryShortError: there is no memory for it.
    """
    if len(files) == 1:
        return read_image(files[0], channels, picked)
    if len(files) != channels:
        found = f"{len(files)} files for the channels of this case"
        raise DataError(str(files[0]), found, f"dataset.json's modality lists {channels}")
    used = list(range(channels)) if picked is None else list(picked)
    array: NDArray[np.float32] | None = None
    first: Volume | None = None
    for index, channel in enumerate(used):
        volume = read_image(files[channel], 1)
        if first is None or array is None:
            first = volume
            array = np.empty((len(used), *reversed(volume.array.shape[:3])), np.float32).T
        if volume.array.shape != first.array.shape:
            shapes = times(volume.array.shape[:3]), times(first.array.shape[:3])
            found = f"shape {shapes[0]}, but {files[used[0]].name} has {shapes[1]}"
            raise DataError(str(files[channel]), found, "give channels of one and the same case")
        _require_same_place(files[channel], volume.affine, first)
        array[..., index] = volume.array[..., 0]
    assert first is not None, "some channel is used"
    assert array is not None, "and read"
    return Volume(array=array, affine=first.affine, spacing=first.spacing)


def read_label(
    path: Path, image: Volume, labels: Sequence[int], ignore: int | None = None
) -> NDArray[np.uint8]:
    """Reads the label values [X, Y, Z] that belong to `image`.

    Args:
        path: of the label.
        image: shape and affine must agree with it.
        labels: the values of dataset.json; 0 is always allowed.
        ignore: value of voxels that nobody judged; it becomes background.

    Raises:
        DataError: as for `read_image`; other shape or position than the image; values that
            are no integers or not in dataset.json.
        MemoryShortError: there is no memory for it.
    """
    with open_nifti(path) as stream:
        shape = stream.header.shape
        if shape != image.array.shape[:3]:
            found = f"shape {times(shape)}, but its image has {times(image.array.shape[:3])}"
            raise DataError(str(path), found, "pair the label with its own image")
        _require_same_place(path, stream.header.affine, image)
        known = [*labels, *([] if ignore is None else [ignore])]
        values = np.empty(math.prod(shape), dtype=np.uint8)
        found_values: set[int] = set()
        place = 0
        for part in stream.pieces():
            whole = part if np.issubdtype(part.dtype, np.integer) else _rounded(path, part)
            found_values.update(int(value) for value in np.unique(whole))
            if len(found_values) > MANY_VALUES:
                _require_known(path, found_values, known)
            with np.errstate(invalid="ignore"):  # an unknown value, refused below
                values[place : place + part.size] = whole.astype(np.uint8)
            place += part.size
    _require_known(path, found_values, known)
    if ignore in found_values:
        values[values == ignore] = 0
    return values.reshape(*reversed(shape)).transpose(2, 1, 0)


def _by_channel(stream: Stream) -> Iterator[tuple[int, int, NDArray[np.number]]]:
    """(first voxel, channel, values) of each piece, none across two channels."""
    voxels, done = math.prod(stream.header.shape[:3]), 0
    for piece in stream.pieces():
        while piece.size:
            channel, place = divmod(done, voxels)
            part = piece[: voxels - place]
            yield place, channel, part
            done += part.size
            piece = piece[part.size :]


def _require_finite(path: Path, values: NDArray[np.float32]) -> None:
    bad = 0
    for part in np.array_split(values.reshape(-1), 1 + values.size // 2**22):
        # The sum is finite unless a voxel is not (or the sum overflows): mostly enough.
        with np.errstate(invalid="ignore"):  # infinity minus infinity
            total = part.sum(dtype=np.float64)
        if not np.isfinite(total):
            bad += int(part.size - np.isfinite(part).sum())
    if bad:
        found = f"{bad} NaN or infinite voxels of {values.size}"
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


def _rounded(path: Path, values: NDArray[np.number]) -> NDArray[np.floating]:
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


def _require_known(path: Path, values: set[int], labels: Sequence[int]) -> None:
    known = {0, *labels}
    unknown = sorted(values - known)
    if unknown:
        listed = ", ".join(str(value) for value in unknown[:5])
        found = f"label value{'s' if len(unknown) > 1 else ''} {listed} not in dataset.json"
        remedy = f"its labels are {', '.join(map(str, sorted(known)))}: correct it or the file"
        raise DataError(str(path), found, remedy)
