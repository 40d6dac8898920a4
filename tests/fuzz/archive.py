"""Archives of data sets: zip, and tar in every compression."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import inflate64
from unet_image.archive import unpack

NAME = "archive"
FILES = {"Task/dataset.json": b'{"name": "Small"}', "Task/imagesTr/a.nii.gz": bytes(range(256)) * 4}


def _deflate64() -> bytes:
    """A zip whose member is packed by Deflate64, laid out by hand: zipfile cannot."""
    content = b"some text, again and again" * 40
    packer = inflate64.Deflater()
    packed = packer.deflate(content) + packer.flush()
    name = b"Task/dataset.json"
    sizes = struct.pack("<III", zlib.crc32(content), len(packed), len(content))
    common = struct.pack("<HHHHH", 21, 0, 9, 0, 0x21) + sizes + struct.pack("<HH", len(name), 0)
    local = b"PK\x03\x04" + common + name + packed
    central = b"PK\x01\x02" + struct.pack("<H", 21) + common + bytes(14) + name
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + end


def _seeds() -> tuple[bytes, ...]:
    tar, stored, deflated = io.BytesIO(), io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        for name, content in FILES.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    for stream, method in ((stored, zipfile.ZIP_STORED), (deflated, zipfile.ZIP_DEFLATED)):
        with zipfile.ZipFile(stream, "w", method) as packed:
            for name, content in FILES.items():
                packed.writestr(zipfile.ZipInfo(name), content, method)
    plain = tar.getvalue()
    compressed = (gzip.compress(plain, mtime=0), bz2.compress(plain), lzma.compress(plain))
    return plain, *compressed, stored.getvalue(), deflated.getvalue(), _deflate64()


SEEDS = _seeds()


def read(path: Path) -> None:
    """Unpacks it beside itself; nothing may appear elsewhere."""
    folder = path.parent / "files"
    folder.mkdir()
    try:
        unpack(path, folder, "archive")
    finally:
        shutil.rmtree(folder)
    beside = {entry.name for entry in path.parent.iterdir()}
    assert beside == {NAME}, f"written outside: {beside}"
