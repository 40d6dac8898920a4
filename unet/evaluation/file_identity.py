"""Whether a file still is the one that was scored.

A file is known by the digest of its bytes, compressed as they are.  To read all of a large data
set again only to find it unchanged would take minutes, so size, times and inode are kept as
well: where none of them differs the bytes are not read.  The time of the inode's last change is
among them, which no copying program can set back.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from unet.system.os_error import while_reading


class FileIdentity(BaseModel):
    """What a file was when it was read.

    Attributes:
        sha256: of its bytes.
        size: in bytes.
        mtime_ns: when its content was changed last, in nanoseconds.
        ctime_ns: when its inode was changed last, likewise.
        inode: its number in the file system.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    def is_of(self, file: Path) -> bool:
        """Whether a file still has these bytes; False too if it cannot be read."""
        try:
            found = file.stat()
            if found.st_size != self.size:
                return False
            return self._place() == _place(found) or self.sha256 == _digest(file)
        except OSError:
            return False

    def _place(self) -> tuple[int, int, int]:
        return self.mtime_ns, self.ctime_ns, self.inode


def identify(file: Path) -> FileIdentity:
    """Reads a file's identity.

    Taken before the file is used: one that is changed meanwhile then differs at the next look.

    Raises:
        DataError: it cannot be read.
    """
    try:
        found = file.stat()
        digest = _digest(file)
    except OSError as error:
        remedy = "make it readable, or take the case out of dataset.json"
        raise while_reading(file, error, remedy) from error
    mtime_ns, ctime_ns, inode = _place(found)
    return FileIdentity(
        sha256=digest, size=found.st_size, mtime_ns=mtime_ns, ctime_ns=ctime_ns, inode=inode
    )


def _place(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
