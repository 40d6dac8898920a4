"""Archives that are damaged, locked or packed by a method that nobody reads here."""

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zipfile

import pytest
from unet_image import archive

from unet.system.errors import DataError

CONTENT = os.urandom(40_000)
PACKERS = {"xz": lzma.compress, "gz": gzip.compress, "bz2": bz2.compress}


def plain_tar():
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name in ("Task/dataset.json", "Task/imagesTr/a.nii.gz"):
            member = tarfile.TarInfo(name)
            member.size = len(CONTENT)
            tar.addfile(member, io.BytesIO(CONTENT))
    return packed.getvalue()


def plain_zip():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archived:
        archived.writestr("Task/dataset.json", CONTENT)
    return bytearray(packed.getvalue())


def refused(tmp_path, content, *parts):
    (tmp_path / "archive").write_bytes(bytes(content))
    (tmp_path / "files").mkdir(exist_ok=True)
    with pytest.raises(DataError) as caught:
        archive.unpack(tmp_path / "archive", tmp_path / "files", "https://there/a")
    text = str(caught.value)
    assert "\n" not in text
    for part in ("https://there/a", *parts):
        assert part in text


@pytest.mark.parametrize("kind", PACKERS)
def test_each_compression_is_read(tmp_path, kind):
    (tmp_path / "a").write_bytes(PACKERS[kind](plain_tar()))
    archive.unpack(tmp_path / "a", tmp_path / "files", "a")
    assert (tmp_path / "files/Task/dataset.json").read_bytes() == CONTENT


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.parametrize("damage", ["cut", "flipped", "last byte"])
def test_a_damaged_tar_is_refused(tmp_path, kind, damage):
    content = bytearray(PACKERS[kind](plain_tar()))
    if damage == "cut":
        content = content[: len(content) * 2 // 3]
    elif damage == "flipped":
        content[len(content) // 2] ^= 16
    elif kind == "bz2":
        content = content[:-1]
    else:  # of the checksum at the end, which only a reader to the end finds
        content[-2 if kind == "xz" else -5] ^= 1
    refused(tmp_path, content, "no readable archive")


def test_a_zip_with_a_password_is_named(tmp_path):
    content = plain_zip()
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + place] |= 1
    refused(tmp_path, content, "'Task/dataset.json' has a password", "pack it without")


@pytest.mark.parametrize(("method", "named"), [(14, "LZMA"), (98, "PPMd"), (77, "method 77")])
def test_a_zip_of_an_unknown_method_is_named(tmp_path, method, named):
    content = plain_zip()
    for mark, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        content[content.index(mark) + place] = method
    refused(tmp_path, content, f"is packed by {named}", ".tar.gz")


def test_a_zip_whose_content_has_changed_is_refused(tmp_path):
    content = plain_zip()
    content[5000] ^= 1
    refused(tmp_path, content, "no readable archive")


def test_a_zip_that_leads_elsewhere_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a", "w") as packed:
        packed.writestr("../outside", "x")
    with pytest.raises(DataError, match="outside"):
        archive.unpack(tmp_path / "a", tmp_path / "files", "a")
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("content", [b"", bytes(10_240), b"\x1f\x8b", b"BZh9", b"\xfd7zXZ\0"])
def test_any_bytes_end_in_one_line(tmp_path, content):
    refused(tmp_path, content, "no readable archive")
