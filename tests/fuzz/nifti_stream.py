"""Streams of NIfTI files: plain and packed, cut, doubled, with bits turned over."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np

from unet.data.volume import read_image

NAME = "a.nii.gz"


def _seeds() -> tuple[bytes, ...]:
    rng = np.random.default_rng(0)
    array = rng.integers(0, 50, (8, 7, 6)).astype(np.float32)
    plain = nib.Nifti1Image(array, np.eye(4)).to_bytes()
    packed = gzip.compress(plain, mtime=0)
    half = len(plain) // 2
    members = gzip.compress(plain[:half], mtime=0) + gzip.compress(plain[half:], mtime=0)
    return plain, packed, members, gzip.compress(plain, 0, mtime=0)


SEEDS = _seeds()


def read(path: Path) -> None:
    """Reads it as an image."""
    read_image(path, 1)
