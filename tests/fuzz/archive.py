"""Archives of data sets: zip, and tar in every compression."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import tarfile
import zipfile
from pathlib import Path

from unet_image.archive import unpack

NAME = "archive"
FILES = {"Task/dataset.json": b'{"name": "Small"}', "Task/imagesTr/a.nii.gz": bytes(range(256)) * 4}


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
    return plain, *compressed, stored.getvalue(), deflated.getvalue()


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
