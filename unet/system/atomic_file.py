"""Writing so that a reader sees the whole or nothing, whenever the writer is killed."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

LONGEST_NAME = 200  # bytes of a name that is lengthened; file systems take 255


def write_text(file: Path, text: str) -> None:
    """Writes a small UTF-8 file; see `write_bytes`."""
    write_bytes(file, text.encode())


def write_bytes(file: Path, content: bytes) -> None:
    """Writes a file: temporary file beside it, fsync, rename.

    Raises:
        OSError: as the system gives it; the temporary file is gone then.
    """
    handle, name = tempfile.mkstemp(prefix=temporary_prefix(file.name), dir=file.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o644)  # mkstemp's 0600 would hide it from the other pods' users
        temporary.replace(file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(file.parent)


def temporary_prefix(name: str) -> str:
    """The hidden beginning of a temporary name, short enough for what makes it unique."""
    return f".{name.encode()[:LONGEST_NAME].decode(errors='ignore')}."


def sync_folder(folder: Path) -> None:
    """Makes a rename inside `folder` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
