"""The run folder: made once, its small files written whole or not at all."""

from __future__ import annotations

from pathlib import Path

from unet.system.atomic_file import write_text
from unet.system.os_error import while_writing


def make_folder(run: Path) -> None:
    """Makes the folder where it is missing.

    Raises:
        DiskError: it cannot be made.
    """
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise while_writing(run, error) from error


def write_file(file: Path, text: str) -> None:
    """Writes text and the end of its last line.

    Raises:
        DiskError: the disk is full or not writable; an older file stays as it was.
    """
    try:
        write_text(file, text + "\n")
    except OSError as error:
        raise while_writing(file, error) from error
