"""Members of a zip that are packed by Deflate64, which Python's zipfile does not know.

Windows' Explorer packs so what is larger than 2 GB.  The decompressor is inflate64's
(LGPL-2.1, py7zr's authors), which is a C extension with wheels.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO

from inflate64 import Inflater

CHUNK_BYTES = 1 << 14
"""Read at once: a thousandth of what it may become (Deflate packs 1,032 to 1 at best)."""
HEADER = struct.Struct("<4s22xHH")
"""Of a local file header: its signature, the lengths of name and extra (APPNOTE 4.3.7)."""


def open_member(path: Path, member: zipfile.ZipInfo) -> IO[bytes]:
    """A member's bytes, unpacked, as a stream.

    Raises:
        zipfile.BadZipFile: while reading, if it is damaged; or its header is not there.
    """
    return io.BufferedReader(_Member(path, member), CHUNK_BYTES)


class _Member(io.RawIOBase):
    """Reads, unpacks, and compares length and CRC at the end."""

    def __init__(self, path: Path, member: zipfile.ZipInfo) -> None:
        self._member = member
        self._inflater = Inflater()
        self._left = member.compress_size
        self._ready = b""
        self._crc = self._size = 0
        self._stream = path.open("rb")
        self._stream.seek(member.header_offset)
        head = self._stream.read(HEADER.size)
        if len(head) < HEADER.size or not head.startswith(b"PK\x03\x04"):
            self._stream.close()
            raise zipfile.BadZipFile(f"{member.filename}: no header")
        _, name, extra = HEADER.unpack(head)
        self._stream.seek(name + extra, io.SEEK_CUR)

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # as io's
        """Fills the buffer as far as there are bytes; 0 at the end."""
        while not self._ready and self._left:
            packed = self._stream.read(min(CHUNK_BYTES, self._left))
            if not packed:
                raise zipfile.BadZipFile(f"{self._member.filename}: cut off")
            self._left -= len(packed)
            self._ready = self._inflater.inflate(packed)
            self._count(self._ready)
        if not self._ready:
            self._finish()
            return 0
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def close(self) -> None:
        """Closes the archive."""
        self._stream.close()
        super().close()

    def _count(self, data: bytes) -> None:
        self._size += len(data)
        self._crc = zlib.crc32(data, self._crc)
        if self._size > self._member.file_size:
            raise zipfile.BadZipFile(f"{self._member.filename}: longer than its header says")

    def _finish(self) -> None:
        if (self._size, self._crc) != (self._member.file_size, self._member.CRC):
            raise zipfile.BadZipFile(f"{self._member.filename}: bad checksum")
