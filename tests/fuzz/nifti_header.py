"""Headers of NIfTI files: NIfTI-1 and 2, both byte orders, with extensions, as image and label."""

from __future__ import annotations

import random
from pathlib import Path

import nibabel as nib
import numpy as np

from unet.data.volume import read_image, read_label
from unet.inference.prediction_file import read_header

NAME = "a.nii"
BODY = 120 * 2  # bytes of the voxels at the end, which stay as they are


def _seeds() -> tuple[bytes, ...]:
    array = np.arange(120, dtype=np.int16).reshape(6, 5, 4)
    plain = nib.Nifti1Image(array, np.eye(4))
    turned = nib.Nifti1Image(array, None)
    turned.header.set_qform(np.diag([-1.0, -1, 1, 1]), code=1)
    remarked = nib.Nifti1Image(array, np.eye(4))
    remarked.header.extensions.append(nib.nifti1.Nifti1Extension(6, b"a remark"))
    big = nib.Nifti1Image(array.astype(">i2"), np.eye(4), nib.Nifti1Header(endianness=">"))
    scaled = nib.Nifti1Image(array, np.eye(4))
    scaled.header.set_slope_inter(2, 1)
    images = (plain, turned, remarked, big, scaled, nib.Nifti2Image(array, np.eye(4)))
    return tuple(image.to_bytes() for image in images)


SEEDS = _seeds()


def mutated(content: bytes, rng: random.Random) -> bytes:
    """Changes the header alone, in place: its length stays."""
    head = bytearray(content[:-BODY])
    for _ in range(rng.randint(1, 4)):
        place, width = rng.randrange(len(head) - 8), rng.choice((1, 2, 4, 8))
        values = (rng.randbytes(width), bytes(width), b"\xff" * width, b"\x7f" * width)
        head[place : place + width] = rng.choice(values)
    return bytes(head) + content[-BODY:]


def read(path: Path) -> None:
    """Reads it as an image, as that image's label, and for what a prediction copies."""
    volume = read_image(path, 1)
    read_header(path)
    read_label(path, volume, range(256))
