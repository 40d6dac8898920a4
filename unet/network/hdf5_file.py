"""The course's form of a model file: HDF5 that Keras alone loads.

The network in it is made of Keras' own layers and its output are probabilities.  JSON about the
weights is an attribute of the file.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import keras
import numpy as np
from numpy.typing import NDArray

from unet.system.atomic_file import sync_folder

ABOUT = "unet"  # attribute of the file


def write_hdf5(file: Path, about: str, model: keras.Model) -> None:
    """Writes a model file, whole or not at all.

    Args:
        about: JSON.
        model: of Keras' own layers.

    Raises:
        OSError: as the system gives it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    for leftover in file.parent.glob(f".{file.name}.*"):  # of a writer that was killed
        leftover.unlink(missing_ok=True)
    # Keras takes the format from the suffix, which a user may have left out.
    temporary = file.with_name(f".{file.name}.{os.getpid()}.hdf5")
    try:
        with _without_kerass_advice():
            keras.saving.save_model(model, temporary)
        with h5py.File(temporary, "r+") as stream:
            stream.attrs[ABOUT] = about
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(file)
        sync_folder(file.parent)
    finally:
        temporary.unlink(missing_ok=True)


def read_hdf5(file: Path) -> tuple[str | None, list[NDArray[np.float32]]]:
    """Reads a model file, of this release or an earlier one.

    Returns:
        JSON about the weights, or None if another program wrote the file; the weights in the
        order of the network's.

    Raises:
        OSError: the file cannot be read or is no HDF5.
        ValueError: Keras cannot make a model of it.
    """
    with h5py.File(file, "r") as stream:
        about = stream.attrs.get(ABOUT)
    if about is None:
        return None, []
    weights: list[NDArray[np.float32]] = keras.saving.load_model(file, compile=False).get_weights()
    return str(about), weights


@contextmanager
def _without_kerass_advice() -> Iterator[None]:
    """Keeps Keras from advising every user that its .keras format be chosen instead."""

    def drop(record: logging.LogRecord) -> bool:
        return "HDF5 file" not in record.getMessage()

    logger = logging.getLogger("absl")
    logger.addFilter(drop)
    try:
        yield
    finally:
        logger.removeFilter(drop)
