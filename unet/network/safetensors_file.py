"""Our own form of a model file: weights by name in a safetensors file, and JSON about them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from unet.system.atomic_file import write_bytes

SUFFIX = ".safetensors"
ABOUT = "unet"  # key of the file's metadata


def write_safetensors(file: Path, about: str, weights: Mapping[str, NDArray[np.float32]]) -> None:
    """Writes a model file, whole or not at all.

    Args:
        about: JSON.
        weights: by name.

    Raises:
        OSError: as the system gives it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    for leftover in file.parent.glob(f".{file.name}.*"):  # of a writer that was killed
        leftover.unlink(missing_ok=True)
    # The file's bytes are the array's, so it must lie in memory as it is indexed.
    arrays = {name: np.ascontiguousarray(array) for name, array in weights.items()}
    write_bytes(file, save(arrays, {ABOUT: about}))


def read_safetensors(file: Path) -> tuple[str | None, dict[str, NDArray[np.float32]]]:
    """Reads a model file.

    Returns:
        JSON about the weights, or None if another program wrote the file; the weights by name.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is damaged.
    """
    with file.open("rb"):  # the library calls every file that it cannot open a missing one
        pass
    try:
        with safe_open(file, framework="numpy") as stored:
            about = (stored.metadata() or {}).get(ABOUT)
            names = stored.keys()
            return about, {name: stored.get_tensor(name) for name in names}
    except SafetensorError as error:
        raise ValueError(str(error)) from error
